"""What codes keeps under the deployment's keys: each code's keyed hash and its text, encrypted."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Uuid, bindparam, select, update

from kernel.db import Db
from kernel.key_uses import MOST_AT_ONCE, KeyUse, counts_by, under_older_key
from kernel.keys import DecryptionFailed, Keyring
from plugins.codes.queries.cards import display_context
from plugins.codes.queries.filters import lookup_text
from plugins.codes.tables import AccessCode

_OLD = (
    select(AccessCode.tenant_id, AccessCode.id, AccessCode.code_display)
    .where(under_older_key(AccessCode.lookup_kid))
    .limit(MOST_AT_ONCE)
)
_RENEW = (
    update(AccessCode)
    .where(
        AccessCode.tenant_id == bindparam("tenant", type_=Uuid),
        AccessCode.id == bindparam("code", type_=Uuid),
        AccessCode.code_display == bindparam("before"),
    )
    .values(code_lookup=bindparam("lookup"), lookup_kid=bindparam("kid"), code_display=bindparam("display"))
)


class _OldCode(Struct, frozen=True):
    tenant_id: UUID
    id: UUID
    code_display: str


class _NewCode(Struct, frozen=True):
    tenant: UUID
    code: UUID
    before: str
    lookup: bytes
    kid: str
    display: str


async def _renew_codes(db: Db) -> int:
    keyring, renewed = db.deployment.keyring, 0
    old = await db.rows(_OldCode, _OLD, older=keyring.older_kids)
    for new in await asyncio.to_thread(_sealed_anew, keyring, old):
        renewed += await db.run(
            _RENEW,
            tenant=new.tenant,
            code=new.code,
            before=new.before,
            lookup=new.lookup,
            kid=new.kid,
            display=new.display,
        )
    return renewed


def _sealed_anew(keyring: Keyring, codes: Sequence[_OldCode]) -> list[_NewCode]:
    renewed = []
    for old in codes:
        context = display_context(old.tenant_id, old.id)
        try:
            text = keyring.decrypt("code-display", old.code_display, context).decode()
        except DecryptionFailed:
            continue
        kid, lookup = keyring.mac("code-lookup", lookup_text(old.tenant_id, text))
        display = keyring.encrypt("code-display", text.encode(), context)
        renewed.append(_NewCode(old.tenant_id, old.id, old.code_display, lookup, kid, display))
    return renewed


KEY_USES = (
    KeyUse(
        "codes.access_codes",
        "access codes",
        counts_by(AccessCode.lookup_kid, AccessCode.lookup_kid.is_not(None)),
        _renew_codes,
    ),
)
