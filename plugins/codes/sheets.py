"""Codes on paper: a PDF of cards to cut out, each with a QR code that opens the page on which it is redeemed.

Runs in a process of its own, since a thousand cards take seconds; so it takes plain values and asks nothing else.
"""

import io
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
"""They take ten seconds of a core. Of more, each thousand is a document, so that none need be stored to be fetched."""
_MOST_PIXELS = 4000
_LEADING = 0.45
"""Of a line, in millimetres for each point of its letters."""
_LEFT_TO_RIGHT, _RIGHT_TO_LEFT = "\N{LEFT-TO-RIGHT MARK}", "\N{RIGHT-TO-LEFT MARK}"
_FONTS = {("FiraGO", ""): "figo", ("FiraGO", "B"): "figbo", ("FiraMono", "B"): "fimbo"}


class Card(Struct, frozen=True):
    """What stands on one card; the address is what its QR code says."""

    school: str
    title: str
    code: str
    address: str
    note: str


def card_sheet(cards: Sequence[Card], paper_name: paper.PaperName = "a4", logo: bytes | None = None) -> bytes:
    """Return the PDF; texts are printed as they are, in any script that the font has, right to left where it must.

    A logo that is no picture, or one too large to be unpacked, is left out.
    """
    kind = paper.PAPERS[paper_name]
    with scratch_folder("sheet") as folder:
        sheet = _Sheet(folder, kind, logo)
        for number, card in enumerate(cards):
            place = number % kind.per_page
            if place == 0:
                sheet.pdf.add_page()
            row, column = divmod(place, paper.COLUMNS)
            left, top = kind.margin
            sheet.draw(card, left + column * paper.CARD[0], top + row * paper.CARD[1])
        return bytes(sheet.pdf.output())


class _Sheet:
    """A document that is drawn; what many cards say alike is broken into lines once."""

    def __init__(self, folder: Path, kind: paper.Paper, logo: bytes | None) -> None:
        self.pdf = _empty_document(folder, kind)
        self._logo = _placed_logo(folder, logo) if logo else None
        self._broken: dict[tuple[str, float, str, str, float], list[str]] = {}

    def draw(self, card: Card, x: float, y: float) -> None:
        """Draw a card with its upper left corner at this place."""
        width, height = paper.CARD
        _draw_cuts(self.pdf, x, y)
        _draw_qr(self.pdf, card.address, x + width - paper.PADDING - paper.QR, y + paper.PADDING)
        left, whole = x + paper.PADDING, width - 2 * paper.PADDING
        beside = whole - paper.QR - 3
        taken = self._draw_logo(left, y + paper.PADDING)
        self._write(card.school, left + taken, y + paper.PADDING, beside - taken, "FiraGO", "", 8, lines=1)
        self._write(card.title, left, y + 10.5, beside, "FiraGO", "B", 11, lines=3)
        self.pdf.set_font("FiraMono", "B", paper.CODE_POINTS)
        self.pdf.set_xy(left, y + 31.5)
        self.pdf.cell(whole, paper.CODE_POINTS * _LEADING, card.code, align="L")
        self._write(card.note, left, y + 39.5, whole, "FiraGO", "", 8, lines=1)
        place = paper.shown_place(card.address)
        self._write(place, left, y + height - paper.PADDING - 4, whole, "FiraGO", "", 8, lines=1)

    def _draw_logo(self, x: float, y: float) -> float:
        """Draw the logo if there is one, and return how much of the line it takes."""
        if self._logo is None:
            return 0.0
        file, width, height = self._logo
        # Letters stand so far from the edge of their cells.
        self.pdf.image(file, x + self.pdf.c_margin, y, width, height)
        return width + 1.5

    def _write(
        self, text: str, x: float, y: float, width: float, family: str, style: str, size: float, *, lines: int
    ) -> None:
        """Write a text in at most so many lines; a longer one ends with an ellipsis.

        Each line runs as the whole text does, also one that happens to begin with a word of the other direction.
        """
        self.pdf.set_font(family, style, size)
        runs_left = is_right_to_left(text)
        align, mark = ("R", _RIGHT_TO_LEFT) if runs_left else ("L", _LEFT_TO_RIGHT)
        height = size * _LEADING
        key = (text, width, family, style, size)
        if key not in self._broken:
            found = self.pdf.multi_cell(width, height, text, align="L", dry_run=True, output="LINES")
            self._broken[key] = cast("list[str]", found)
        broken = self._broken[key]
        if len(broken) > lines:
            broken = [*broken[: lines - 1], broken[lines - 1].rstrip()[:-1] + "\N{HORIZONTAL ELLIPSIS}"]
        for number, line in enumerate(broken):
            self.pdf.set_xy(x, y + number * height)
            self.pdf.cell(width, height, line if is_right_to_left(line) == runs_left else mark + line, align=align)


def _empty_document(folder: Path, kind: paper.Paper) -> "FPDF":
    # Twenty megabytes that a server which only hands cards over to another process does not need.
    import pymupdf_fonts  # import: start-up-time
    from fpdf import FPDF  # import: start-up-time

    pdf = FPDF(orientation="portrait", unit="mm", format=kind.size)
    pdf.set_auto_page_break(auto=False)
    for (family, style), name in _FONTS.items():
        file = folder / f"{name}.ttf"
        file.write_bytes(pymupdf_fonts.myfont(name))
        pdf.add_font(family, style, file)
    pdf.set_text_shaping(use_shaping_engine=True)
    pdf.set_title("Access codes")
    return pdf


def _placed_logo(folder: Path, logo: bytes) -> tuple[str, float, float] | None:
    """Return the file of a small copy of a logo, and how wide and high it stands on a card."""
    from PIL import Image  # import: start-up-time

    try:
        with Image.open(io.BytesIO(logo), formats=("PNG", "JPEG", "WEBP")) as picture:
            # A few bytes can say that they are a picture of any size: judged before they are unpacked.
            if max(picture.size) > _MOST_PIXELS:
                return None
            copy = picture.convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    copy.thumbnail((640, 640))
    file = folder / "logo.png"
    copy.save(file)
    scale = min(paper.LOGO[0] / copy.width, paper.LOGO[1] / copy.height)
    return str(file), copy.width * scale, copy.height * scale


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


def is_right_to_left(text: str) -> bool:
    """Whether a text runs from right to left, as its first letter does that runs anywhere."""
    strong = (unicodedata.bidirectional(letter) for letter in text)
    return next((each for each in strong if each in ("L", "R", "AL")), "L") != "L"
