"""The tables of codes; what must hold in a crowd is a constraint here (ADR 0005: one table for both kinds)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import one_of, secret_column, table_base, tenant_reference, tenant_unique

Base = table_base("codes")


def _target() -> CheckConstraint:
    """A video's code also names its course: a list by course finds it, and no answer needs to look it up."""
    return CheckConstraint("(kind = 'video') = (video_id IS NOT NULL)", name="target")


class CodeBatch(Base):
    """Codes that were generated together."""

    __tablename__ = "code_batches"
    __table_args__ = (
        tenant_reference("course_id", "courses.courses"),
        tenant_reference("video_id", "courses.course_videos"),
        tenant_reference("instructor_id", "auth.users", ondelete="SET NULL"),
        tenant_reference("created_by", "auth.users", ondelete="SET NULL"),
        one_of("kind", "course", "video"),
        _target(),
        Index(None, "tenant_id", "course_id", "id"),
        Index(None, "tenant_id", "instructor_id", "id"),
    )

    kind: Mapped[str]
    course_id: Mapped[UUID]
    video_id: Mapped[UUID | None]
    instructor_id: Mapped[UUID | None]
    label: Mapped[str | None]
    count: Mapped[int]
    missing: Mapped[int] = mapped_column(server_default=text("0"), comment="so many of its codes a task still makes")
    created_by: Mapped[UUID | None]


class AccessCode(Base):
    """A code: found by its keyed hash, shown by decrypting it; the text itself is nowhere.

    Long after its expiry hash and ciphertext are forgotten (`actions.retention`).
    """

    __tablename__ = "access_codes"
    __table_args__ = (
        tenant_unique("code_lookup"),
        tenant_reference("batch_id", "codes.code_batches"),
        tenant_reference("course_id", "courses.courses"),
        tenant_reference("video_id", "courses.course_videos"),
        tenant_reference("instructor_id", "auth.users", ondelete="SET NULL"),
        tenant_reference("created_by", "auth.users", ondelete="SET NULL"),
        one_of("kind", "course", "video"),
        one_of("type", "single_use", "multi_use", "unlimited"),
        _target(),
        CheckConstraint("(type = 'unlimited') = (max_uses IS NULL)", name="max_uses_by_type"),
        CheckConstraint("type <> 'single_use' OR max_uses = 1", name="single_use_is_one"),
        CheckConstraint("access_days > 0", name="access_days"),
        CheckConstraint(
            "(code_lookup IS NULL) = (code_display IS NULL) AND (code_lookup IS NULL) = (lookup_kid IS NULL)",
            name="forgotten_as_a_whole",
        ),
        CheckConstraint("current_uses >= 0 AND current_uses <= max_uses", name="uses"),
        Index(None, "tenant_id", "batch_id", "id"),
        Index(None, "tenant_id", "course_id", "id"),
        Index(None, "tenant_id", "video_id", "id", postgresql_where=text("video_id IS NOT NULL")),
        Index(None, "tenant_id", "instructor_id", "id"),
        Index(None, "tenant_id", "paused_until", postgresql_where=text("paused_until IS NOT NULL")),
        Index(
            None,
            "tenant_id",
            "expires_at",
            postgresql_where=text("expires_at IS NOT NULL AND code_display IS NOT NULL"),
        ),
    )

    batch_id: Mapped[UUID]
    code_lookup: Mapped[bytes | None] = secret_column(comment="HMAC of tenant and code")
    lookup_kid: Mapped[str | None]
    code_display: Mapped[str | None] = secret_column(comment="the code, encrypted")
    kind: Mapped[str]
    course_id: Mapped[UUID]
    video_id: Mapped[UUID | None]
    instructor_id: Mapped[UUID | None]
    type: Mapped[str]
    max_uses: Mapped[int | None]
    current_uses: Mapped[int] = mapped_column(server_default=text("0"))
    expires_at: Mapped[datetime | None]
    access_days: Mapped[int | None] = mapped_column(comment="what it opens stays open so long; null: for good")
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    paused_until: Mapped[datetime | None]
    failures_from: Mapped[datetime | None] = mapped_column(comment="earlier failures pause it no more")
    label: Mapped[str | None]
    allowed_emails: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    allowed_domains: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    created_by: Mapped[UUID | None]


class CodeRedemption(Base):
    """That a user redeemed a code, once at most."""

    __tablename__ = "code_redemptions"
    __table_args__ = (
        tenant_unique("code_id", "user_id"),
        tenant_reference("code_id", "codes.access_codes"),
        tenant_reference("user_id", "auth.users"),
        one_of("code_type", "course", "video"),
        Index(None, "tenant_id", "user_id"),
    )

    code_id: Mapped[UUID]
    code_type: Mapped[str]
    user_id: Mapped[UUID]
    redeemed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ip_address: Mapped[str | None]


class RedemptionAttempt(Base, audited=False, append_only=True):
    """An attempt to redeem, whatever came of it; nobody changes these rows."""

    __tablename__ = "redemption_attempts"
    __table_args__ = (
        tenant_reference("code_id", "codes.access_codes", ondelete="SET NULL"),
        tenant_reference("user_id", "auth.users"),
        Index(None, "tenant_id", "code_id", "attempted_at"),
        Index(None, "tenant_id", "outcome", "id"),
        Index(None, "tenant_id", "user_id"),
    )

    code_id: Mapped[UUID | None] = mapped_column(comment="null: no code of the tenant reads so")
    user_id: Mapped[UUID]
    ip_address: Mapped[str]
    outcome: Mapped[str] = mapped_column(comment="codes.access_code.redeemed, or the refusal's error code")
    attempted_at: Mapped[datetime] = mapped_column(server_default=func.now())
