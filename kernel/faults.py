"""What may be written down about an error: in tables its kind and place, in the log its traceback and message too.

What the database says is in neither: its messages quote the row, as a violated constraint does with its values.
"""

import traceback
from collections.abc import Iterator
from pathlib import Path

import asyncpg
from asyncpg.exceptions._base import DataError as UnencodableValue  # not exported: the server's has its name

from kernel.errors import DomainError

_MOST_PLACES = 5
_CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
_MEANWHILE = "\nDuring handling of the above exception, another exception occurred:\n\n"


def describe(error: BaseException) -> str:
    """Return an error's kind and the last places that it passed, innermost first."""
    words = _kind_of(error)
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_PLACES:]
    places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)]
    return " ".join(words) + (f" in {', '.join(places)}" if places else "")


def _kind_of(error: BaseException) -> list[str]:
    words = [f"{type(error).__module__}.{type(error).__qualname__}"]
    if isinstance(error, asyncpg.PostgresError):
        words += [str(part) for part in (error.sqlstate, getattr(error, "constraint_name", None)) if part]
    elif isinstance(error, DomainError):
        words.append(error.code)
    return words


def traceback_of(error: BaseException) -> str:
    """Return an error and what led to it as Python prints them, but of the database's errors only the kind."""
    return "".join(_lines(error, set())).rstrip()


def _lines(error: BaseException, told: set[int]) -> Iterator[str]:
    told.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in told:
        yield from _lines(before, told)
        yield _CAUSED if error.__cause__ is not None else _MEANWHILE
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):\n"
        yield from traceback.format_tb(error.__traceback__)
    if isinstance(error, asyncpg.PostgresError | UnencodableValue):
        yield " ".join(_kind_of(error)) + "\n"
    else:
        yield from traceback.format_exception_only(error)
    if isinstance(error, BaseExceptionGroup):
        for number, each in enumerate(error.exceptions, 1):
            yield f"\n{number} of {len(error.exceptions)}:\n"
            yield from _lines(each, told)
