"""Sections, videos and progress in requests and answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from kernel.routing import Body
from plugins.courses.schemas.materials import MaterialDetails
from plugins.courses.schemas.texts import (
    Duration,
    EnrollmentStatus,
    HttpsUrl,
    LongText,
    Seconds,
    SortOrder,
    Title,
    VideoType,
    YoutubeId,
)
from plugins.media import api as media

MOST_SECTIONS = 500
MOST_VIDEOS = 2000
MOST_RANGES = 200
"""A beacon every ten seconds holds one or two; so many come after an hour without a network."""


class CreateSectionRequest(Body, frozen=True, kw_only=True):
    """A new section; without an order it becomes the last one."""

    title: Title
    description: LongText | None = None
    sort_order: SortOrder | None = None
    is_published: bool = True


class UpdateSectionRequest(Body, frozen=True, kw_only=True):
    """What may change about a section; an absent field stays as it is."""

    title: Title | UnsetType = UNSET
    description: LongText | None | UnsetType = UNSET
    sort_order: SortOrder | UnsetType = UNSET
    is_published: bool | UnsetType = UNSET


class CreateVideoRequest(Body, frozen=True, kw_only=True):
    """A new video: `file_id` for server_upload, `youtube_id` for youtube_private, `video_url` for external.

    How long an uploaded one lasts is known once the server has looked at it, and need not be said then.
    """

    title: Title
    video_type: VideoType
    duration_seconds: Duration | None = None
    description: LongText | None = None
    file_id: UUID | None = None
    youtube_id: YoutubeId | None = None
    video_url: HttpsUrl | None = None
    sort_order: SortOrder | None = None
    is_preview: bool = False
    requires_code: bool = False
    is_published: bool = True


class UpdateVideoRequest(Body, frozen=True, kw_only=True):
    """What may change about a video; an absent field stays as it is, but for the source that a new type replaces."""

    title: Title | UnsetType = UNSET
    video_type: VideoType | UnsetType = UNSET
    duration_seconds: Duration | UnsetType = UNSET
    description: LongText | None | UnsetType = UNSET
    file_id: UUID | UnsetType = UNSET
    youtube_id: YoutubeId | UnsetType = UNSET
    video_url: HttpsUrl | UnsetType = UNSET
    sort_order: SortOrder | UnsetType = UNSET
    is_preview: bool | UnsetType = UNSET
    requires_code: bool | UnsetType = UNSET
    is_published: bool | UnsetType = UNSET


class SectionOrder(Body, frozen=True):
    """A section with its videos and, if they are to be ordered too, its materials, in their order."""

    id: UUID
    videos: Annotated[list[UUID], Meta(max_length=MOST_VIDEOS)]
    materials: Annotated[list[UUID], Meta(max_length=MOST_VIDEOS)] | None = None


class CurriculumOrder(Body, frozen=True):
    """All sections of a course with all their videos, in their order; a video may come from another section.

    So it is with materials, unless no section names any: then they stay where they are.
    """

    sections: Annotated[list[SectionOrder], Meta(max_length=MOST_SECTIONS)]


class Progress(Struct, frozen=True):
    """How far somebody has watched a video."""

    last_position: int
    watched_seconds: int
    total_seconds: int
    is_completed: bool


class VideoDetails(Struct, frozen=True, kw_only=True):
    """A video; a locked one shows no source, and nobody's progress is nobody's who is not signed in."""

    id: UUID
    course_id: UUID
    section_id: UUID
    title: str
    description: str | None
    video_type: VideoType
    file_id: UUID | None
    youtube_id: str | None
    video_url: str | None
    duration_seconds: int
    thumbnail_url: str | None
    sort_order: int
    is_preview: bool
    requires_code: bool
    is_published: bool
    is_locked: bool
    progress: Progress | None


class SectionDetails(Struct, frozen=True, kw_only=True):
    """A section with its videos and materials, in their order."""

    id: UUID
    course_id: UUID
    title: str
    description: str | None
    sort_order: int
    is_published: bool
    videos: Sequence[VideoDetails]
    materials: Sequence[MaterialDetails]


class VideoStream(Struct, frozen=True, omit_defaults=True):
    """Where to watch: ours by signed addresses, as HLS once it is ready, YouTube's player, or an address elsewhere."""

    url: str
    expires_at: datetime | None
    type: Literal["hls", "file", "youtube", "external"]
    fallback_url: str | None = None
    """An MP4, for players that know no HLS."""
    poster_url: str | None = None
    captions: list[media.CaptionTrack] | None = None
    """Of ours."""
    watermark: str | None = None
    """What the player shall show over the video."""
    preparing: int | None = None
    """How far it is made ready, as a percentage; absent once it is. Until then not every browser plays it."""


class VideoRef(Struct, frozen=True):
    """A video as other plugins know it."""

    id: UUID
    title: str
    section_id: UUID
    course_id: UUID
    instructor_id: UUID
    requires_code: bool
    is_published: bool


class ProgressRequest(Body, frozen=True, kw_only=True):
    """What was played since the last time: stretches from one second up to another, and where the player stands."""

    position: Seconds
    ranges: Annotated[list[tuple[Seconds, Seconds]], Meta(max_length=MOST_RANGES)]
    total_seconds: Duration


class EnrollmentProgress(Struct, frozen=True):
    """How a course stands after a report; the progress is a percentage with two decimals."""

    progress: float
    status: EnrollmentStatus


class ProgressAnswer(Progress, frozen=True):
    """What is known of a video after a report, and of the course for who is enrolled in it."""

    enrollment: EnrollmentProgress | None
