"""The format of a course's archive, version 1: what stands in its `course.json` (docs/course-archives.md).

Of the rest of the project it needs the texts alone, so that rules can decide about it.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from plugins.courses.schemas.texts import (
    CategoryName,
    Duration,
    HttpsUrl,
    Language,
    Level,
    LongText,
    Places,
    Price,
    ShortText,
    Slug,
    SortOrder,
    Title,
    VideoType,
    YoutubeId,
)

FORMAT: Final = "collegium-course"
VERSION: Final = 1
MANIFEST: Final = "course.json"
MOST_MANIFEST_BYTES: Final = 16 * 1024**2
MOST_PARTS: Final = 2000
MOST_FILES: Final = 5000

EntryName = Annotated[str, Meta(pattern=r"^files/[A-Za-z0-9_-]{1,60}(\.[a-z0-9]{1,10})?$(?!\n)")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all that an archive says: a field that this version does not know is an error."""


class ArchivedCaptions(_Part, frozen=True, kw_only=True):
    """What is said in a video, in one language, as WebVTT."""

    language: Annotated[str, Meta(min_length=2, max_length=35)]
    content: Annotated[str, Meta(min_length=1, max_length=900_000)]


class ArchivedFile(_Part, frozen=True, kw_only=True):
    """An entry of the archive; its size in bytes, its hash in hexadecimal; its sender called it `filename`."""

    name: EntryName
    kind: Literal["video", "image", "file"]
    filename: Annotated[str, Meta(max_length=255)]
    size: Annotated[int, Meta(ge=1, le=2**40)]
    sha256: Sha256
    captions: Annotated[Sequence[ArchivedCaptions], Meta(max_length=50)] = ()


class ArchivedVideo(_Part, frozen=True, kw_only=True):
    """A video; its `file` is the name of an entry."""

    title: Title
    description: LongText | None = None
    video_type: VideoType
    file: EntryName | None = None
    youtube_id: YoutubeId | None = None
    video_url: HttpsUrl | None = None
    duration_seconds: Duration
    sort_order: SortOrder = 0
    is_preview: bool = False
    requires_code: bool = False
    is_published: bool = True


class ArchivedMaterial(_Part, frozen=True, kw_only=True):
    """A file or a link; its `file` is the name of an entry."""

    title: Title
    description: LongText | None = None
    file: EntryName | None = None
    external_url: HttpsUrl | None = None
    is_downloadable: bool = True
    sort_order: SortOrder = 0


class ArchivedSection(_Part, frozen=True, kw_only=True):
    """A section with what stands in it."""

    title: Title
    description: LongText | None = None
    sort_order: SortOrder = 0
    is_published: bool = True
    videos: Annotated[Sequence[ArchivedVideo], Meta(max_length=MOST_PARTS)] = ()
    materials: Annotated[Sequence[ArchivedMaterial], Meta(max_length=MOST_PARTS)] = ()


class ArchivedCategory(_Part, frozen=True, kw_only=True):
    """The category; where a course is imported, it is found by its slug."""

    name: CategoryName
    slug: Slug


class ArchivedCourse(_Part, frozen=True, kw_only=True):
    """The course itself; its `cover` is the name of an entry."""

    title: Title
    short_description: ShortText | None = None
    description: LongText | None = None
    cover: EntryName | None = None
    category: ArchivedCategory | None = None
    level: Level = "beginner"
    language: Language = "en"
    price: Price = "0"
    is_free: bool = False
    requires_code: bool = True
    max_students: Places | None = None


class CourseArchive(_Part, frozen=True, kw_only=True):
    """All of it; `materials` are those that stand in no section."""

    format: Literal["collegium-course"]
    version: Literal[1]
    course: ArchivedCourse
    sections: Annotated[Sequence[ArchivedSection], Meta(max_length=500)]
    materials: Annotated[Sequence[ArchivedMaterial], Meta(max_length=MOST_PARTS)]
    files: Annotated[Sequence[ArchivedFile], Meta(max_length=MOST_FILES)]

    def videos(self) -> Iterator[tuple[str, ArchivedVideo]]:
        """Give each video, and where it stands."""
        for number, section in enumerate(self.sections):
            for inside, video in enumerate(section.videos):
                yield f"sections[{number}].videos[{inside}]", video

    def all_materials(self) -> Iterator[tuple[str, ArchivedMaterial]]:
        """Give each material, and where it stands."""
        for number, material in enumerate(self.materials):
            yield f"materials[{number}]", material
        for number, section in enumerate(self.sections):
            for inside, material in enumerate(section.materials):
                yield f"sections[{number}].materials[{inside}]", material


class ArchiveHead(Struct, frozen=True):
    """As much of a manifest as every version has."""

    format: str
    version: int
