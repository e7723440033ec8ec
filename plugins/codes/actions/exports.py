"""Codes as documents: tables for spreadsheets, and sheets of cards. Each export stands in the audit log."""

from datetime import UTC, datetime

from anyio import to_process, to_thread
from msgspec import Struct, structs

from kernel.audit import note
from kernel.auth import Actor
from kernel.db import Db
from kernel.spreadsheets import Cell, csv_lines, xlsx_book
from kernel.tenancy import Tenant
from plugins.codes.actions.school_logo import school_logo
from plugins.codes.errors import ExportTooLarge
from plugins.codes.paper import PaperName
from plugins.codes.printed import note_of, printed_card
from plugins.codes.queries.exported import exported_codes, found_codes
from plugins.codes.queries.filters import CodeFilter
from plugins.codes.schemas import CodeState, ExportedCode, ExportFormat
from plugins.codes.settings import SETTINGS, CodesSettings
from plugins.codes.sheets import MOST_CARDS, card_sheet

MOST_CODES = 10_000
_PRINTED: frozenset[CodeState] = frozenset({"unused", "used"})
"""On paper stands what can be redeemed, unless somebody asks for others."""
_COLUMNS = ExportedCode.__struct_fields__
_CONTENT_TYPES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}


class Printing(Struct, frozen=True):
    """What is chosen beside the codes: which part of many, from 1, and the paper; the school's where none is."""

    part: int | None = None
    paper: PaperName | None = None


class Document(Struct, frozen=True):
    """A file to hand out."""

    filename: str
    content_type: str
    body: bytes


async def export_codes(db: Db, actor: Actor, kind: ExportFormat, wanted: CodeFilter, printing: Printing) -> Document:
    """Return the codes that the actor may see as a document; that it was made is recorded before it is.

    Drawing takes seconds, and no connection waits for it.

    Needs: codes.access_code.view

    Raises:
        ExportTooLarge: A table holds 10,000 codes, a sheet of cards 1,000, and no part of more was asked for.
    """
    most = MOST_CARDS if kind == "pdf" else MOST_CODES
    if printing.part is None:
        found = await found_codes(db, actor, wanted, most=most + 1)
        if len(found.cards) > most:
            raise ExportTooLarge(f"A document of this kind holds {most} codes. Export a batch, or part 1, 2 and so on.")
    else:
        found = await found_codes(db, actor, wanted, most=most, skipped=(printing.part - 1) * most)
    logo = await school_logo(db) if kind == "pdf" else None
    await db.release()
    told = {name: str(value) for name, value in (wanted.given() | _given(printing)).items()}
    new = {**told, "format": kind, "count": str(len(found.cards))}
    async with db.deployment.database.transaction(db.origin, db.tenant) as lasting:
        await note(lasting, "codes.access_codes.exported", entity_type="codes.access_codes", new=new)
    codes = await exported_codes(db.deployment.keyring, db.tenant, found)
    name = "access-codes" if printing.part is None else f"access-codes-{printing.part}"
    if kind != "pdf":
        return Document(f"{name}.{kind}", _CONTENT_TYPES[kind], await _table_of(kind, codes))
    if wanted.state is None and wanted.is_active is None:
        codes = [code for code in codes if code.state in _PRINTED]
    paper = printing.paper or db.tenant.setting(SETTINGS, CodesSettings).paper
    return Document(f"{name}.pdf", _CONTENT_TYPES[kind], await _sheet_of(db.tenant, codes, paper, logo))


def _given(printing: Printing) -> dict[str, object]:
    return {name: value for name, value in structs.asdict(printing).items() if value is not None}


async def _table_of(kind: ExportFormat, codes: list[ExportedCode]) -> bytes:
    if kind == "csv":
        return await to_thread.run_sync(_table, codes)
    # This takes seconds of a core, as a sheet does, which other requests need.
    rows = [_cells(code) for code in codes]
    return await to_process.run_sync(xlsx_book, "Access codes", _COLUMNS, rows)


async def _sheet_of(tenant: Tenant, codes: list[ExportedCode], paper: PaperName, logo: bytes | None) -> bytes:
    # On a card whose text is forgotten nothing would stand.
    known = [code for code in codes if code.code]
    cards = [printed_card(tenant, code.video or code.course, code.code, note_of(tenant, code)) for code in known]
    return await to_process.run_sync(card_sheet, cards, paper, logo)


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
