"""Batches, codes, redemptions and the log of attempts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import one_of, tenant_reference, tenant_unique

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    _batches()
    _codes()
    _redemptions()
    _attempts()


def _target() -> sa.CheckConstraint:
    return sa.CheckConstraint("(kind = 'video') = (video_id IS NOT NULL)", name="target")


def _batches() -> None:
    op.create_table(
        "code_batches",
        *tenant_columns(),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("video_id", sa.Uuid()),
        sa.Column("label", sa.Text()),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Uuid()),
        tenant_reference("course_id", "courses.courses"),
        tenant_reference("video_id", "courses.course_videos"),
        tenant_reference("created_by", "auth.users", ondelete="SET NULL"),
        one_of("kind", "course", "video"),
        _target(),
        schema="codes",
    )
    secure_tenant_table("codes.code_batches")


def _codes() -> None:
    op.create_table(
        "access_codes",
        *tenant_columns(),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("code_lookup", sa.LargeBinary(), nullable=False, comment="HMAC of tenant and code"),
        sa.Column("lookup_kid", sa.Text(), nullable=False),
        sa.Column("code_display", sa.Text(), nullable=False, comment="the code, encrypted"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("video_id", sa.Uuid()),
        sa.Column("instructor_id", sa.Uuid()),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("max_uses", sa.Integer()),
        sa.Column("current_uses", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("is_active", sa.Boolean(), nullable=False, server_default=sa.text("true")),
        sa.Column("paused_until", sa.DateTime(timezone=True)),
        sa.Column("label", sa.Text()),
        sa.Column("allowed_emails", ARRAY(sa.Text()), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("allowed_domains", ARRAY(sa.Text()), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("created_by", sa.Uuid()),
        tenant_unique("code_lookup"),
        tenant_reference("batch_id", "codes.code_batches"),
        tenant_reference("course_id", "courses.courses"),
        tenant_reference("video_id", "courses.course_videos"),
        tenant_reference("instructor_id", "auth.users", ondelete="SET NULL"),
        tenant_reference("created_by", "auth.users", ondelete="SET NULL"),
        one_of("kind", "course", "video"),
        one_of("type", "single_use", "multi_use", "unlimited"),
        _target(),
        sa.CheckConstraint("(type = 'unlimited') = (max_uses IS NULL)", name="max_uses_by_type"),
        sa.CheckConstraint("type <> 'single_use' OR max_uses = 1", name="single_use_is_one"),
        sa.CheckConstraint("current_uses >= 0 AND current_uses <= max_uses", name="uses"),
        schema="codes",
    )
    op.create_index(None, "access_codes", ["tenant_id", "batch_id", "id"], schema="codes")
    op.create_index(None, "access_codes", ["tenant_id", "course_id", "id"], schema="codes")
    op.create_index(
        None,
        "access_codes",
        ["tenant_id", "video_id", "id"],
        schema="codes",
        postgresql_where=sa.text("video_id IS NOT NULL"),
    )
    op.create_index(None, "access_codes", ["tenant_id", "instructor_id", "id"], schema="codes")
    secure_tenant_table("codes.access_codes", secret=["code_lookup", "code_display"])


def _redemptions() -> None:
    op.create_table(
        "code_redemptions",
        *tenant_columns(),
        sa.Column("code_id", sa.Uuid(), nullable=False),
        sa.Column("code_type", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("ip_address", sa.Text()),
        tenant_unique("code_id", "user_id"),
        tenant_reference("code_id", "codes.access_codes"),
        tenant_reference("user_id", "auth.users"),
        one_of("code_type", "course", "video"),
        schema="codes",
    )
    op.create_index(None, "code_redemptions", ["tenant_id", "user_id"], schema="codes")
    secure_tenant_table("codes.code_redemptions")


def _attempts() -> None:
    op.create_table(
        "redemption_attempts",
        *tenant_columns(),
        sa.Column("code_id", sa.Uuid(), comment="null: no code of the tenant reads so"),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("ip_address", sa.Text(), nullable=False),
        sa.Column(
            "outcome",
            sa.Text(),
            nullable=False,
            comment="codes.access_code.redeemed, or the refusal's error code",
        ),
        sa.Column("attempted_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        tenant_reference("code_id", "codes.access_codes", ondelete="SET NULL"),
        tenant_reference("user_id", "auth.users"),
        schema="codes",
    )
    op.create_index(None, "redemption_attempts", ["tenant_id", "code_id", "attempted_at"], schema="codes")
    op.create_index(None, "redemption_attempts", ["tenant_id", "user_id"], schema="codes")
    secure_tenant_table("codes.redemption_attempts", audited=False, append_only=True)


def downgrade() -> None:
    """Take back."""
    for table in ("redemption_attempts", "code_redemptions", "access_codes", "code_batches"):
        op.drop_table(table, schema="codes")
