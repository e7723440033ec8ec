"""What a plugin that has pages gives the kernel so that a browser's person reads a refusal as a page.

Which refusals there are and how they are written as JSON is `kernel.problems`.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
from litestar import Request, Response

from kernel.errors import FieldError


class Problem(msgspec.Struct, frozen=True, omit_defaults=False):
    """The body of every refusal."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError]
    request_id: str


ProblemPage: TypeAlias = Callable[[Request[Any, Any, Any], Problem], Response[Any] | None]
"""Draws a refusal for whoever asked with a browser; None leaves it as JSON. The tenant may not be known yet."""


def wants_page(request: Request[Any, Any, Any]) -> bool:
    """Whether a browser asks for something to show: not for what stands in the API."""
    return "text/html" in request.headers.get("accept", "") and not request.scope["path"].startswith("/api/")
