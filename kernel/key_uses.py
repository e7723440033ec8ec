"""What still needs an older key, and writing it anew under the newest: so that an old key can be removed.

A plugin that keeps anything encrypted or keyed says so by the hook `register_key_uses`. What lives for days alone
(access and refresh tokens, links to media) ends by itself and is not counted. The commands are `kernel.operations`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Executable,
    SQLColumnExpression,
    Text,
    Uuid,
    any_,
    bindparam,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute

from kernel.choices import Secrets, mapped_secrets
from kernel.db import Db
from kernel.keys import DecryptionFailed
from kernel.mail.tables import OutgoingMail
from kernel.settings import SettingsSpec
from kernel.tables import IdempotencyKey, tenants

MOST_AT_ONCE = 500
Counts = Callable[[Db], Awaitable[Mapping[str, int]]]


class KeyUse(msgspec.Struct, frozen=True):
    """One kind of thing that is kept under keys.

    Both functions run in an operator's transaction, which sees every tenant: they select and compare `tenant_id`.

    Args:
        name: Dotted, with the plugin's name first.
        title: What it is, in the plural: "secrets of authenticator apps".
        counts: Returns how many there are under the key of each id.
        renew: Writes at most `MOST_AT_ONCE` of those under an older key anew, and returns how many; None where only
            somebody who knows the content could.
        remark: What becomes of those that cannot be renewed.
    """

    name: str
    title: str
    counts: Counts
    renew: Callable[[Db], Awaitable[int]] | None = None
    remark: str = ""


class KeyCount(msgspec.Struct, frozen=True):
    """How many things are kept under one key."""

    kid: str
    count: int


def key_id_of(sealed: SQLColumnExpression[Any]) -> ColumnElement[str]:
    """Return the SQL for the id of the key that encrypted a column (`Keyring.encrypt`)."""
    return func.split_part(sealed, literal_column("'.'"), literal_column("1"))


def counts_by(kid: SQLColumnExpression[Any], *conditions: ColumnElement[bool]) -> Counts:
    """Return the function that counts a table's rows by the id of their key."""
    statement: Executable = select(kid.label("kid"), func.count().label("count")).where(*conditions).group_by(kid)

    async def counts(db: Db) -> Mapping[str, int]:
        return {row.kid: row.count for row in await db.rows(KeyCount, statement)}

    return counts


def under_older_key(kid: SQLColumnExpression[Any]) -> ColumnElement[bool]:
    """Return the condition that the id is one of `Keyring.older_kids`, given as `older`, for `renew`."""
    return kid == any_(bindparam("older", type_=ARRAY(Text)))


class _OldSecret(msgspec.Struct, frozen=True):
    tenant_id: UUID
    id: UUID
    owner_id: UUID
    sealed: str


def renewing(
    sealed: InstrumentedAttribute[Any], owner: InstrumentedAttribute[Any], purpose: str
) -> Callable[[Db], Awaitable[int]]:
    """Return the function that writes an encrypted column anew, for `KeyUse.renew`.

    Args:
        sealed: The column, encrypted for the tenant and an owner: the ids of both in a row are its context.
        owner: The column with that owner's id.
        purpose: Of the key.
    """
    table = sealed.class_
    old = (
        select(table.tenant_id, table.id, owner.label("owner_id"), sealed.label("sealed"))
        .where(under_older_key(key_id_of(sealed)))
        .limit(MOST_AT_ONCE)
    )
    write = (
        update(table)
        .where(
            table.tenant_id == bindparam("tenant", type_=Uuid),
            table.id == bindparam("row", type_=Uuid),
            sealed == bindparam("before"),
        )
        .values({sealed.key: bindparam("after")})
    )

    async def renew(db: Db) -> int:
        keyring, renewed = db.deployment.keyring, 0
        for each in await db.rows(_OldSecret, old, older=keyring.older_kids):
            context = each.tenant_id.bytes + each.owner_id.bytes
            try:
                secret = keyring.decrypt(purpose, each.sealed, context)
            except DecryptionFailed:
                continue
            after = keyring.encrypt(purpose, secret, context)
            renewed += await db.run(write, tenant=each.tenant_id, row=each.id, before=each.sealed, after=after)
        return renewed

    return renew


# --- what the kernel itself keeps -------------------------------------------------------------------------------------

_TENANTS = select(tenants.c.id, tenants.c.settings).order_by(tenants.c.id)
_WRITE_SETTINGS = (
    update(tenants)
    .where(tenants.c.id == bindparam("tenant", type_=Uuid), tenants.c.settings == bindparam("before", type_=JSONB))
    .values(settings=bindparam("after", type_=JSONB))
)


class _Stored(msgspec.Struct, frozen=True):
    id: UUID
    settings: dict[str, Any]


async def _settings_counts(db: Db) -> Mapping[str, int]:
    found: dict[str, int] = {}

    def note(_path: Sequence[str], sealed: str) -> str:
        kid = sealed.partition(".")[0]
        found[kid] = found.get(kid, 0) + 1
        return sealed

    for tenant in await db.rows(_Stored, _TENANTS):
        for spec in db.deployment.registry.settings:
            mapped_secrets(spec, tenant.settings.get(spec.category), note)
    return found


async def _renew_settings(db: Db) -> int:
    renewed = 0
    for tenant in await db.rows(_Stored, _TENANTS):
        secrets = Secrets(db.deployment.keyring, tenant.id)
        after = {
            category: _renewed(secrets, spec, tenant.settings[category])
            for category, spec in ((each.category, each) for each in db.deployment.registry.settings)
            if category in tenant.settings
        }
        after = {**tenant.settings, **after}
        if after != tenant.settings:
            renewed += await db.run(_WRITE_SETTINGS, tenant=tenant.id, before=tenant.settings, after=after)
        if renewed >= MOST_AT_ONCE:
            break
    return renewed


def _renewed(secrets: Secrets, spec: SettingsSpec, stored: Any) -> Any:
    def renew(path: tuple[str, ...], sealed: str) -> str:
        try:
            return sealed if secrets.is_newest(sealed) else secrets.seal(path, secrets.open(path, sealed))
        except DecryptionFailed:
            return sealed

    return mapped_secrets(spec, stored, renew)


KERNEL_KEY_USES = (
    KeyUse("kernel.settings", "secrets in tenants' settings", _settings_counts, _renew_settings),
    KeyUse(
        "kernel.mails",
        "mails that wait",
        counts_by(key_id_of(OutgoingMail.content_encrypted)),
        remark="gone once they are sent",
    ),
    KeyUse(
        "kernel.answers",
        "answers kept for repeated requests",
        counts_by(key_id_of(IdempotencyKey.answer), IdempotencyKey.answer.is_not(None)),
        remark="gone after a day",
    ),
)
