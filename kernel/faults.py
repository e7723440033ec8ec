"""What may be written down about an error of background work: its kind and place, never its message.

Messages quote data: a violated constraint names the values of the row. The whole error goes to the log, once.
"""

import traceback
from pathlib import Path

import asyncpg

from kernel.errors import DomainError

_MOST_PLACES = 5


def describe(error: BaseException) -> str:
    """Return an error's kind and the last places that it passed, innermost first."""
    words = [f"{type(error).__module__}.{type(error).__qualname__}"]
    if isinstance(error, asyncpg.PostgresError):
        words += [str(part) for part in (error.sqlstate, getattr(error, "constraint_name", None)) if part]
    elif isinstance(error, DomainError):
        words.append(error.code)
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_PLACES:]
    places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)]
    return " ".join(words) + (f" in {', '.join(places)}" if places else "")
