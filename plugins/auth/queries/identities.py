"""Reads of what accounts are linked to."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import and_, bindparam, select

from kernel.db import Db
from plugins.auth.schemas.identities import IdentityCard, ProviderCard
from plugins.auth.settings import SETTINGS, AuthSettings
from plugins.auth.tables import User, UserIdentity

LOGIN_PATH = "/api/v1/auth/oauth/{}/login"
_OF_USER = (
    select(UserIdentity.id, UserIdentity.authority, UserIdentity.email, UserIdentity.created_at)
    .where(UserIdentity.user_id == bindparam("user"))
    .order_by(UserIdentity.created_at, UserIdentity.id)
)
_ACCOUNT = select(
    User.id,
    User.email,
    User.email_verified,
    (User.password_hash.is_(None) & User.last_login.is_(None)).label("is_unused"),
    User.is_operator,
)
_BY_SUBJECT = _ACCOUNT.join(
    UserIdentity, and_(UserIdentity.user_id == User.id, UserIdentity.tenant_id == User.tenant_id)
).where(UserIdentity.authority == bindparam("authority"), UserIdentity.subject == bindparam("subject"))
_BY_EMAIL = _ACCOUNT.where(User.email == bindparam("email"))
_BY_ID = _ACCOUNT.where(User.id == bindparam("id"))


class LinkedIdentity(Struct, frozen=True):
    """A link as it is kept."""

    id: UUID
    authority: str
    email: str | None
    created_at: datetime


class Account(Struct, frozen=True):
    """What decides whether a provider's word opens an account."""

    id: UUID
    email: str
    email_verified: bool
    is_unused: bool
    """Made by an administrator who invites somebody; it has neither a password nor ever been signed in to."""
    is_operator: bool


def provider_cards(db: Db) -> list[ProviderCard]:
    """Return the tenant's providers, in the order of its settings."""
    providers = db.tenant.setting(SETTINGS, AuthSettings).providers
    return [
        ProviderCard(name, provider.name or name, provider.kind, LOGIN_PATH.format(name))
        for name, provider in providers.items()
    ]


async def identities_of(db: Db, user_id: UUID) -> list[LinkedIdentity]:
    """Return what an account is linked to, the oldest first."""
    return await db.rows(LinkedIdentity, _OF_USER, user=user_id)


async def identity_cards(db: Db, user_id: UUID) -> list[IdentityCard]:
    """Return what an account is linked to, with the names that people know."""
    providers = db.tenant.setting(SETTINGS, AuthSettings).providers
    names = {provider.authority: (name, provider.name or name) for name, provider in providers.items()}
    cards = []
    for each in await identities_of(db, user_id):
        provider, provider_name = names.get(each.authority, (None, each.authority))
        cards.append(IdentityCard(each.id, provider, provider_name, each.email, each.created_at))
    return cards


async def account_by_subject(db: Db, *, authority: str, subject: str) -> Account | None:
    """Return the account that is linked to a provider's word."""
    return await db.row(Account, _BY_SUBJECT, authority=authority, subject=subject)


async def account_by_email(db: Db, email: str) -> Account | None:
    """Return the account that has a normalised address."""
    return await db.row(Account, _BY_EMAIL, email=email)


async def account_by_id(db: Db, user_id: UUID) -> Account | None:
    """Return an account."""
    return await db.row(Account, _BY_ID, id=user_id)
