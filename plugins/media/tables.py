"""The tables of files. The bytes are in the storage, under a key that holds nothing but ids."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import one_of, table_base, tenant_reference, tenant_unique

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
