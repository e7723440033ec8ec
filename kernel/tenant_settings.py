"""Changing what a tenant has chosen: its settings by category, and what its roles may.

Under the lock of the tenant's row, so that two who change it come one after the other; recorded in the tenant's audit
log with secrets masked; told to every process. In an operator's transaction, because the app role cannot reach the row:
the caller says whose will it is. Reading and merging are `kernel.choices`; what grants mean, `kernel.grants`.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam, select, update
from sqlalchemy.dialects.postgresql import JSONB

from kernel.activation import note
from kernel.choices import Secrets, changed, masked, read
from kernel.db import Db
from kernel.errors import FieldError, Forbidden, Invalid
from kernel.grants import chosen_for
from kernel.scopes import Scope
from kernel.settings import SettingsSpec
from kernel.storage import PreconditionFailed
from kernel.tables import tenants
from kernel.tenants import TenantNotFound

_LOCK = (
    select(tenants.c.settings, tenants.c.version).where(tenants.c.id == bindparam("id", type_=Uuid)).with_for_update()
)
_WRITE = (
    update(tenants)
    .where(tenants.c.id == bindparam("tenant", type_=Uuid))
    .values(settings=bindparam("chosen", type_=JSONB), version=tenants.c.version + 1)
)


class SettingsChangedMeanwhile(PreconditionFailed):
    """Somebody else has changed them since they were read."""

    code = "kernel.settings_changed"
    title = "Somebody else has changed these settings. Load them again."


class OperatorSetting(Forbidden):
    """The setting reaches beyond the tenant."""

    code = "kernel.operator_setting"
    title = "Only an operator may change this."


class StoredSettings(msgspec.Struct, frozen=True):
    """What a tenant has chosen, as stored, and the tenant's version."""

    settings: dict[str, Any]
    version: int


def etag_of(stored: Mapping[str, Any], categories: Iterable[str]) -> str:
    """Return what tells one state of these categories from another, for If-Match."""
    chosen = {each: stored.get(each, {}) for each in sorted(categories)}
    return hashlib.sha256(msgspec.json.encode(chosen, order="sorted")).hexdigest()[:32]


async def change_settings(
    db: Db,
    tenant_id: UUID,
    specs: Mapping[str, SettingsSpec],
    change: Mapping[str, Any],
    *,
    is_operator: bool,
    is_expected: Callable[[Mapping[str, Any]], bool] = lambda stored: True,
) -> int:
    """Merge a change into a tenant's settings and return the tenant's version then; all of it or nothing.

    Args:
        db: An operator's transaction.
        tenant_id: Whose.
        specs: The categories that may be changed, by name.
        change: By category, as decoded JSON (`kernel.choices.changed` says what it means).
        is_operator: Whether the fields for operators may change too.
        is_expected: Whether the stored settings are those that the caller has read.

    Raises:
        TenantNotFound: There is no such tenant.
        Invalid: Names every field that is wrong.
        OperatorSetting: Names the fields that only an operator may change.
        SettingsChangedMeanwhile: They are not those that the caller has read.
    """
    stored = await _locked(db, tenant_id)
    if not is_expected(stored.settings):
        raise SettingsChangedMeanwhile
    if unknown := [name for name in change if name not in specs]:
        raise Invalid(errors=[FieldError(name, "There is no such category.") for name in unknown])
    secrets = Secrets(db.deployment.keyring, tenant_id)
    after: dict[str, Any] = dict(stored.settings)
    errors: list[FieldError] = []
    for category, wanted in change.items():
        try:
            after[category] = changed(specs[category], stored.settings.get(category, {}), wanted, secrets)
        except Invalid as refused:
            errors += refused.errors
    if errors:
        raise Invalid(errors=errors)
    if not is_operator:
        _check_operators([specs[category] for category in change], stored.settings, after, secrets)
    old, new = _difference([specs[category] for category in change], stored.settings, after)
    if not new and not old:
        return stored.version
    return await _write(db, tenant_id, stored, after, "kernel.settings.updated", old, new)


def _check_operators(
    specs: Iterable[SettingsSpec], before: Mapping[str, Any], after: Mapping[str, Any], secrets: Secrets
) -> None:
    """Refuse what a tenant's administrator may not change; sent back as it was, it is no change."""
    errors: list[FieldError] = []
    for spec in specs:
        old, _ = read(spec, spec.kind, before.get(spec.category, {}), secrets)
        new, _ = read(spec, spec.kind, after.get(spec.category, {}), secrets)
        errors += [
            FieldError(f"{spec.category}.{name}", OperatorSetting.title)
            for name in spec.operator
            if getattr(old, name) != getattr(new, name)
        ]
    if errors:
        raise OperatorSetting(errors=errors)


def _difference(
    specs: Iterable[SettingsSpec], before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields that differ, old and new, for the audit log."""
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for spec in specs:
        was, will = before.get(spec.category, {}), after[spec.category]
        was = was if isinstance(was, Mapping) else {}
        names = [name for name in {**was, **will} if was.get(name) != will.get(name)]
        if names:
            old[spec.category] = masked(spec, {name: was[name] for name in names if name in was})
            new[spec.category] = masked(spec, {name: will[name] for name in names if name in will})
    return old, new


async def change_grants(
    db: Db,
    tenant_id: UUID,
    role: str,
    change: Mapping[str, Scope | None],
    *,
    defaults: Mapping[str, Scope],
    check: Callable[[Any], None],
) -> int:
    """Change what a role of a tenant may and return the tenant's version then.

    Args:
        db: An operator's transaction.
        tenant_id: Whose.
        role: Which.
        change: By permission: the scope, or None to take it away. What then is as at first is not kept.
        defaults: What the role holds at first.
        check: Raises unless the change is allowed, given what the tenant has chosen for its roles as stored.

    Raises:
        TenantNotFound: There is no such tenant.
    """
    stored = await _locked(db, tenant_id)
    roles = stored.settings.get("roles")
    check(roles)
    before = chosen_for(roles, role)
    after = {
        name: scope for name, scope in {**before, **change}.items() if name not in change or defaults.get(name) != scope
    }
    old = {name: before.get(name, defaults.get(name)) for name in change}
    differing = [name for name in change if old[name] != change[name]]
    if not differing:
        return stored.version
    settings = {**stored.settings, "roles": {**(roles if isinstance(roles, Mapping) else {}), role: after}}
    values = ({role: {name: source[name] for name in differing}} for source in (old, change))
    return await _write(db, tenant_id, stored, settings, "kernel.role.updated", *values)


async def _locked(db: Db, tenant_id: UUID) -> StoredSettings:
    if (stored := await db.row(StoredSettings, _LOCK, id=tenant_id)) is None:
        raise TenantNotFound
    return stored


async def _write(
    db: Db,
    tenant_id: UUID,
    stored: StoredSettings,
    settings: Mapping[str, Any],
    action: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
) -> int:
    await db.run(_WRITE, tenant=tenant_id, chosen=settings)
    await note(db, tenant_id, action, old, new)

    async def tell() -> None:
        await db.deployment.gate.tell_version(tenant_id, stored.version + 1)

    db.after_commit(tell)
    return stored.version + 1
