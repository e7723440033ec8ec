"""What may be said of an error: in tables its kind and place, in the log its traceback and message too.

What the database says of rows is nowhere: its messages quote them, as a violated constraint does with its values, and
SQLAlchemy adds the statement with its parameters.
"""

import traceback
from collections.abc import Iterator
from pathlib import Path

import asyncpg
from asyncpg.exceptions._base import DataError as UnencodableValue  # not exported: the server's has its name
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import StatementError

from kernel.errors import DomainError

_MOST_PLACES = 5
_CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
_QUOTES_ROWS = (asyncpg.PostgresError, UnencodableValue, StatementError, AsyncAdapt_asyncpg_dbapi.Error)
# Connections, rights, what is not there, syntax, and a server that is full or stops: about statements, never a row.
_QUOTES_NO_ROW = frozenset({"08", "28", "3D", "3F", "42", "53", "57"})
_MEANWHILE = "\nDuring handling of the above exception, another exception occurred:\n\n"


def describe(error: BaseException) -> str:
    """Return an error's kind and the last places that it passed, innermost first."""
    words = _kind_of(error)
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_PLACES:]
    places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)]
    return " ".join(words) + (f" in {', '.join(places)}" if places else "")


def told(error: BaseException) -> str:
    """Return what a person at a terminal may read of an error: its message, unless that may quote a row."""
    cause = _of_driver(error)
    if isinstance(cause, asyncpg.PostgresError):
        if (cause.sqlstate or "")[:2] in _QUOTES_NO_ROW:
            return str(cause.args[0])
        return " ".join(_kind_of(cause))
    if isinstance(cause, _QUOTES_ROWS):
        return " ".join(_kind_of(cause))
    return str(cause) or repr(cause)


def _of_driver(error: BaseException) -> BaseException:
    """Return the driver's own error of one that SQLAlchemy has wrapped, once or twice."""
    inner = error.orig if isinstance(error, StatementError) else None
    inner = inner or (error.__cause__ if isinstance(error, AsyncAdapt_asyncpg_dbapi.Error) else None)
    return error if inner is None else _of_driver(inner)


def _kind_of(error: BaseException) -> list[str]:
    error = _of_driver(error)
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
    if isinstance(error, _QUOTES_ROWS):
        yield " ".join(_kind_of(error)) + "\n"
    else:
        yield from traceback.format_exception_only(error)
    if isinstance(error, BaseExceptionGroup):
        for number, each in enumerate(error.exceptions, 1):
            yield f"\n{number} of {len(error.exceptions)}:\n"
            yield from _lines(each, told)
