"""The tables of files. The bytes are in the storage, under a key that holds nothing but ids."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, DateTime, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import one_of, secret_column, table_base, tenant_reference, tenant_unique

Base = table_base("media")


class File(Base):
    """A stored file; its bytes never change."""

    __tablename__ = "files"
    __table_args__ = (
        tenant_unique("storage_key"),
        tenant_reference("owner_id", "auth.users", ondelete="SET NULL"),
        one_of("kind", "video", "image", "file", "archive"),
        CheckConstraint("size > 0", name="size"),
        Index(None, "tenant_id", "owner_id", "id"),
    )

    owner_id: Mapped[UUID | None]
    kind: Mapped[str]
    filename: Mapped[str]
    content_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    storage_key: Mapped[str]


class Rendition(Base, audited=False):
    """Something that was made of a file, such as a thumbnail; the sizes in pixels are those of a picture."""

    __tablename__ = "renditions"
    __table_args__ = (
        tenant_unique("file_id", "name"),
        tenant_unique("storage_key"),
        tenant_reference("file_id", "media.files"),
        CheckConstraint("size > 0", name="size"),
    )

    file_id: Mapped[UUID]
    name: Mapped[str]
    storage_key: Mapped[str]
    content_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    width: Mapped[int | None]
    height: Mapped[int | None]


class Upload(Base, audited=False):
    """An upload under way, so that its bytes are found and removed if its process dies."""

    __tablename__ = "uploads"
    __table_args__ = (
        tenant_reference("owner_id", "auth.users", ondelete="SET NULL"),
        Index(None, "tenant_id", "owner_id"),
        Index(None, "tenant_id", "created_at"),
    )

    owner_id: Mapped[UUID | None]
    storage_key: Mapped[str]


class ResumableUpload(Base, audited=False):
    """An upload by the tus protocol: what is to come, what has come, and who is sending it right now.

    `holder` is the request that appends, until `held_until`; `file_id` is what became of it in the end.
    """

    __tablename__ = "resumable_uploads"
    __table_args__ = (
        tenant_reference("owner_id", "auth.users", ondelete="SET NULL"),
        tenant_reference("file_id", "media.files", ondelete="CASCADE"),
        one_of("kind", "video", "image", "file", "archive"),
        CheckConstraint("received BETWEEN 0 AND length", name="received"),
        Index(None, "tenant_id", "owner_id"),
        Index(None, "tenant_id", "expires_at"),
        Index(None, "tenant_id", "file_id"),
    )

    owner_id: Mapped[UUID | None]
    kind: Mapped[str]
    filename: Mapped[str]
    length: Mapped[int] = mapped_column(BigInteger)
    received: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    holder: Mapped[UUID | None]
    held_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    file_id: Mapped[UUID | None]


class UploadPart(Base, audited=False):
    """Bytes of a resumable upload that are in the storage."""

    __tablename__ = "upload_parts"
    __table_args__ = (
        tenant_unique("upload_id", "starts_at_byte"),
        tenant_reference("upload_id", "media.resumable_uploads"),
        CheckConstraint("size > 0", name="size"),
    )

    upload_id: Mapped[UUID]
    starts_at_byte: Mapped[int] = mapped_column(BigInteger)
    size: Mapped[int] = mapped_column(BigInteger)
    storage_key: Mapped[str]


class Video(Base, audited=False):
    """What is being made of a video so that it plays everywhere, and what is known of it since it was looked at."""

    __tablename__ = "videos"
    __table_args__ = (
        tenant_unique("file_id"),
        tenant_reference("file_id", "media.files"),
        one_of("status", "queued", "running", "done", "failed"),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
    )

    file_id: Mapped[UUID]
    task_id: Mapped[UUID | None] = mapped_column(comment="what its owner follows")
    status: Mapped[str] = mapped_column(server_default=text("'queued'"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    progress: Mapped[int] = mapped_column(server_default=text("0"))
    problem: Mapped[str | None] = mapped_column(comment="a sentence, once it has failed")
    duration_ms: Mapped[int | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    video_codec: Mapped[str | None]
    audio_codec: Mapped[str | None] = mapped_column(comment="null: it has no sound")
    hls_key: Mapped[str | None] = secret_column(comment="encrypted; decrypts every variant")


class VideoVariant(Base, audited=False):
    """One quality of a video: encrypted segments, one behind the other in the rendition `<name>.ts`."""

    __tablename__ = "video_variants"
    __table_args__ = (tenant_unique("file_id", "name"), tenant_reference("file_id", "media.files"))

    file_id: Mapped[UUID]
    name: Mapped[str]
    storage_key: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    peak_bits: Mapped[int] = mapped_column(comment="a second, of the largest segment")
    average_bits: Mapped[int]
    codecs: Mapped[str]
    durations_ms: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    sizes: Mapped[list[int]] = mapped_column(ARRAY(Integer), comment="of the segments as they are stored, in bytes")


class Caption(Base, audited=False):
    """What is said in a video, in one language, as WebVTT."""

    __tablename__ = "captions"
    __table_args__ = (tenant_unique("file_id", "language"), tenant_reference("file_id", "media.files"))

    file_id: Mapped[UUID]
    language: Mapped[str]
    label: Mapped[str]
    content: Mapped[str]
