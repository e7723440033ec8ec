"""Tables for spreadsheets, as CSV and XLSX, in which no cell is ever a formula (rule 38 of the security design)."""

import csv
import io
from collections.abc import Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_WIDEST = 60
Cell = str | int | float | None


def csv_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_lines(rows: Sequence[Sequence[str]]) -> bytes:
    """Return rows as CSV in UTF-8."""
    page = io.StringIO()
    csv.writer(page).writerows([[csv_cell(cell) for cell in row] for row in rows])
    return page.getvalue().encode()


def xlsx_book(title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
    """Return a workbook of one sheet, its first row bold and standing, its columns as wide as what is in them.

    Ten thousand rows take half a second of a core: call it in another process.

    Args:
        title: Of the sheet; at most 31 characters count.
        columns: The first row.
        rows: Texts stay texts; numbers are numbers.
    """
    import xlsxwriter  # import: start-up-time

    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(file, options) as book:
        sheet = book.add_worksheet(_sheet_name(title))
        sheet.write_row(0, 0, columns, book.add_format({"bold": True}))
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(columns):
            widest = max((len(str(row[place])) for row in rows), default=0)
            sheet.set_column(place, place, min(max(widest, len(column)) + 2, _WIDEST))
        for number, row in enumerate(rows, start=1):
            sheet.write_row(number, 0, row)
    return file.getvalue()


def _sheet_name(title: str) -> str:
    return "".join(letter for letter in title if letter not in "[]:*?/\\'")[:31] or "Sheet"
