"""What auth keeps about people: handed out to them, and taken away when their account is erased.

The row of an erased account stays, with nothing in it that points at anybody: others' rows hold its id.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Uuid, bindparam, delete, func, select, update

from kernel.db import Db
from kernel.mail import forget_mails_to
from kernel.personal_data import PersonalData
from plugins.auth.actions.second_factors import drop_second_factors
from plugins.auth.queries.passkeys import passkeys_of
from plugins.auth.queries.second_factors import factors_of, stored_totp
from plugins.auth.queries.users import user_details
from plugins.auth.schemas.files import InstructorProfileDetails
from plugins.auth.schemas.passkeys import Passkey
from plugins.auth.schemas.users import UserDetails
from plugins.auth.tables import (
    FailedLogin,
    InstructorProfile,
    Session,
    StudentFile,
    User,
    UserIdentity,
    UserPreferences,
    UserProfile,
    UserToken,
)

NOBODY = ("Deleted", "account")
_USER = bindparam("user", type_=Uuid)
_NO_ACCOUNT: Mapping[str, Any] = {
    "email": bindparam("email"),
    "email_verified": False,
    "password_hash": None,
    "password_key_id": None,
    "last_login": None,
    "is_operator": False,
}
_ADDRESS = select(User.email).where(User.id == _USER)
_ERASE_ACCOUNT = update(User).where(User.id == _USER).values(**_NO_ACCOUNT)
_SAID = (column.key for column in UserProfile.__table__.columns if column.nullable)
_ERASE_PROFILE = (
    update(UserProfile)
    .where(UserProfile.user_id == _USER)
    .values(first_name=NOBODY[0], last_name=NOBODY[1], timezone="UTC", **dict.fromkeys(_SAID))
)
_SESSIONS = (
    select(Session.opened_at, Session.last_seen_at, Session.revoked_at, Session.method, Session.address, Session.agent)
    .where(Session.user_id == _USER)
    .order_by(Session.opened_at)
)
_ERASE_SESSIONS = delete(Session).where(Session.user_id == _USER)
_IDENTITIES = (
    select(UserIdentity.created_at, UserIdentity.authority, UserIdentity.subject, UserIdentity.email)
    .where(UserIdentity.user_id == _USER)
    .order_by(UserIdentity.created_at)
)
_ERASE_IDENTITIES = delete(UserIdentity).where(UserIdentity.user_id == _USER)
_FAILED_LOGINS = (
    select(FailedLogin.created_at, FailedLogin.reason, FailedLogin.address, FailedLogin.agent)
    .where(FailedLogin.user_id == _USER)
    .order_by(FailedLogin.created_at)
)
_ERASE_FAILED_LOGINS = select(func.auth.forget_failed_logins(bindparam("person", type_=Uuid)))

_STUDENT_FILE = select(StudentFile.education_level, StudentFile.enrollment_date, StudentFile.notes).where(
    StudentFile.user_id == _USER
)
_ERASE_STUDENT_FILE = delete(StudentFile).where(StudentFile.user_id == _USER)
_UNASSIGN = update(StudentFile).where(StudentFile.assigned_instructor == _USER).values(assigned_instructor=None)
_INSTRUCTOR = select(
    InstructorProfile.specialization, InstructorProfile.qualification, InstructorProfile.experience_years
).where(InstructorProfile.user_id == _USER)
_ERASE_INSTRUCTOR = delete(InstructorProfile).where(InstructorProfile.user_id == _USER)
_PREFERENCES = select(UserPreferences.locale, UserPreferences.theme, UserPreferences.notifications).where(
    UserPreferences.user_id == _USER
)
_ERASE_PREFERENCES = delete(UserPreferences).where(UserPreferences.user_id == _USER)
_TOKENS = (
    select(UserToken.purpose, UserToken.email, UserToken.issued_at, UserToken.expires_at)
    .where(UserToken.user_id == _USER)
    .order_by(UserToken.issued_at)
)
_ERASE_TOKENS = delete(UserToken).where(UserToken.user_id == _USER)


class KeptFile(Struct, frozen=True):
    """What the school keeps about a student."""

    education_level: str | None
    enrollment_date: date | None
    notes: str | None


class KeptPreferences(Struct, frozen=True):
    """What somebody has chosen."""

    locale: str | None
    theme: str
    notifications: dict[str, dict[str, bool]]


class KeptToken(Struct, frozen=True):
    """A link that was mailed and has not been used."""

    purpose: str
    email: str
    issued_at: datetime
    expires_at: datetime


class KeptSession(Struct, frozen=True):
    """A sign-in and from where."""

    opened_at: datetime
    last_seen_at: datetime
    revoked_at: datetime | None
    method: str
    address: str
    agent: str


class KeptSecondFactors(Struct, frozen=True):
    """Since when an authenticator app is set up, the passkeys, and how many recovery codes are left."""

    totp_since: datetime | None
    passkeys: list[Passkey]
    recovery_codes_left: int


class KeptIdentity(Struct, frozen=True):
    """Another site's word that opens the account."""

    created_at: datetime
    authority: str
    subject: str
    email: str | None


class KeptFailedLogin(Struct, frozen=True):
    """A sign-in that was refused and from where."""

    created_at: datetime
    reason: str
    address: str
    agent: str


async def _account(db: Db, user_id: UUID) -> UserDetails:
    return await user_details(db, user_id)


async def _erase_account(db: Db, user_id: UUID) -> None:
    await forget_mails_to(db, await db.value(_ADDRESS, user=user_id))
    # `.invalid` is nobody's mail for ever (RFC 2606).
    await db.run(_ERASE_ACCOUNT, user=user_id, email=f"{user_id}@erased.invalid")
    await db.run(_ERASE_PROFILE, user=user_id)


async def _sessions(db: Db, user_id: UUID) -> list[KeptSession]:
    return await db.rows(KeptSession, _SESSIONS, user=user_id)


async def _erase_sessions(db: Db, user_id: UUID) -> None:
    await db.run(_ERASE_SESSIONS, user=user_id)


async def _identities(db: Db, user_id: UUID) -> list[KeptIdentity]:
    return await db.rows(KeptIdentity, _IDENTITIES, user=user_id)


async def _erase_identities(db: Db, user_id: UUID) -> None:
    await db.run(_ERASE_IDENTITIES, user=user_id)


async def _failed_logins(db: Db, user_id: UUID) -> list[KeptFailedLogin]:
    return await db.rows(KeptFailedLogin, _FAILED_LOGINS, user=user_id)


async def _erase_failed_logins(db: Db, user_id: UUID) -> None:
    await db.value(_ERASE_FAILED_LOGINS, person=user_id)


async def _second_factors(db: Db, user_id: UUID) -> KeptSecondFactors:
    totp = await stored_totp(db, user_id)
    factors = await factors_of(db, user_id)
    return KeptSecondFactors(
        totp_since=totp.confirmed_at if totp else None,
        passkeys=await passkeys_of(db, user_id),
        recovery_codes_left=factors.recovery_codes_left,
    )


async def _student_file(db: Db, user_id: UUID) -> list[KeptFile]:
    return await db.rows(KeptFile, _STUDENT_FILE, user=user_id)


async def _erase_student_file(db: Db, user_id: UUID) -> None:
    await db.run(_ERASE_STUDENT_FILE, user=user_id)


async def _instructor(db: Db, user_id: UUID) -> list[InstructorProfileDetails]:
    return await db.rows(InstructorProfileDetails, _INSTRUCTOR, user=user_id)


async def _erase_instructor(db: Db, user_id: UUID) -> None:
    await db.run(_UNASSIGN, user=user_id)
    await db.run(_ERASE_INSTRUCTOR, user=user_id)


async def _preferences(db: Db, user_id: UUID) -> list[KeptPreferences]:
    return await db.rows(KeptPreferences, _PREFERENCES, user=user_id)


async def _erase_preferences(db: Db, user_id: UUID) -> None:
    await db.run(_ERASE_PREFERENCES, user=user_id)


async def _tokens(db: Db, user_id: UUID) -> list[KeptToken]:
    return await db.rows(KeptToken, _TOKENS, user=user_id)


async def _erase_tokens(db: Db, user_id: UUID) -> None:
    await db.run(_ERASE_TOKENS, user=user_id)


PERSONAL_DATA = (
    # First, and so erased last: others may still look the address up.
    PersonalData(name="auth.account", title="Your account and profile", export=_account, erase=_erase_account),
    PersonalData(name="auth.file", title="Your student file", export=_student_file, erase=_erase_student_file),
    PersonalData(name="auth.instructor", title="Your instructor profile", export=_instructor, erase=_erase_instructor),
    PersonalData(name="auth.preferences", title="Your preferences", export=_preferences, erase=_erase_preferences),
    PersonalData(name="auth.mailed_links", title="Links we mailed", export=_tokens, erase=_erase_tokens),
    PersonalData(name="auth.sessions", title="Your sign-ins", export=_sessions, erase=_erase_sessions),
    PersonalData(
        name="auth.second_factors",
        title="Your second factors",
        export=_second_factors,
        erase=drop_second_factors,
    ),
    PersonalData(
        name="auth.identities", title="Other sites that open your account", export=_identities, erase=_erase_identities
    ),
    PersonalData(
        name="auth.failed_logins", title="Refused sign-ins", export=_failed_logins, erase=_erase_failed_logins
    ),
)
