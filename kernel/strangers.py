"""Who keeps asking for schools that do not exist: refused for the rest of a minute before the database is asked.

Every other limit belongs to a tenant (`kernel.gate`); here none has been found yet, so the process counts.
"""

import time

from kernel.errors import RateLimited

MOST_PER_MINUTE = 60
_WINDOW_S = 60.0
_MOST_CALLERS = 10_000


class Strangers:
    """Counts, for each caller, names that nobody has."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, int]] = {}

    def check(self, caller: str) -> None:
        """Refuse a caller who has asked for too many.

        Raises:
            RateLimited: Until their minute is over.
        """
        began, count = self._of(caller)
        if count >= MOST_PER_MINUTE:
            wait_s = max(1, round(began + _WINDOW_S - time.monotonic()))
            raise RateLimited(headers={"Retry-After": str(wait_s)})

    def note(self, caller: str) -> None:
        """Count one more; a minute begins with the first."""
        if caller not in self._seen and len(self._seen) >= _MOST_CALLERS:
            self._seen.clear()
        began, count = self._of(caller)
        self._seen[caller] = (began, count + 1)

    def _of(self, caller: str) -> tuple[float, int]:
        began, count = self._seen.get(caller, (0.0, 0))
        now = time.monotonic()
        return (began, count) if count and now - began < _WINDOW_S else (now, 0)
