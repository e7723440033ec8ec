"""The one source of the present moment, so that tests can move it; which time zones there are."""

import zoneinfo
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache


class Clock:
    """Gives the present moment; a test replaces `source` and puts it back."""

    def __init__(self) -> None:
        self.source: Callable[[], datetime] = lambda: datetime.now(UTC)


clock = Clock()


def now() -> datetime:
    """Return the present moment, in UTC."""
    return clock.source()


@cache
def timezones() -> frozenset[str]:
    """Return the names of all time zones."""
    return frozenset(zoneinfo.available_timezones())
