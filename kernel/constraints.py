"""Tells what a violated constraint means; the constraint decides, because a check before it would lose races."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from kernel.errors import DomainError


@contextmanager
def constraint_errors(**errors: type[DomainError]) -> Iterator[None]:
    """Raise the error that stands for a constraint's name; others stay what they are."""
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as violation:
        error = errors.get(violation.constraint_name or "")
        if error is None:
            raise
        raise error from violation


@contextmanager
def rows_pointing_here(error: type[DomainError]) -> Iterator[None]:
    """Raise the error if what is deleted is still pointed at, by whichever table."""
    try:
        yield
    except (asyncpg.ForeignKeyViolationError, asyncpg.RestrictViolationError) as violation:
        raise error from violation
