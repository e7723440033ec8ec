"""The one source of the present moment, so that tests can move it."""

from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Gives the present moment; a test replaces `source` and puts it back."""

    def __init__(self) -> None:
        self.source: Callable[[], datetime] = lambda: datetime.now(UTC)


clock = Clock()


def now() -> datetime:
    """Return the present moment, in UTC."""
    return clock.source()
