"""Tables for spreadsheets: no cell is a formula, whatever somebody has written."""

import io
import zipfile

import pytest

from kernel.spreadsheets import csv_cell, csv_lines, xlsx_book

FORMULAS = ("=1+1", "+1", "-1", "@sum", "\t=1", "\r=1")


@pytest.mark.parametrize("text", FORMULAS)
def test_cell_is_no_formula(text: str) -> None:
    assert csv_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "2026-01-01", " =1", '{"a": "=1"}'])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert csv_cell(text) == text


def test_lines_are_quoted_where_they_must_be() -> None:
    written = csv_lines([["a", 'b "c", d'], ["=1", "\n"]]).decode()
    assert written == 'a,"b ""c"", d"\r\n\'=1,"\n"\r\n'


def test_book_holds_texts_and_numbers_and_no_formula_or_link() -> None:
    rows = [[text, 5, None] for text in (*FORMULAS, "https://example.com", "Stühle", "برمجة")]
    written = xlsx_book("A [title]: with / what * no sheet may have?", ["text", "number", "none"], rows)
    book = zipfile.ZipFile(io.BytesIO(written))
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    strings = book.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    assert all(text.strip() in strings for text in ("=1+1", "@sum", "https://example.com", "Stühle", "برمجة"))
    assert sheet.count("<v>5</v>") >= len(rows)
