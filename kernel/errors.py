"""What can go wrong, in six categories that map to an HTTP status once.

A plugin subclasses a category and gives its `code`; the text of the answer (RFC 9457) is written by
`kernel.routing`. This module imports nothing of the project.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One field of the request and what is wrong with it; `field` is a JSON path such as `items[2].name`."""

    field: str
    message: str


class DomainError(Exception):
    """A refusal that the caller may see.

    Args:
        detail: One sentence for this occurrence; the class's `title` when absent.
        errors: The fields that caused it.
        headers: Response headers that belong to the refusal, such as `Retry-After`.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "kernel.error"
    title: ClassVar[str] = "The request failed."

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


class Invalid(DomainError):
    """The request itself is wrong; repeating it unchanged cannot succeed."""

    status = 400
    code = "kernel.invalid"
    title = "The request is not valid."


class Unauthenticated(DomainError):
    """Nobody is signed in, or the credential no longer counts."""

    status = 401
    code = "kernel.unauthenticated"
    title = "Sign in to do this."


class Forbidden(DomainError):
    """Somebody is signed in and may not do this."""

    status = 403
    code = "kernel.forbidden"
    title = "You may not do this."


class NotFound(DomainError):
    """It does not exist, or not for this tenant or this person."""

    status = 404
    code = "kernel.not_found"
    title = "There is nothing here."


class Conflict(DomainError):
    """The request is right and the present state refuses it."""

    status = 409
    code = "kernel.conflict"
    title = "The present state does not allow this."


class Unavailable(DomainError):
    """A part that the request needs does not answer; it may succeed later."""

    status = 503
    code = "kernel.unavailable"
    title = "This is not available right now. Try again in a moment."


class TooLarge(Invalid):
    """The body or the file is larger than its limit."""

    status = 413
    code = "kernel.too_large"
    title = "This is larger than what is allowed."


class RateLimited(Unavailable):
    """Too many requests of one kind from one caller."""

    status = 429
    code = "kernel.rate_limited"
    title = "Too many requests. Wait a moment."
