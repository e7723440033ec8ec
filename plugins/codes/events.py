"""What has happened to codes."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from kernel.events import Event


class CodesGenerated(Event, frozen=True, kw_only=True):
    """A batch of codes was made."""

    name: ClassVar[str] = "codes.access_code.generated"
    batch_id: UUID
    course_id: UUID
    video_id: UUID | None
    count: int


class CodeRedeemed(Event, frozen=True, kw_only=True):
    """A user redeemed a code and got what it opens."""

    name: ClassVar[str] = "codes.access_code.redeemed"
    code_id: UUID
    user_id: UUID
    course_id: UUID
    video_id: UUID | None


class CodeWasPaused(Event, frozen=True, kw_only=True):
    """Too many different people have failed on a code: nobody can redeem it for a while."""

    name: ClassVar[str] = "codes.access_code.paused"
    code_id: UUID
    course_id: UUID
    video_id: UUID | None
    instructor_id: UUID | None
    paused_until: datetime


EVENTS = (CodesGenerated, CodeRedeemed, CodeWasPaused)
