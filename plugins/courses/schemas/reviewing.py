"""What a reviewer says about a course."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kernel.routing import Body
from plugins.auth.api import UserRef

MOST_NOTES = 200
ReviewText = Annotated[str, Meta(min_length=1, max_length=2000, pattern=r"\S")]
NoteTarget = Annotated[str, Meta(pattern=r"^[a-z_]{1,40}(:[0-9a-f-]{36})?$(?!\n)")]


class ReviewNote(Body, frozen=True):
    """A note to one part of a course: a field such as `title`, or `section:<id>`, `video:<id>`, `material:<id>`."""

    target: NoteTarget
    text: ReviewText


class RejectRequest(Body, frozen=True):
    """Why a course is sent back."""

    reason: ReviewText
    notes: Annotated[tuple[ReviewNote, ...], Meta(max_length=MOST_NOTES)] = ()


class Verdict(Struct, frozen=True):
    """What was decided about a course, for those in whose care it is."""

    decision: Literal["approved", "rejected"]
    reason: str | None
    notes: list[ReviewNote]
    decided_at: datetime
    reviewer: UserRef | None
    """None once they are gone."""
