"""Reads of passkeys."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import bindparam, select

from kernel.db import Db
from plugins.auth.schemas.passkeys import Passkey
from plugins.auth.tables import Passkey as PasskeyTable

_SHOWN = select(
    PasskeyTable.id, PasskeyTable.name, PasskeyTable.backed_up, PasskeyTable.created_at, PasskeyTable.last_used_at
)
_OF_USER = _SHOWN.where(PasskeyTable.user_id == bindparam("user")).order_by(PasskeyTable.created_at, PasskeyTable.id)
_ONE = _SHOWN.where(PasskeyTable.user_id == bindparam("user"), PasskeyTable.id == bindparam("id"))
_IDS = select(PasskeyTable.credential_id).where(PasskeyTable.user_id == bindparam("user"))
_STORED = select(PasskeyTable.id, PasskeyTable.user_id, PasskeyTable.public_key).where(
    PasskeyTable.credential_id == bindparam("credential_id")
)


class StoredPasskey(Struct, frozen=True):
    """A passkey as it is kept."""

    id: UUID
    user_id: UUID
    public_key: bytes


async def passkeys_of(db: Db, user_id: UUID) -> list[Passkey]:
    """Return an account's passkeys, oldest first."""
    return await db.rows(Passkey, _OF_USER, user=user_id)


async def passkey(db: Db, user_id: UUID, passkey_id: UUID) -> Passkey | None:
    """Return one passkey of an account."""
    return await db.row(Passkey, _ONE, user=user_id, id=passkey_id)


async def credential_ids_of(db: Db, user_id: UUID) -> list[bytes]:
    """Return by which ids browsers know an account's passkeys."""
    return await db.values(_IDS, user=user_id)


async def stored_passkey(db: Db, credential_id: bytes) -> StoredPasskey | None:
    """Return a passkey by the id by which browsers know it."""
    return await db.row(StoredPasskey, _STORED, credential_id=credential_id)
