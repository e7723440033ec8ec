"""Codes as documents: tables for spreadsheets, and sheets of cards. Each export stands in the audit log."""

from datetime import UTC, datetime

from anyio import to_process, to_thread
from msgspec import Struct

from kernel.audit import note
from kernel.auth import Actor
from kernel.db import Db
from kernel.spreadsheets import Cell, csv_lines, xlsx_book
from kernel.tenancy import Tenant
from plugins.codes.errors import ExportTooLarge
from plugins.codes.printed import note_of, printed_card
from plugins.codes.queries.exported import exported_codes, found_codes
from plugins.codes.queries.filters import CodeFilter
from plugins.codes.schemas import ExportedCode, ExportFormat
from plugins.codes.sheets import MOST_CARDS, card_sheet

MOST_CODES = 10_000
_COLUMNS = ExportedCode.__struct_fields__
_CONTENT_TYPES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}


class Document(Struct, frozen=True):
    """A file to hand out."""

    filename: str
    content_type: str
    body: bytes


async def export_codes(db: Db, actor: Actor, kind: ExportFormat, wanted: CodeFilter) -> Document:
    """Return the codes that the actor may see as a document; that it was made is recorded before it is.

    Drawing takes seconds, and no connection waits for it.

    Needs: codes.access_code.view

    Raises:
        ExportTooLarge: A table holds 10,000 codes, a sheet of cards 1,000.
    """
    most = MOST_CARDS if kind == "pdf" else MOST_CODES
    found = await found_codes(db, actor, wanted, most=most + 1)
    if len(found.cards) > most:
        raise ExportTooLarge(f"A document of this kind holds {most} codes. Export a batch, or fewer of them.")
    await db.release()
    told = {name: str(value) for name, value in wanted.given().items()}
    new = {**told, "format": kind, "count": str(len(found.cards))}
    async with db.deployment.database.transaction(db.origin, db.tenant) as lasting:
        await note(lasting, "codes.access_codes.exported", entity_type="codes.access_codes", new=new)
    codes = await exported_codes(db.deployment.keyring, db.tenant, found)
    return Document(f"access-codes.{kind}", _CONTENT_TYPES[kind], await _written(db.tenant, kind, codes))


async def _written(tenant: Tenant, kind: ExportFormat, codes: list[ExportedCode]) -> bytes:
    if kind == "csv":
        return await to_thread.run_sync(_table, codes)
    # Both take seconds of a core, which other requests need.
    if kind == "xlsx":
        rows = [_cells(code) for code in codes]
        return await to_process.run_sync(xlsx_book, "Access codes", _COLUMNS, rows)
    # On a card whose text is forgotten nothing would stand.
    known = [code for code in codes if code.code]
    cards = [printed_card(tenant, code.video or code.course, code.code, note_of(tenant, code)) for code in known]
    return await to_process.run_sync(card_sheet, cards)


def _table(codes: list[ExportedCode]) -> bytes:
    return csv_lines([_COLUMNS, *[[_text(cell) for cell in _cells(code)] for code in codes]])


def _cells(code: ExportedCode) -> list[Cell]:
    return [_cell(getattr(code, name)) for name in _COLUMNS]


def _cell(value: object) -> Cell:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return value if isinstance(value, str | int) else None


def _text(cell: Cell) -> str:
    return "" if cell is None else str(cell)
