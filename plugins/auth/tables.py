"""The schema `auth`: accounts, profiles, sessions, second factors, failed sign-ins."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Computed, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import NormalisedText, one_of, secret_column, table_base, tenant_reference, tenant_unique
from plugins.auth.permissions import ROLES

Base = table_base("auth")


def _searched(column: str) -> Index:
    """Return the index by which parts of a text are found; only `auth.matching` may use it."""
    return Index(
        None,
        "tenant_id",
        column,
        postgresql_using="gin",
        postgresql_ops={column: "kernel.gin_trgm_ops"},
        postgresql_with={"fastupdate": "off"},
    )


class User(Base):
    """An account."""

    __tablename__ = "users"
    __table_args__ = (
        tenant_unique("email"),
        one_of("role", *ROLES),
        one_of("status", "active", "inactive", "suspended"),
        Index(None, "tenant_id", "role", "status"),
        Index("ix_users_tenant_id_id_not_deleted", "tenant_id", "id", postgresql_where=text("deleted_at IS NULL")),
        Index(
            "ix_users_tenant_id_last_login",
            "tenant_id",
            text("last_login NULLS FIRST"),
            "id",
            postgresql_where=text("deleted_at IS NULL"),
        ),
        _searched("email"),
    )

    email: Mapped[str] = mapped_column(NormalisedText())
    password_hash: Mapped[str | None] = secret_column(comment="null: signs in by other ways alone")
    password_key_id: Mapped[str | None]
    role: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=text("'active'"))
    last_login: Mapped[datetime | None]
    email_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    is_operator: Mapped[bool] = mapped_column(server_default=text("false"))
    deleted_at: Mapped[datetime | None] = mapped_column(comment="closed for good; erased once every plugin has done so")


class UserProfile(Base):
    """What an account's owner says about themselves; every account has exactly one."""

    __tablename__ = "user_profiles"
    __table_args__ = (
        tenant_reference("user_id", "auth.users"),
        tenant_unique("user_id"),
        Index(None, "tenant_id", "last_name", "first_name", "user_id"),
        _searched("searched"),
    )

    user_id: Mapped[UUID]
    first_name: Mapped[str]
    last_name: Mapped[str]
    phone: Mapped[str | None]
    avatar_url: Mapped[str | None]
    bio: Mapped[str | None]
    date_of_birth: Mapped[date | None]
    address: Mapped[str | None]
    city: Mapped[str | None]
    country: Mapped[str | None]
    timezone: Mapped[str] = mapped_column(server_default=text("'UTC'"))
    searched: Mapped[str] = mapped_column(
        Computed("lower(normalize(first_name || ' ' || last_name, NFKC))", persisted=True)
    )


class StudentFile(Base):
    """What the school keeps about a student; how far they have come, other plugins tell (ADR 0020)."""

    __tablename__ = "student_files"
    __table_args__ = (
        tenant_reference("user_id", "auth.users"),
        tenant_reference("assigned_instructor", "auth.users", ondelete="SET NULL"),
        tenant_unique("user_id"),
        Index(None, "tenant_id", "assigned_instructor"),
    )

    user_id: Mapped[UUID]
    education_level: Mapped[str | None]
    enrollment_date: Mapped[date | None]
    notes: Mapped[str | None] = mapped_column(comment="of the staff; the student does not see them in the file")
    assigned_instructor: Mapped[UUID | None]


class InstructorProfile(Base):
    """What an instructor tells about their work."""

    __tablename__ = "instructor_profiles"
    __table_args__ = (
        tenant_reference("user_id", "auth.users"),
        tenant_unique("user_id"),
        CheckConstraint("experience_years BETWEEN 0 AND 80", name="experience_years"),
    )

    user_id: Mapped[UUID]
    specialization: Mapped[str | None]
    qualification: Mapped[str | None]
    experience_years: Mapped[int | None]


class UserPreferences(Base):
    """How somebody wants to see the school; whoever has chosen nothing has no row."""

    __tablename__ = "user_preferences"
    __table_args__ = (
        tenant_reference("user_id", "auth.users"),
        tenant_unique("user_id"),
        one_of("theme", "system", "light", "dark"),
    )

    user_id: Mapped[UUID]
    locale: Mapped[str | None] = mapped_column(comment="null: the tenant's own")
    theme: Mapped[str] = mapped_column(server_default=text("'system'"))
    notifications: Mapped[dict[str, dict[str, bool]]] = mapped_column(
        JSONB(), server_default=text("'{}'::jsonb"), comment="by kind and channel: whether it is told"
    )


class UserToken(Base):
    """A secret that was mailed, to be used once; of each purpose an account has one at most."""

    __tablename__ = "user_tokens"
    __table_args__ = (
        tenant_reference("user_id", "auth.users"),
        tenant_unique("user_id", "purpose"),
        tenant_unique("token_hash"),
        one_of("purpose", "verification", "reset", "invitation"),
    )

    user_id: Mapped[UUID]
    purpose: Mapped[str]
    token_hash: Mapped[bytes] = secret_column(comment="SHA-256 of the secret in the link")
    email: Mapped[str] = mapped_column(NormalisedText(), comment="where it was mailed, and so what it proves")
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Session(Base, audited=False):
    """One sign-in and all refresh tokens that descend from it."""

    __tablename__ = "sessions"
    __table_args__ = (tenant_reference("user_id", "auth.users"), Index(None, "tenant_id", "user_id"))

    user_id: Mapped[UUID]
    refresh_hash: Mapped[bytes] = mapped_column(comment="SHA-256 of the newest refresh token's secret")
    method: Mapped[str] = mapped_column(server_default=text("'password'"))
    second_factor: Mapped[bool] = mapped_column(server_default=text("false"))
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    rotated_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    absolute_expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime]
    address: Mapped[str]
    agent: Mapped[str]


class TotpFactor(Base):
    """The secret that an account shares with an authenticator app; it counts once a code has confirmed it."""

    __tablename__ = "totp_factors"
    __table_args__ = (tenant_reference("user_id", "auth.users"), tenant_unique("user_id"))

    user_id: Mapped[UUID]
    secret: Mapped[str] = secret_column(comment="encrypted")
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int | None] = mapped_column(comment="time step of the newest code that was used")


class RecoveryCode(Base):
    """A code that stands in for the second factor once."""

    __tablename__ = "recovery_codes"
    __table_args__ = (tenant_reference("user_id", "auth.users"), tenant_unique("user_id", "code_hash"))

    user_id: Mapped[UUID]
    code_hash: Mapped[bytes] = secret_column()
    code_key_id: Mapped[str]
    used_at: Mapped[datetime | None]


class Passkey(Base):
    """A key pair of which a browser or security key holds the private half."""

    __tablename__ = "passkeys"
    __table_args__ = (
        tenant_reference("user_id", "auth.users"),
        tenant_unique("credential_id"),
        Index(None, "tenant_id", "user_id"),
    )

    user_id: Mapped[UUID]
    name: Mapped[str]
    credential_id: Mapped[bytes] = mapped_column(comment="by which browsers know it")
    public_key: Mapped[bytes] = mapped_column(comment="COSE")
    sign_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    backed_up: Mapped[bool] = mapped_column(server_default=text("false"))
    last_used_at: Mapped[datetime | None]


class FailedLogin(Base, audited=False, append_only=True):
    """A refused sign-in; without a user if nobody has the address, which is not kept."""

    __tablename__ = "failed_logins"
    __table_args__ = (
        tenant_reference("user_id", "auth.users"),
        Index(None, "tenant_id", "user_id"),
        one_of(
            "reason",
            "unknown_user",
            "wrong_password",
            "wrong_code",
            "passkey_refused",
            "passkey_copied",
            "suspended",
            "inactive",
            "email_not_verified",
        ),
    )

    user_id: Mapped[UUID | None]
    reason: Mapped[str]
    address: Mapped[str]
    agent: Mapped[str]


class UserIdentity(Base):
    """Somebody in the words of a provider, and which account that is."""

    __tablename__ = "user_identities"
    __table_args__ = (
        tenant_reference("user_id", "auth.users"),
        tenant_unique("authority", "subject"),
        Index(None, "tenant_id", "user_id"),
    )

    user_id: Mapped[UUID]
    authority: Mapped[str] = mapped_column(comment="who says so: the issuer, or the address that tells the user")
    subject: Mapped[str]
    email: Mapped[str | None] = mapped_column(
        comment="as the provider had it when it was linked; nothing is found by it"
    )
