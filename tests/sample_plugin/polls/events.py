"""What has happened to polls."""

from typing import ClassVar
from uuid import UUID

from kernel.events import Event


class VoteCast(Event, frozen=True, kw_only=True):
    """Somebody voted; for what, nobody is told."""

    name: ClassVar[str] = "polls.vote.cast"
    poll_id: UUID
    user_id: UUID


class PollClosed(Event, frozen=True, kw_only=True):
    """Voting is over."""

    name: ClassVar[str] = "polls.poll.closed"
    poll_id: UUID
    author_id: UUID | None


EVENTS = (VoteCast, PollClosed)
