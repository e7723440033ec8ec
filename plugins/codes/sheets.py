"""Codes on paper: a PDF of cards to cut out, each with a QR code that opens the page on which it is redeemed.

Runs in a process of its own, since a thousand cards take seconds; so it takes plain values and asks nothing else.
"""

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from kernel.scratch import scratch_folder
from plugins.codes import paper

if TYPE_CHECKING:
    from fpdf import FPDF

MOST_CARDS = 1000
_PER_PAGE = paper.COLUMNS * paper.ROWS
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
    with scratch_folder("sheet") as folder:
        sheet = _empty_sheet(folder)
        for number, card in enumerate(cards):
            place = number % _PER_PAGE
            if place == 0:
                sheet.add_page()
            row, column = divmod(place, paper.COLUMNS)
            left, top = paper.MARGIN
            _draw(sheet, card, left + column * paper.CARD[0], top + row * paper.CARD[1])
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
    width, height = paper.CARD
    _draw_cuts(sheet, x, y)
    _draw_qr(sheet, card.address, x + width - paper.PADDING - paper.QR, y + paper.PADDING)
    left, whole = x + paper.PADDING, width - 2 * paper.PADDING
    beside = whole - paper.QR - 3
    _write(sheet, card.school, left, y + paper.PADDING, beside, "FiraGO", "", 8, lines=1)
    _write(sheet, card.title, left, y + 9.5, beside, "FiraGO", "B", 11, lines=3)
    _write(sheet, card.code, left, y + 31.5, whole, "FiraMono", "B", paper.CODE_POINTS, lines=1)
    _write(sheet, card.note, left, y + 39.5, whole, "FiraGO", "", 8, lines=1)
    _write(
        sheet, paper.shown_place(card.address), left, y + height - paper.PADDING - 4, whole, "FiraGO", "", 8, lines=1
    )


def _draw_cuts(sheet: "FPDF", x: float, y: float) -> None:
    """Mark the corners of a card, where one cuts."""
    sheet.set_draw_color(150)
    sheet.set_line_width(0.1)
    for across, right in ((x, paper.CUT), (x + paper.CARD[0], -paper.CUT)):
        for down, below in ((y, paper.CUT), (y + paper.CARD[1], -paper.CUT)):
            sheet.line(across, down, across + right, down)
            sheet.line(across, down, across, down + below)


def _draw_qr(sheet: "FPDF", address: str, x: float, y: float) -> None:
    width, runs = paper.dark_runs(address)
    module = paper.QR / width
    sheet.set_fill_color(0)
    for row, start, length in runs:
        sheet.rect(x + start * module, y + row * module, length * module, module, style="F")


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
