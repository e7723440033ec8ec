"""What is told of a file."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

FileKind = Literal["video", "image", "file"]


class FileRef(Struct, frozen=True):
    """A file as other plugins know it; its size is in bytes, its `sha256` in hexadecimal."""

    id: UUID
    owner_id: UUID | None
    kind: FileKind
    filename: str
    content_type: str
    size: int
    sha256: str
    storage_key: str
    created_at: datetime


class UploadedFile(Struct, frozen=True):
    """A file for whoever has uploaded it, with an address of a few hours."""

    id: UUID
    kind: FileKind
    filename: str
    content_type: str
    size: int
    sha256: str
    url: str


class SignedUrl(Struct, frozen=True):
    """An address that one session of one user may read until it expires."""

    url: str
    expires_at: datetime


class Drawn(Struct, frozen=True):
    """What was drawn of a picture: the name of its file, its type, and its size in pixels."""

    name: str
    content_type: str
    width: int
    height: int
