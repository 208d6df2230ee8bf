"""QR codes: in a terminal, and as pictures."""

import io
from pathlib import Path
from typing import TextIO

import segno

from arena_groups.cli import streams

QUIET_ZONE = 4  # modules, as the standard asks for
SCALE = 8  # pixels a module
# White blocks on black, whatever the terminal's own colours are.
_COLOURS = "\x1b[97;40m"
_RESET = "\x1b[0m"
_BLOCKS = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}


def show(text: str, stream: TextIO) -> None:
    """Write a QR code of ``text`` in half blocks, light modules as blocks."""
    coloured = streams.is_terminal(stream)
    before, after = (_COLOURS, _RESET) if coloured else ("", "")
    stream.writelines(f"{before}{line}{after}\n" for line in half_blocks(text))
    stream.flush()


def half_blocks(text: str) -> list[str]:
    """Return a QR code as lines of text, two modules to a character."""
    rows = [[int(module) for module in row] for row in _code(text).matrix_iter(border=QUIET_ZONE)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return ["".join(_BLOCKS[pair] for pair in zip(*two, strict=True)) for two in pairs]


def save(text: str, path: Path, kind: str) -> None:
    """Write a QR code of ``text`` as a picture of this kind (``svg`` or ``png``)."""
    picture = io.BytesIO()
    _code(text).save(picture, kind=kind, scale=SCALE, border=QUIET_ZONE)
    path.write_bytes(picture.getvalue())


def _code(text: str) -> segno.QRCode:
    return segno.make(text, micro=False)
