"""The tables of courses; what must hold in a crowd is a constraint here (ADR 0010: watched ranges, not a counter)."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Computed, Index, Numeric, func, text
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE, JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import one_of, table_base, tenant_reference, tenant_unique

Base = table_base("courses")


class CourseCategory(Base):
    """A shelf of the catalogue."""

    __tablename__ = "course_categories"
    __table_args__ = (
        tenant_unique("slug"),
        tenant_reference("parent_id", "courses.course_categories", ondelete="SET NULL"),
        Index(None, "tenant_id", "parent_id"),
    )

    name: Mapped[str]
    slug: Mapped[str]
    description: Mapped[str | None]
    parent_id: Mapped[UUID | None]
    icon: Mapped[str | None]
    sort_order: Mapped[int] = mapped_column(server_default=text("0"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))


class Course(Base):
    """A course; its counters are kept by listeners and can be counted anew at any time."""

    __tablename__ = "courses"
    __table_args__ = (
        tenant_unique("slug"),
        tenant_reference("category_id", "courses.course_categories", ondelete="SET NULL"),
        tenant_reference("instructor_id", "auth.users", ondelete="RESTRICT"),
        tenant_reference("cover_file_id", "media.files", ondelete="RESTRICT"),
        one_of("level", "beginner", "intermediate", "advanced"),
        one_of("status", "draft", "submitted", "published", "rejected", "archived"),
        CheckConstraint("price >= 0", name="price"),
        CheckConstraint("max_students > 0", name="max_students"),
        CheckConstraint("status <> 'published' OR published_at IS NOT NULL", name="published_at"),
        Index(None, "tenant_id", "status", "published_at", "id"),
        Index(None, "tenant_id", "instructor_id", "id"),
        Index(None, "tenant_id", "category_id", "id"),
        Index(None, "tenant_id", "cover_file_id"),
        Index(None, "tenant_id", "search", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
        Index(
            None,
            "tenant_id",
            "title",
            postgresql_using="gin",
            postgresql_ops={"title": "kernel.gin_trgm_ops"},
            postgresql_with={"fastupdate": "off"},
        ),
        Index(None, "tenant_id", "featured_at", "id", postgresql_where=text("featured_at IS NOT NULL")),
    )

    title: Mapped[str]
    slug: Mapped[str]
    description: Mapped[str | None]
    short_description: Mapped[str | None]
    cover_file_id: Mapped[UUID | None]
    category_id: Mapped[UUID | None]
    instructor_id: Mapped[UUID]
    level: Mapped[str] = mapped_column(server_default=text("'beginner'"))
    language: Mapped[str] = mapped_column(server_default=text("'en'"))
    duration_hours: Mapped[float] = mapped_column(Numeric(5, 2, asdecimal=False), server_default=text("0"))
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2), server_default=text("0"))
    is_free: Mapped[bool] = mapped_column(server_default=text("false"))
    is_published: Mapped[bool] = mapped_column(Computed("status = 'published'", persisted=True))
    requires_code: Mapped[bool] = mapped_column(server_default=text("true"))
    max_students: Mapped[int | None]
    total_enrolled: Mapped[int] = mapped_column(server_default=text("0"))
    rating: Mapped[float] = mapped_column(Numeric(3, 2, asdecimal=False), server_default=text("0"))
    rating_count: Mapped[int] = mapped_column(server_default=text("0"))
    status: Mapped[str] = mapped_column(server_default=text("'draft'"))
    published_at: Mapped[datetime | None]
    submitted_at: Mapped[datetime | None]
    featured_at: Mapped[datetime | None]
    search: Mapped[str] = mapped_column(
        TSVECTOR(),
        Computed("courses.search_document(language, title, short_description, description)", persisted=True),
    )


class CourseVerdict(Base):
    """What a reviewer decided about a course that was submitted; the newest one counts."""

    __tablename__ = "course_verdicts"
    __table_args__ = (
        tenant_reference("course_id", "courses.courses"),
        tenant_reference("reviewer_id", "auth.users", ondelete="SET NULL"),
        one_of("decision", "approved", "rejected"),
        Index(None, "tenant_id", "course_id", "id"),
        Index(None, "tenant_id", "reviewer_id"),
    )

    course_id: Mapped[UUID]
    reviewer_id: Mapped[UUID | None]
    decision: Mapped[str]
    reason: Mapped[str | None]
    notes: Mapped[list[Any]] = mapped_column(JSONB(), server_default=text("'[]'::jsonb"))


class CourseSection(Base):
    """A chapter."""

    __tablename__ = "course_sections"
    __table_args__ = (
        tenant_reference("course_id", "courses.courses"),
        Index(None, "tenant_id", "course_id", "sort_order", "id"),
    )

    course_id: Mapped[UUID]
    title: Mapped[str]
    description: Mapped[str | None]
    sort_order: Mapped[int] = mapped_column(server_default=text("0"))
    is_published: Mapped[bool] = mapped_column(server_default=text("true"))


class CourseVideo(Base):
    """A video of a section, from one of three sources."""

    __tablename__ = "course_videos"
    __table_args__ = (
        tenant_reference("section_id", "courses.course_sections"),
        tenant_reference("file_id", "media.files", ondelete="RESTRICT"),
        one_of("video_type", "youtube_private", "server_upload", "external"),
        CheckConstraint(
            "(file_id IS NOT NULL) = (video_type = 'server_upload')"
            " AND (youtube_id IS NOT NULL) = (video_type = 'youtube_private')"
            " AND (video_url IS NOT NULL) = (video_type = 'external')",
            name="source",
        ),
        CheckConstraint("duration_seconds > 0", name="duration_seconds"),
        Index(None, "tenant_id", "section_id", "sort_order", "id"),
        Index(None, "tenant_id", "file_id"),
    )

    section_id: Mapped[UUID]
    title: Mapped[str]
    description: Mapped[str | None]
    video_type: Mapped[str]
    video_url: Mapped[str | None]
    youtube_id: Mapped[str | None]
    file_id: Mapped[UUID | None]
    duration_seconds: Mapped[int]
    thumbnail_url: Mapped[str | None]
    sort_order: Mapped[int] = mapped_column(server_default=text("0"))
    is_preview: Mapped[bool] = mapped_column(server_default=text("false"))
    requires_code: Mapped[bool] = mapped_column(server_default=text("false"))
    is_published: Mapped[bool] = mapped_column(server_default=text("true"))


class CourseMaterial(Base):
    """A file or a link beside the videos; of a section, or of the course as a whole."""

    __tablename__ = "course_materials"
    __table_args__ = (
        tenant_reference("course_id", "courses.courses"),
        tenant_reference("section_id", "courses.course_sections"),
        tenant_reference("file_id", "media.files", ondelete="RESTRICT"),
        CheckConstraint("(file_id IS NULL) <> (external_url IS NULL)", name="source"),
        CheckConstraint(
            "(file_id IS NULL) = (file_type IS NULL) AND (file_id IS NULL) = (file_size IS NULL)", name="file"
        ),
        Index(None, "tenant_id", "course_id", "section_id", "sort_order", "id"),
        Index(None, "tenant_id", "section_id"),
        Index(None, "tenant_id", "file_id"),
    )

    course_id: Mapped[UUID]
    section_id: Mapped[UUID | None]
    title: Mapped[str]
    description: Mapped[str | None]
    file_id: Mapped[UUID | None]
    external_url: Mapped[str | None]
    file_type: Mapped[str | None]
    file_size: Mapped[int | None] = mapped_column(BigInteger)
    is_downloadable: Mapped[bool] = mapped_column(server_default=text("true"))
    sort_order: Mapped[int] = mapped_column(server_default=text("0"))


class ImportedFile(Base, audited=False):
    """A file of an import under way, by its name in the archive; the course that it is for is not there yet."""

    __tablename__ = "imported_files"
    __table_args__ = (
        tenant_unique("import_id", "name"),
        tenant_reference("file_id", "media.files"),
        Index(None, "tenant_id", "file_id"),
        Index(None, "tenant_id", "created_at"),
    )

    import_id: Mapped[UUID]
    name: Mapped[str]
    file_id: Mapped[UUID]


class MaterialDownload(Base, audited=False):
    """That somebody has asked for a material's address; the rows are the count."""

    __tablename__ = "material_downloads"
    __table_args__ = (
        tenant_unique("user_id", "material_id"),
        tenant_reference("user_id", "auth.users"),
        tenant_reference("material_id", "courses.course_materials"),
        Index(None, "tenant_id", "material_id"),
    )

    user_id: Mapped[UUID]
    material_id: Mapped[UUID]


class CourseEnrollment(Base):
    """That somebody is, or was, enrolled in a course."""

    __tablename__ = "course_enrollments"
    __table_args__ = (
        tenant_unique("user_id", "course_id"),
        tenant_reference("user_id", "auth.users"),
        tenant_reference("course_id", "courses.courses", ondelete="RESTRICT"),
        one_of("status", "active", "completed", "dropped", "expired"),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        Index(None, "tenant_id", "course_id", "enrolled_at", "id"),
        Index(None, "tenant_id", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
    )

    user_id: Mapped[UUID]
    course_id: Mapped[UUID]
    enrolled_at: Mapped[datetime] = mapped_column(server_default=func.now())
    access_code_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(server_default=text("'active'"))
    progress: Mapped[float] = mapped_column(Numeric(5, 2, asdecimal=False), server_default=text("0"))
    completed_at: Mapped[datetime | None]
    certificate_id: Mapped[UUID | None]
    expires_at: Mapped[datetime | None] = mapped_column(comment="null: it does not end by itself")


class CourseReview(Base):
    """What a student says of a course, and what its instructor answers."""

    __tablename__ = "course_reviews"
    __table_args__ = (
        tenant_unique("user_id", "course_id"),
        tenant_reference("course_id", "courses.courses"),
        tenant_reference("user_id", "auth.users"),
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
        CheckConstraint("(reply IS NULL) = (replied_at IS NULL)", name="reply"),
        Index(None, "tenant_id", "course_id", "id"),
        Index(None, "tenant_id", "created_at", "id"),
        Index(
            "ix_course_reviews_tenant_id_created_at_id_waiting",
            "tenant_id",
            "created_at",
            "id",
            postgresql_where=text("reply IS NULL"),
        ),
    )

    course_id: Mapped[UUID]
    user_id: Mapped[UUID]
    rating: Mapped[int]
    comment: Mapped[str | None]
    reply: Mapped[str | None]
    replied_at: Mapped[datetime | None]


class VideoGrant(Base):
    """That an access code has opened a single video for somebody."""

    __tablename__ = "video_grants"
    __table_args__ = (
        tenant_unique("user_id", "video_id"),
        tenant_reference("user_id", "auth.users"),
        tenant_reference("video_id", "courses.course_videos"),
        Index(None, "tenant_id", "video_id"),
    )

    user_id: Mapped[UUID]
    video_id: Mapped[UUID]
    access_code_id: Mapped[UUID | None]
    expires_at: Mapped[datetime | None] = mapped_column(comment="null: it does not end by itself")


class VideoProgress(Base, audited=False):
    """Which seconds of a video somebody has seen; `updated_at` is when they last watched."""

    __tablename__ = "video_progress"
    __table_args__ = (
        tenant_unique("user_id", "video_id"),
        tenant_reference("user_id", "auth.users"),
        tenant_reference("video_id", "courses.course_videos"),
        Index(None, "tenant_id", "video_id"),
    )

    user_id: Mapped[UUID]
    video_id: Mapped[UUID]
    watched: Mapped[Any] = mapped_column(INT4MULTIRANGE, server_default=text("'{}'::int4multirange"))
    watched_seconds: Mapped[int] = mapped_column(Computed("courses.seconds_in(watched)", persisted=True))
    total_seconds: Mapped[int]
    is_completed: Mapped[bool] = mapped_column(server_default=text("false"))
    last_position: Mapped[int] = mapped_column(server_default=text("0"))
    completed_at: Mapped[datetime | None]
