"""The measures of a sheet of cards, and the QR code on each: the same on the page that prints and in the PDF.

All lengths are millimetres. The style sheets repeat them, and a test compares.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Literal

import segno
from msgspec import Struct

CARD = (85.0, 54.0)
COLUMNS = 2


class Paper(Struct, frozen=True):
    """A kind of paper, and how many rows of cards stand on it."""

    title: str
    size: tuple[float, float]
    rows: int

    @property
    def per_page(self) -> int:
        """How many cards stand on a page."""
        return COLUMNS * self.rows

    @property
    def margin(self) -> tuple[float, float]:
        """What is left beside the cards and above them."""
        return (self.size[0] - COLUMNS * CARD[0]) / 2, (self.size[1] - self.rows * CARD[1]) / 2


PaperName = Literal["a4", "letter"]
PAPERS: Mapping[PaperName, Paper] = {
    "a4": Paper("A4", (210.0, 297.0), 5),
    "letter": Paper("Letter", (215.9, 279.4), 4),
}
PADDING = 5.0
QR = 24.0
LOGO = (20.0, 4.0)
"""The most that the school's logo takes, beside its name."""
CUT = 3.0
"""So long is the mark at each corner along which one cuts."""
CODE_POINTS = 15.0
QUIET_MODULES = 1
"""The card around it is white."""


def dark_runs(address: str) -> tuple[int, Sequence[tuple[int, int, int]]]:
    """Return a QR code: how many modules wide it is with its quiet zone, and dark runs as row, start and length.

    Neighbours in one piece: a third of the bytes, and no hairlines between them on paper.
    """
    matrix = segno.make(address, micro=False, error="m").matrix
    runs = []
    for row, modules in enumerate(matrix):
        start = 0
        for is_dark, group in groupby(modules, bool):
            length = len(list(group))
            if is_dark:
                runs.append((row + QUIET_MODULES, start + QUIET_MODULES, length))
            start += length
    return len(matrix) + 2 * QUIET_MODULES, runs


def outline(address: str) -> tuple[int, str]:
    """Return a QR code as an SVG's width in modules and the path of what is dark."""
    width, runs = dark_runs(address)
    return width, "".join(f"M{start} {row}h{length}v1h-{length}z" for row, start, length in runs)


def shown_place(address: str) -> str:
    """Return an address as it is read from paper: without its scheme and without the code."""
    return address.partition("#")[0].partition("://")[2]
