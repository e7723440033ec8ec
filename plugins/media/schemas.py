"""What is told of a file."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

FileKind = Literal["video", "image", "file", "archive"]


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


class RenditionRef(Struct, frozen=True):
    """Something that was made of a file, by its name; the sizes in pixels are those of a picture."""

    file_id: UUID
    name: str
    storage_key: str
    content_type: str
    size: int
    width: int | None
    height: int | None


class Served(Struct, frozen=True):
    """What has to be known of a file, or of something made of it, to send its bytes."""

    storage_key: str
    size: int
    sha256: str
    created_at: datetime


class Processing(Struct, frozen=True):
    """How far a video is made ready; `progress` is a percentage, `problem` a sentence once it has failed.

    `task_id` is that of `GET /api/v1/tasks/{id}`, for whoever uploaded it.
    """

    status: Literal["queued", "running", "done", "failed"]
    task_id: UUID | None
    progress: int
    problem: str | None


class UploadedFile(Struct, frozen=True):
    """A file for whoever has uploaded it, with an address of a few hours."""

    id: UUID
    kind: FileKind
    filename: str
    content_type: str
    size: int
    sha256: str
    url: str
    thumbnails: dict[str, str]
    """Addresses by name (`w320.webp`); of pictures alone."""
    processing: Processing | None = None
    """Of videos alone."""


FileSort = Literal["newest", "largest"]


class FilesWanted(Struct, frozen=True):
    """Which files to list; None where it does not matter."""

    kind: FileKind | None = None
    is_used: bool | None = None
    owner_id: UUID | None = None


class ListedFile(Struct, frozen=True):
    """A file in the list of somebody's own or of all; its size is in bytes, the address is good for a few hours."""

    id: UUID
    kind: FileKind
    filename: str
    content_type: str
    size: int
    sha256: str
    created_at: datetime
    owner_id: UUID | None
    url: str
    thumbnails: dict[str, str]
    used_as: list[str]
    """What shows it, by kind: `courses.cover`."""


class SignedUrl(Struct, frozen=True):
    """An address that one session of one user may read until it expires."""

    url: str
    expires_at: datetime


class CaptionRef(Struct, frozen=True):
    """Captions of a video in one language (BCP 47)."""

    language: str
    label: str


class CaptionText(Struct, frozen=True):
    """What is said in a video, in one language, as WebVTT."""

    file_id: UUID
    language: str
    content: str


class CaptionTrack(CaptionRef, frozen=True):
    """Captions with an address of WebVTT, for one session."""

    url: str


class Playback(Struct, frozen=True):
    """Where one session may watch a video: as HLS once it is ready, else as a file."""

    url: str
    expires_at: datetime
    type: Literal["hls", "file"]
    fallback_url: str | None
    poster_url: str | None
    captions: list[CaptionTrack]
    preparing: int | None = None
    """How far it is made ready, as a percentage, as long as that goes on."""


class Drawn(Struct, frozen=True):
    """What was drawn of a picture: the name of its file, its type, and its size in pixels."""

    name: str
    content_type: str
    width: int
    height: int


class Resumable(Struct, frozen=True):
    """How far a resumable upload is, in bytes."""

    id: UUID
    kind: FileKind
    filename: str
    length: int
    received: int
    expires_at: datetime
    file_id: UUID | None


class UploadState(Struct, frozen=True):
    """How far a resumable upload is, in bytes, and the file once there is one."""

    id: UUID
    length: int
    received: int
    expires_at: datetime
    file: UploadedFile | None
