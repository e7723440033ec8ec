"""Codes on paper: a PDF of cards to cut out, each with a QR code that opens the page on which it is redeemed.

Runs in a process of its own, since a thousand cards take seconds; so it takes plain values and asks nothing else.
"""

import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import segno
from msgspec import Struct

if TYPE_CHECKING:
    from fpdf import FPDF

MOST_CARDS = 1000
# In millimetres, on A4: three columns of eight cards.
_COLUMNS, _ROWS = 3, 8
_WIDTH, _HEIGHT = 63.0, 34.0
_LEFT, _TOP = 10.5, 12.5
_PADDING = 3.0
_QR = 25.0
_QUIET_MODULES = 1
_LEFT_TO_RIGHT, _RIGHT_TO_LEFT = "\N{LEFT-TO-RIGHT MARK}", "\N{RIGHT-TO-LEFT MARK}"
_FONTS = {("FiraGO", ""): "figo", ("FiraGO", "B"): "figbo", ("FiraMono", "B"): "fimbo"}


class Card(Struct, frozen=True):
    """What stands on one card; the address is what its QR code says."""

    school: str
    title: str
    code: str
    address: str
    note: str


def card_sheet(cards: Sequence[Card]) -> bytes:
    """Return the PDF; texts are printed as they are, in any script that the font has, right to left where it must."""
    with tempfile.TemporaryDirectory() as folder:
        sheet = _empty_sheet(Path(folder))
        for number, card in enumerate(cards):
            place = number % (_COLUMNS * _ROWS)
            if place == 0:
                sheet.add_page()
            row, column = divmod(place, _COLUMNS)
            _draw(sheet, card, _LEFT + column * _WIDTH, _TOP + row * _HEIGHT)
        return bytes(sheet.output())


def _empty_sheet(folder: Path) -> "FPDF":
    # Twenty megabytes that a server which only hands cards over to another process does not need.
    import pymupdf_fonts  # import: start-up-time
    from fpdf import FPDF  # import: start-up-time

    sheet = FPDF(orientation="portrait", unit="mm", format="A4")
    sheet.set_auto_page_break(auto=False)
    for (family, style), name in _FONTS.items():
        file = folder / f"{name}.ttf"
        file.write_bytes(pymupdf_fonts.myfont(name))
        sheet.add_font(family, style, file)
    sheet.set_text_shaping(use_shaping_engine=True)
    sheet.set_title("Access codes")
    return sheet


def _draw(sheet: "FPDF", card: Card, x: float, y: float) -> None:
    sheet.set_draw_color(200)
    sheet.set_line_width(0.1)
    sheet.rect(x, y, _WIDTH, _HEIGHT)
    _draw_qr(sheet, card.address, x + _PADDING, y + (_HEIGHT - _QR) / 2)
    left, width = x + _PADDING + _QR + 1, _WIDTH - _QR - 2 * _PADDING
    _write(sheet, card.school, left, y + 3, width, "FiraGO", "", 6.5, lines=1)
    _write(sheet, card.title, left, y + 7, width, "FiraGO", "B", 8, lines=3)
    _write(sheet, card.code, left, y + 18.5, width, "FiraMono", "B", 8.5, lines=1)
    _write(sheet, card.note, left, y + 23.5, width, "FiraGO", "", 6.5, lines=3)


def _draw_qr(sheet: "FPDF", address: str, x: float, y: float) -> None:
    matrix = segno.make(address, micro=False, error="m").matrix
    module = _QR / (len(matrix) + 2 * _QUIET_MODULES)
    sheet.set_fill_color(0)
    for row, modules in enumerate(matrix):
        start = 0
        while start < len(modules):
            if not modules[start]:
                start += 1
                continue
            end = start
            while end < len(modules) and modules[end]:
                end += 1
            # Neighbours in one piece: a third of the file, and no hairlines between them on paper.
            top, left = y + (row + _QUIET_MODULES) * module, x + (start + _QUIET_MODULES) * module
            sheet.rect(left, top, (end - start) * module, module, style="F")
            start = end


def _write(
    sheet: "FPDF", text: str, x: float, y: float, width: float, family: str, style: str, size: float, *, lines: int
) -> None:
    """Write a text in at most so many lines; a longer one ends with an ellipsis.

    Each line runs as the whole text does, also one that happens to begin with a word of the other direction.
    """
    sheet.set_font(family, style, size)
    runs_left = is_right_to_left(text)
    align, mark = ("R", _RIGHT_TO_LEFT) if runs_left else ("L", _LEFT_TO_RIGHT)
    height = size * 0.45
    found = cast("list[str]", sheet.multi_cell(width, height, text, align="L", dry_run=True, output="LINES"))
    if len(found) > lines:
        found = [*found[: lines - 1], found[lines - 1].rstrip()[:-1] + "\N{HORIZONTAL ELLIPSIS}"]
    for number, line in enumerate(found):
        sheet.set_xy(x, y + number * height)
        sheet.cell(width, height, line if is_right_to_left(line) == runs_left else mark + line, align=align)


def is_right_to_left(text: str) -> bool:
    """Whether a text runs from right to left, as its first letter does that runs anywhere."""
    strong = (unicodedata.bidirectional(letter) for letter in text)
    return next((each for each in strong if each in ("L", "R", "AL")), "L") != "L"
