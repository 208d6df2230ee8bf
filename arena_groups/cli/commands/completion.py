"""The command ``arena-groups completion``."""

import click
from click.shell_completion import ShellComplete, get_completion_class

from arena_groups.cli.main import Command, example

SHELLS = ("bash", "zsh", "fish")


@example("zsh, in ~/.zshrc", "completion zsh > ~/.arena-groups.zsh; source ~/.arena-groups.zsh")
@example("fish", "completion fish > ~/.config/fish/completions/arena-groups.fish")
@example(
    "bash 4.4 or newer, in ~/.bashrc",
    "completion bash > ~/.arena-groups.bash; source ~/.arena-groups.bash",
)
@click.command("completion", cls=Command)
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print a script that adds shell completion.

    SHELL is bash, zsh or fish.
    """
    root = context.find_root()
    click.echo(make_script(root.command, root.info_name or "", shell))


def make_script(program: click.Command, name: str, shell: str) -> str:
    """Return the script that adds completion of a program to a shell.

    Raises:
        click.UsageError: If the installed click has none for this shell.
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"the installed click has no completion for {shell}")
    variable = f"_{name.replace('-', '_').upper()}_COMPLETE"
    # Not found.source(): for bash it first runs the bash of this machine to check its version.
    return ShellComplete.source(found(program, {}, name, variable))
