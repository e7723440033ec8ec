"""One-time secrets that are mailed: whoever brings one back reads the mail of an address.

A link carries its secret behind the `#`, which no browser sends to a server or tells the next page. What a secret opens
is decided where it is redeemed.
"""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import DateTime, LargeBinary, Text, Uuid, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from kernel import clock
from kernel.db import Db
from plugins.auth.errors import TokenInvalid
from plugins.auth.schemas.texts import TokenPurpose
from plugins.auth.tables import UserToken

LIFETIMES: Mapping[TokenPurpose, timedelta] = {
    "verification": timedelta(hours=24),
    "reset": timedelta(hours=1),
    "invitation": timedelta(days=7),
}
REST = timedelta(minutes=5)
"""So long the last one stays good: else a stranger who asks again and again would keep taking the owner's away."""
_PAGES: Mapping[TokenPurpose, str] = {
    "verification": "/verify-email",
    "reset": "/reset-password",
    "invitation": "/invitation",
}
_SECRET_BYTES = 32

_new = insert(UserToken).values(
    user_id=bindparam("user_id"),
    purpose=bindparam("purpose"),
    token_hash=bindparam("token_hash"),
    email=bindparam("email"),
    issued_at=bindparam("issued_at"),
    expires_at=bindparam("expires_at"),
)
_KEEP = _new.on_conflict_do_update(
    index_elements=["tenant_id", "user_id", "purpose"],
    set_={name: _new.excluded[name] for name in ("token_hash", "email", "issued_at", "expires_at")},
    where=(UserToken.issued_at <= bindparam("rested", type_=DateTime(timezone=True)))
    | (UserToken.email != _new.excluded.email),
).returning(UserToken.id)
_FITTING = (
    UserToken.token_hash == bindparam("token_hash", type_=LargeBinary),
    UserToken.purpose == bindparam("purpose", type_=Text),
    UserToken.expires_at > bindparam("now", type_=DateTime(timezone=True)),
)
_HOLDER = select(UserToken.user_id, UserToken.email).where(*_FITTING)
# Deleting is what makes it single: of two that bring it at once, one finds the row.
_REDEEM = delete(UserToken).where(*_FITTING).returning(UserToken.user_id, UserToken.email)
_WITHDRAW = delete(UserToken).where(UserToken.user_id == bindparam("user", type_=Uuid))


class TokenHolder(Struct, frozen=True):
    """Whose token it is, and the address that it was mailed to."""

    user_id: UUID
    email: str


async def issue(db: Db, user_id: UUID, purpose: TokenPurpose, email: str) -> str:
    """Return the link with a new secret, which takes the place of an older one of the same purpose.

    Args:
        db: Of the tenant, whose address the link has.
        user_id: Whose.
        purpose: What it opens.
        email: The normalised address that it is mailed to and proves.
    """
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    await _keep(db, user_id, purpose, email, secret, rest=timedelta(0))
    return _link(db, purpose, secret)


async def issue_once_rested(db: Db, user_id: UUID, purpose: TokenPurpose, email: str) -> str | None:
    """Return a link as `issue` does; None while the last one for this address is younger than `REST`."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    is_new = await _keep(db, user_id, purpose, email, secret, rest=REST)
    return _link(db, purpose, secret) if is_new else None


async def _keep(db: Db, user_id: UUID, purpose: TokenPurpose, email: str, secret: str, *, rest: timedelta) -> bool:
    now = clock.now()
    kept = await db.value(
        _KEEP,
        user_id=user_id,
        purpose=purpose,
        token_hash=_hash(secret),
        email=email,
        issued_at=now,
        expires_at=now + LIFETIMES[purpose],
        rested=now - rest,
    )
    return kept is not None


def _link(db: Db, purpose: TokenPurpose, secret: str) -> str:
    return db.tenant.url(f"{_PAGES[purpose]}#token={secret}")


async def holder(db: Db, token: str, purpose: TokenPurpose) -> TokenHolder:
    """Return whose token it is, and leave it good.

    Raises:
        TokenInvalid: It is unknown, used, replaced, too old, or for something else.
    """
    return _found(await db.row(TokenHolder, _HOLDER, **_presented(token, purpose)))


async def redeem(db: Db, token: str, purpose: TokenPurpose) -> TokenHolder:
    """Use a token up and return whose it was; of many at the same time one succeeds.

    Raises:
        TokenInvalid: It is unknown, used, replaced, too old, or for something else.
    """
    return _found(await db.row(TokenHolder, _REDEEM, **_presented(token, purpose)))


async def withdraw_all(db: Db, user_id: UUID) -> None:
    """Make every token of a user worthless."""
    await db.run(_WITHDRAW, user=user_id)


def _presented(token: str, purpose: TokenPurpose) -> dict[str, object]:
    return {"token_hash": _hash(token), "purpose": purpose, "now": clock.now()}


def _found(row: TokenHolder | None) -> TokenHolder:
    if row is None:
        raise TokenInvalid
    return row


def _hash(secret: str) -> bytes:
    # 256 random bits need no slow hash.
    return hashlib.sha256(secret.encode()).digest()
