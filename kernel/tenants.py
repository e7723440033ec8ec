"""Tenants as operators see them: made, renamed, moved to other hosts, switched off.

Works in an operator's transaction (`Deployment.operator_session`), so the command line and `plugins.admin` alone may
import it. Which tenant a request belongs to is `kernel.tenancy`; which plugins act, `kernel.activation`; how a tenant's
data goes, `kernel.tenant_erasure`.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import (
    Boolean,
    ColumnClause,
    Text,
    Uuid,
    bindparam,
    column,
    delete,
    exists,
    func,
    not_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from kernel.activation import everything, note
from kernel.db import Db
from kernel.errors import Conflict, FieldError, Invalid, NotFound
from kernel.ids import new_id
from kernel.routing import Page, rows_for
from kernel.tables import tenant_hosts, tenants

_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*|\[[0-9a-f:.]{{2,45}}\]")

_SELECT = """
    SELECT t.id, t.slug, t.name, t.is_active,
           ARRAY(SELECT h.host FROM kernel.tenant_hosts h WHERE h.tenant_id = t.id ORDER BY h.is_primary DESC, h.host),
           t.plugins, t.created_at
    FROM kernel.tenants t
"""
_COUNT = select(func.count()).select_from(tenants)
_HOMELESS = (
    select(tenants.c.slug).where(~exists().where(tenant_hosts.c.tenant_id == tenants.c.id)).order_by(tenants.c.slug)
)
_ADD = (
    insert(tenants)
    .values(
        id=bindparam("id"),
        slug=bindparam("slug"),
        name=bindparam("name"),
        plugins=bindparam("plugins", type_=ARRAY(Text)),
    )
    .on_conflict_do_nothing(index_elements=["slug"])
    .returning(tenants.c.id)
)
_LOCK = (
    select(tenants.c.version, tenants.c.settings.has_key("erasing").label("is_erasing"))
    .where(tenants.c.id == bindparam("id", type_=Uuid))
    .with_for_update()
)
_CHANGE = (
    update(tenants)
    .where(tenants.c.id == bindparam("tenant", type_=Uuid))
    .values(name=bindparam("new_name"), is_active=bindparam("new_active", type_=Boolean), version=tenants.c.version + 1)
)
_ADD_HOST = (
    insert(tenant_hosts)
    .values(host=bindparam("host"), tenant_id=bindparam("tenant_id"))
    .on_conflict_do_nothing(index_elements=["host"])
    .returning(tenant_hosts.c.host)
)
_OF_TENANT = tenant_hosts.c.tenant_id == bindparam("tenant", type_=Uuid)
_REMOVE_HOSTS = delete(tenant_hosts).where(
    _OF_TENANT, not_(tenant_hosts.c.host == func.any(bindparam("kept", type_=ARRAY(Text))))
)
_NO_PRIMARY = update(tenant_hosts).where(_OF_TENANT, tenant_hosts.c.is_primary).values(is_primary=False)
_PRIMARY = update(tenant_hosts).where(_OF_TENANT, tenant_hosts.c.host == bindparam("wanted")).values(is_primary=True)


class TenantNotFound(NotFound):
    """There is no such tenant."""

    code = "kernel.tenant_unknown"
    title = "There is no such tenant."


class TenantTaken(Conflict):
    """Another tenant has the slug or a host name."""

    code = "kernel.tenant_taken"
    title = "Another tenant has this already."


class TenantBeingErased(Conflict):
    """What is left of the tenant is being deleted."""

    code = "kernel.tenant_being_erased"
    title = "This tenant is being erased."


class _Locked(msgspec.Struct, frozen=True):
    version: int
    is_erasing: bool


class TenantDetails(msgspec.Struct, frozen=True):
    """A tenant in the eyes of an operator; the first of its host names is the one that links lead to."""

    id: UUID
    slug: str
    name: str
    is_active: bool
    hostnames: list[str]
    plugins: list[str] | None
    """Those that are listed; null for every loaded one."""
    created_at: datetime


_COLUMNS: list[ColumnClause[Any]] = [column(name) for name in TenantDetails.__struct_fields__]
_PAGE = text(f"{_SELECT} ORDER BY t.slug LIMIT CAST(:rows AS integer) OFFSET CAST(:skipped AS integer)").columns(
    *_COLUMNS
)
_BY_ID = text(f"{_SELECT} WHERE t.id = CAST(:id AS uuid)").columns(*_COLUMNS)
_BY_SLUG = text(f"{_SELECT} WHERE t.slug = CAST(:slug AS text)").columns(*_COLUMNS)


async def tenant_page(db: Db, *, limit: int, offset: int) -> Page[TenantDetails]:
    """Return the tenants by slug."""
    rows = rows_for(limit)
    items = await db.rows(TenantDetails, _PAGE, rows=rows, skipped=offset)
    return Page(items, await db.value(_COUNT), rows, offset)


async def tenant_details(db: Db, tenant_id: UUID) -> TenantDetails:
    """Return a tenant.

    Raises:
        TenantNotFound: There is none.
    """
    if (found := await db.row(TenantDetails, _BY_ID, id=tenant_id)) is None:
        raise TenantNotFound
    return found


async def tenant_by_slug(db: Db, slug: str) -> TenantDetails:
    """Return the tenant with this slug.

    Raises:
        TenantNotFound: There is none.
    """
    if (found := await db.row(TenantDetails, _BY_SLUG, slug=slug)) is None:
        raise TenantNotFound("No tenant has this slug; `collegium tenants list` shows them.")
    return found


async def locked_plugins(db: Db, tenant_id: UUID) -> frozenset[str]:
    """Return the plugins that are listed for a tenant, which nobody else changes until the transaction ends.

    Raises:
        TenantNotFound: There is none.
    """
    await _lock(db, tenant_id)
    listed = (await tenant_details(db, tenant_id)).plugins
    return everything(db) if listed is None else frozenset(listed)


async def homeless_tenants(db: Db) -> list[str]:
    """Return the slugs of the tenants without a host: out of reach as soon as there are two."""
    slugs: list[str] = await db.values(_HOMELESS)
    return slugs


async def add_tenant(
    db: Db, *, slug: str, name: str, hostnames: Sequence[str], plugins: Sequence[str] | None = None
) -> TenantDetails:
    """Make a tenant, reachable in every process as soon as this is committed.

    Args:
        db: An operator's transaction.
        slug: Small letters, digits and hyphens.
        name: Of the school.
        hostnames: The first is the one that links lead to.
        plugins: Those to switch on; every loaded one when absent.

    Raises:
        Invalid: The slug or a host name is none.
        TenantTaken: Another tenant has the slug or a host name.
    """
    if not _SLUG.fullmatch(slug):
        message = "Use 1 to 63 small letters, digits and hyphens, no hyphen at either end."
        raise Invalid(errors=[FieldError("slug", message)])
    listed = None if plugins is None else sorted(set(plugins))
    tenant_id: UUID | None = await db.value(_ADD, id=new_id(), slug=slug, name=_name(name), plugins=listed)
    if tenant_id is None:
        raise TenantTaken(f"There is a tenant {slug!r} already.")
    await _set_hosts(db, tenant_id, hostnames)
    made = await tenant_details(db, tenant_id)
    await note(db, tenant_id, "kernel.tenant.created", {}, _facts(made))
    db.after_commit(db.deployment.gate.tell_directory)
    return made


async def change_tenant(
    db: Db,
    tenant_id: UUID,
    *,
    name: str | UnsetType = UNSET,
    is_active: bool | UnsetType = UNSET,
    hostnames: Sequence[str] | UnsetType = UNSET,
) -> TenantDetails:
    """Change a tenant, felt at once in every process; what is not given stays as it is.

    Raises:
        TenantNotFound: There is no such tenant.
        TenantBeingErased: It is on its way out.
        Invalid: A host name is none.
        TenantTaken: Another tenant has a host name.
    """
    locked = await _lock(db, tenant_id)
    if locked.is_erasing:
        raise TenantBeingErased
    before = await tenant_details(db, tenant_id)
    new_name = before.name if name is UNSET else _name(name)
    new_active = before.is_active if is_active is UNSET else is_active
    await db.run(_CHANGE, tenant=tenant_id, new_name=new_name, new_active=new_active)
    if hostnames is not UNSET:
        await _set_hosts(db, tenant_id, hostnames)
    after = await tenant_details(db, tenant_id)
    await _note_difference(db, before, after)

    async def tell() -> None:
        await db.deployment.gate.tell_version(tenant_id, locked.version + 1)
        await db.deployment.gate.tell_directory()

    db.after_commit(tell)
    return after


async def _lock(db: Db, tenant_id: UUID) -> _Locked:
    if (locked := await db.row(_Locked, _LOCK, id=tenant_id)) is None:
        raise TenantNotFound
    return locked


async def _set_hosts(db: Db, tenant_id: UUID, hostnames: Sequence[str]) -> None:
    wanted = [_host(name, position) for position, name in enumerate(hostnames)]
    current = (await tenant_details(db, tenant_id)).hostnames
    await db.run(_REMOVE_HOSTS, tenant=tenant_id, kept=wanted)
    for position, host in enumerate(wanted):
        if host in current or host in wanted[:position]:
            continue
        if await db.value(_ADD_HOST, host=host, tenant_id=tenant_id) is None:
            sentence = f"The host {host!r} belongs to a tenant already."
            raise TenantTaken(sentence, errors=[FieldError(f"hostnames[{position}]", sentence)])
    await db.run(_NO_PRIMARY, tenant=tenant_id)
    for host in wanted[:1]:
        await db.run(_PRIMARY, tenant=tenant_id, wanted=host)


def _host(name: str, position: int) -> str:
    host = name.lower().removesuffix(".")
    if not _HOST.fullmatch(host):
        sentence = f"{name!r} is no host: give a name or an address, without scheme, port and path."
        raise Invalid(sentence, errors=[FieldError(f"hostnames[{position}]", sentence)])
    return host


def _name(name: str) -> str:
    stripped = name.strip()
    if not 1 <= len(stripped) <= 200:
        raise Invalid(errors=[FieldError("name", "Use 1 to 200 characters.")])
    return stripped


def _facts(tenant: TenantDetails) -> dict[str, Any]:
    return {
        "slug": tenant.slug,
        "name": tenant.name,
        "is_active": tenant.is_active,
        "hostnames": tenant.hostnames,
        "plugins": tenant.plugins,
    }


async def _note_difference(db: Db, before: TenantDetails, after: TenantDetails) -> None:
    old: Mapping[str, Any] = _facts(before)
    new = _facts(after)
    differing = [field for field in old if old[field] != new[field]]
    if differing:
        values = ({each: facts[each] for each in differing} for facts in (old, new))
        await note(db, after.id, "kernel.tenant.updated", *values)
