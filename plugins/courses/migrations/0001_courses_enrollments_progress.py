"""Categories, courses, sections, videos, enrolments, grants, progress."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import one_of, tenant_reference, tenant_unique

revision = "0001"
down_revision = None

# A sum over a row's own column must be a function, to be a generated column.
_SECONDS_IN = """
CREATE FUNCTION courses.seconds_in(watched int4multirange) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT coalesce(sum(upper(stretch) - lower(stretch)), 0)::integer FROM unnest(watched) AS stretch)
"""
_SOURCE = (
    "(file_id IS NOT NULL) = (video_type = 'server_upload')"
    " AND (youtube_id IS NOT NULL) = (video_type = 'youtube_private')"
    " AND (video_url IS NOT NULL) = (video_type = 'external')"
)


def upgrade() -> None:
    """Apply."""
    _course_categories()
    _courses()
    _course_sections()
    _course_videos()
    _course_enrollments()
    _video_grants()
    _video_progress()


def _course_categories() -> None:
    op.create_table(
        "course_categories",
        *tenant_columns(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("parent_id", sa.Uuid()),
        sa.Column("icon", sa.Text()),
        sa.Column("sort_order", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("is_active", sa.Boolean(), nullable=False, server_default=sa.text("true")),
        tenant_unique("slug"),
        tenant_reference("parent_id", "courses.course_categories", ondelete="SET NULL"),
        schema="courses",
    )
    op.create_index(None, "course_categories", ["tenant_id", "parent_id"], schema="courses")
    secure_tenant_table("courses.course_categories")


def _courses() -> None:
    op.create_table(
        "courses",
        *tenant_columns(),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("short_description", sa.Text()),
        sa.Column("thumbnail_url", sa.Text()),
        sa.Column("category_id", sa.Uuid()),
        sa.Column("instructor_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False, server_default=sa.text("'beginner'")),
        sa.Column("language", sa.Text(), nullable=False, server_default=sa.text("'en'")),
        sa.Column("duration_hours", sa.Numeric(5, 2), nullable=False, server_default=sa.text("0")),
        sa.Column("price", sa.Numeric(10, 2), nullable=False, server_default=sa.text("0")),
        sa.Column("is_free", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("is_published", sa.Boolean(), sa.Computed("status = 'published'", persisted=True), nullable=False),
        sa.Column("requires_code", sa.Boolean(), nullable=False, server_default=sa.text("true")),
        sa.Column("max_students", sa.Integer()),
        sa.Column("total_enrolled", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("rating", sa.Numeric(3, 2), nullable=False, server_default=sa.text("0")),
        sa.Column("rating_count", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("status", sa.Text(), nullable=False, server_default=sa.text("'draft'")),
        sa.Column("published_at", sa.DateTime(timezone=True)),
        tenant_unique("slug"),
        tenant_reference("category_id", "courses.course_categories", ondelete="SET NULL"),
        tenant_reference("instructor_id", "auth.users", ondelete="RESTRICT"),
        one_of("level", "beginner", "intermediate", "advanced"),
        one_of("status", "draft", "submitted", "published", "rejected", "archived"),
        sa.CheckConstraint("price >= 0", name="price"),
        sa.CheckConstraint("max_students > 0", name="max_students"),
        sa.CheckConstraint("status <> 'published' OR published_at IS NOT NULL", name="published_at"),
        schema="courses",
    )
    op.create_index(None, "courses", ["tenant_id", "status", "published_at", "id"], schema="courses")
    op.create_index(None, "courses", ["tenant_id", "instructor_id", "id"], schema="courses")
    op.create_index(None, "courses", ["tenant_id", "category_id", "id"], schema="courses")
    secure_tenant_table("courses.courses")


def _course_sections() -> None:
    op.create_table(
        "course_sections",
        *tenant_columns(),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("sort_order", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("is_published", sa.Boolean(), nullable=False, server_default=sa.text("true")),
        tenant_reference("course_id", "courses.courses"),
        schema="courses",
    )
    op.create_index(None, "course_sections", ["tenant_id", "course_id", "sort_order", "id"], schema="courses")
    secure_tenant_table("courses.course_sections")


def _course_videos() -> None:
    op.create_table(
        "course_videos",
        *tenant_columns(),
        sa.Column("section_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("video_type", sa.Text(), nullable=False),
        sa.Column("video_url", sa.Text()),
        sa.Column("youtube_id", sa.Text()),
        sa.Column("file_id", sa.Uuid()),
        sa.Column("duration_seconds", sa.Integer(), nullable=False),
        sa.Column("thumbnail_url", sa.Text()),
        sa.Column("sort_order", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("is_preview", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("requires_code", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("is_published", sa.Boolean(), nullable=False, server_default=sa.text("true")),
        tenant_reference("section_id", "courses.course_sections"),
        tenant_reference("file_id", "media.files", ondelete="RESTRICT"),
        one_of("video_type", "youtube_private", "server_upload", "external"),
        sa.CheckConstraint(_SOURCE, name="source"),
        sa.CheckConstraint("duration_seconds > 0", name="duration_seconds"),
        schema="courses",
    )
    op.create_index(None, "course_videos", ["tenant_id", "section_id", "sort_order", "id"], schema="courses")
    op.create_index(None, "course_videos", ["tenant_id", "file_id"], schema="courses")
    secure_tenant_table("courses.course_videos")


def _course_enrollments() -> None:
    op.create_table(
        "course_enrollments",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("access_code_id", sa.Uuid()),
        sa.Column("status", sa.Text(), nullable=False, server_default=sa.text("'active'")),
        sa.Column("progress", sa.Numeric(5, 2), nullable=False, server_default=sa.text("0")),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        sa.Column("certificate_id", sa.Uuid()),
        tenant_unique("user_id", "course_id"),
        tenant_reference("user_id", "auth.users"),
        tenant_reference("course_id", "courses.courses", ondelete="RESTRICT"),
        one_of("status", "active", "completed", "dropped", "expired"),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        schema="courses",
    )
    op.create_index(None, "course_enrollments", ["tenant_id", "course_id", "enrolled_at", "id"], schema="courses")
    secure_tenant_table("courses.course_enrollments")


def _video_grants() -> None:
    op.create_table(
        "video_grants",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("video_id", sa.Uuid(), nullable=False),
        sa.Column("access_code_id", sa.Uuid()),
        tenant_unique("user_id", "video_id"),
        tenant_reference("user_id", "auth.users"),
        tenant_reference("video_id", "courses.course_videos"),
        schema="courses",
    )
    op.create_index(None, "video_grants", ["tenant_id", "video_id"], schema="courses")
    secure_tenant_table("courses.video_grants")


def _video_progress() -> None:
    op.execute(_SECONDS_IN)
    op.create_table(
        "video_progress",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("video_id", sa.Uuid(), nullable=False),
        sa.Column("watched", INT4MULTIRANGE(), nullable=False, server_default=sa.text("'{}'::int4multirange")),
        sa.Column(
            "watched_seconds", sa.Integer(), sa.Computed("courses.seconds_in(watched)", persisted=True), nullable=False
        ),
        sa.Column("total_seconds", sa.Integer(), nullable=False),
        sa.Column("is_completed", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("last_position", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        tenant_unique("user_id", "video_id"),
        tenant_reference("user_id", "auth.users"),
        tenant_reference("video_id", "courses.course_videos"),
        schema="courses",
    )
    op.create_index(None, "video_progress", ["tenant_id", "video_id"], schema="courses")
    # Reports come every ten seconds from every player; the row itself says what they add up to.
    secure_tenant_table("courses.video_progress", audited=False)


def downgrade() -> None:
    """Take back."""
    for table in (
        "video_progress",
        "video_grants",
        "course_enrollments",
        "course_videos",
        "course_sections",
        "courses",
        "course_categories",
    ):
        op.drop_table(table, schema="courses")
    op.execute("DROP FUNCTION courses.seconds_in")
