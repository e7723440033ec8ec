"""What somebody holds between the first factor and the second: a token of its own kind, for five minutes.

How often it may be tried, and that it counts once, is decided where it is used (`actions.second_step`).
"""

import hashlib
from uuid import UUID

import msgspec

from kernel.db import Db
from kernel.ids import new_id
from kernel.tokens import SignedTokens, TokenInvalid
from plugins.auth.errors import MfaTokenInvalid
from plugins.auth.queries.sessions import Standing
from plugins.auth.schemas.sessions import Method

TTL_S = 300


class MfaClaims(msgspec.Struct, frozen=True):
    """Who proved the first factor, and how."""

    tenant: UUID
    user_id: UUID
    method: Method
    password: str
    """A mark of the password that the account had: with a new one the token counts no more."""
    jti: str


def mark_of(password_hash: str | None) -> str:
    """Return by what a password is known again; nobody can tell it or its hash from that."""
    return hashlib.sha256((password_hash or "").encode()).hexdigest()[:32]


def issue(db: Db, account: Standing, method: Method) -> str:
    """Return a new token."""
    claims = MfaClaims(db.tenant_id, account.id, method, mark_of(account.password_hash), new_id().hex)
    return _tokens(db).sign(msgspec.to_builtins(claims), TTL_S)


def read(db: Db, token: str) -> MfaClaims:
    """Return what a token says.

    Raises:
        MfaTokenInvalid: We never made it, or for another tenant, or its time is over.
    """
    try:
        claims = msgspec.convert(_tokens(db).read(token), MfaClaims)
    except (TokenInvalid, msgspec.ValidationError) as error:
        raise MfaTokenInvalid from error
    if claims.tenant != db.tenant_id:
        raise MfaTokenInvalid
    return claims


def _tokens(db: Db) -> SignedTokens:
    return SignedTokens(db.deployment.keyring, "mfa", "mfa+jwt")
