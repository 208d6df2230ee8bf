"""Import of ``arena_groups.oauth``, with and without its extra."""

import subprocess
import sys

from arena_groups._extras import install_command


def test_import_without_the_extra_says_what_to_install() -> None:
    program = """
import sys
sys.modules["oauthlib"] = None
import arena_groups
arena_groups.OAuthError
try:
    import arena_groups.oauth
except ImportError as error:
    print(error.name, error)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    assert run.stdout == (
        f"oauthlib arena_groups.oauth needs oauthlib: {install_command('oauth')}\n"
    )


def test_importing_the_package_does_not_load_oauthlib() -> None:
    program = "from arena_groups import *\nimport sys\nprint('oauthlib' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    assert run.stdout == "False\n"
