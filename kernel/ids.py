"""Identifiers: UUID version 7, made by the server, ordered by time."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """Return a new identifier."""
    return uuid7()
