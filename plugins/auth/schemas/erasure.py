"""Closing an account for good."""

from uuid import UUID

from msgspec import Struct

from kernel.routing import Body
from plugins.auth.schemas.texts import TypedPassword


class DeleteOwnAccountRequest(Body, frozen=True):
    """The password once more; an account without one signs in anew instead."""

    password: TypedPassword | None = None


class ErasureStarted(Struct, frozen=True):
    """The account is closed; the task that erases what is kept can be followed."""

    task_id: UUID
