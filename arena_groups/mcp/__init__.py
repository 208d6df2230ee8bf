"""Server of the Model Context Protocol: tools for assistants to read and manage groups.

It needs the extra ``mcp`` (``python -m pip install "arena-groups[mcp]"``).
"""

from importlib.util import find_spec

if find_spec("mcp") is None:
    from arena_groups._extras import missing_extra

    raise missing_extra("arena_groups.mcp", "mcp", "mcp")

from arena_groups.mcp.server import create_server

__all__ = ["create_server"]
