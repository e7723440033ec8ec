"""Lists uploaded files, and tells what uses them; what is done with those that nothing uses stands in `actions`."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CompoundSelect,
    DateTime,
    Executable,
    Integer,
    Text,
    Uuid,
    any_,
    bindparam,
    false,
    func,
    literal,
    or_,
    select,
    union_all,
)

from kernel.auth import Actor
from kernel.db import Db
from kernel.plugin import Contribution
from kernel.routing import Page, rows_for
from kernel.scoped_rows import ACTOR, within
from kernel.scopes import Scope
from plugins.media.permissions import VIEW_FILES
from plugins.media.queries import FILE_COLUMNS, rendition_url, renditions_by_file, signed_url
from plugins.media.schemas import FileRef, FileSort, FilesWanted, ListedFile
from plugins.media.tables import File

Told = tuple[Contribution, ...]
_ORDERS = {"newest": (File.id.desc(),), "largest": (File.size.desc(), File.id.desc())}


class Use(Struct, frozen=True):
    """That a file is used: its id, and in which way."""

    file_id: UUID
    name: str
    title: str


def told_uses(db: Db) -> Told:
    """Return the ways in which plugins use files, also of those that are switched off for the tenant."""
    return db.deployment.registry.contributions("register_file_uses")


async def uses_of(db: Db, file_ids: Sequence[UUID]) -> list[Use]:
    """Return what uses these files, each way once for a file."""
    told = told_uses(db)
    return await db.rows(Use, _uses(told), ids=list(file_ids)) if told else []


async def unused_files(db: Db, *, before: datetime, after: UUID, most: int) -> list[UUID]:
    """Return the ids of files that were there before a time and that nothing uses, from one on, in their order."""
    return await db.values(_unused(told_uses(db)), before=before, after=after, most=most)


async def file_page(
    db: Db, actor: Actor, wanted: FilesWanted, *, sort: FileSort, limit: int, offset: int
) -> Page[ListedFile]:
    """Return the actor's files, or whoever's for those who see all."""
    asked = {name: value for name, value in structs.asdict(wanted).items() if value is not None}
    told = told_uses(db)
    key = (actor.reach(VIEW_FILES), frozenset(asked) - {"is_used"}, asked.pop("is_used", None), told)
    values = {**asked, "actor": actor.user_id}
    files = await db.rows(FileRef, _page(sort, *key), limit=rows_for(limit), offset=offset, **values)
    total = await db.value(_count(*key), **values)
    return Page(await _listed(db, actor, files), total, rows_for(limit), offset)


async def _listed(db: Db, actor: Actor, files: Sequence[FileRef]) -> list[ListedFile]:
    ids = [file.id for file in files]
    made = await renditions_by_file(db, [file.id for file in files if file.kind == "image"])
    used: dict[UUID, list[str]] = {}
    for use in await uses_of(db, ids):
        used.setdefault(use.file_id, []).append(use.name)
    return [
        ListedFile(
            file.id,
            file.kind,
            file.filename,
            file.content_type,
            file.size,
            file.sha256,
            file.created_at,
            file.owner_id,
            signed_url(db, actor, file).url,
            {name: rendition_url(db, actor, each).url for name, each in made.get(file.id, {}).items()},
            used.get(file.id, []),
        )
        for file in files
    ]


def _union(told: Told) -> CompoundSelect[Any]:
    parts = []
    for _, use in told:
        (file_id,) = use.files.subquery().c
        named = (literal(use.name, Text).label("name"), literal(use.title, Text).label("title"))
        parts.append(select(file_id.label("file_id"), *named))
    return union_all(*parts)


@cache
def _uses(told: Told) -> Executable:
    used = _union(told).subquery("used")
    wanted = used.c.file_id == any_(bindparam("ids", type_=ARRAY(Uuid)))
    return select(used.c.file_id, used.c.name, used.c.title).where(wanted).distinct().order_by(used.c.name)


def _is_used(told: Told) -> ColumnElement[bool]:
    used = [use.files.subquery() for _, use in told]
    return or_(false(), *(select(1).where(next(iter(each.c)) == File.id).exists() for each in used))


@cache
def _unused(told: Told) -> Executable:
    old = File.created_at < bindparam("before", type_=DateTime(timezone=True))
    following = File.id > bindparam("after", type_=Uuid)
    found = select(File.id).where(old, following, ~_is_used(told))
    return found.order_by(File.id).limit(bindparam("most", type_=Integer))


def _conditions(scope: Scope, filters: frozenset[str], is_used: bool | None, told: Told) -> list[ColumnElement[bool]]:
    columns = {"kind": File.kind, "owner_id": File.owner_id}
    conditions = [within(scope, own=File.owner_id == ACTOR)]
    conditions += [columns[name] == bindparam(name, type_=columns[name].type) for name in sorted(filters)]
    if is_used is not None:
        conditions.append(_is_used(told) if is_used else ~_is_used(told))
    return conditions


@cache
def _page(sort: FileSort, scope: Scope, filters: frozenset[str], is_used: bool | None, told: Told) -> Executable:
    page = select(*FILE_COLUMNS).where(*_conditions(scope, filters, is_used, told)).order_by(*_ORDERS[sort])
    return page.limit(bindparam("limit", type_=Integer)).offset(bindparam("offset", type_=Integer))


@cache
def _count(scope: Scope, filters: frozenset[str], is_used: bool | None, told: Told) -> Executable:
    return select(func.count()).select_from(File).where(*_conditions(scope, filters, is_used, told))
