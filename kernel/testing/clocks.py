"""A clock that a test moves."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from kernel import clock

_real_now = clock.clock.source


class FakeClock:
    """Moves the present moment of `kernel.clock`; PostgreSQL and Redis keep their own time."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the moved present."""
        return _real_now() + self._ahead

    def advance(self, **duration: float) -> None:
        """Move on: `advance(minutes=16)`."""
        self._ahead += timedelta(**duration)


@pytest.fixture
def fake_clock() -> Iterator[FakeClock]:
    """A clock to move; the real one comes back afterwards."""
    fake = FakeClock()
    clock.clock.source = fake.now
    yield fake
    clock.clock.source = _real_now
