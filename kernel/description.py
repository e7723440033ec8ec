"""What the API's description says of every operation besides its own answer: how it may refuse.

The document itself is shown by `kernel.reader`.
"""

from collections.abc import Mapping
from copy import copy
from inspect import signature

from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from kernel.problem_pages import Problem
from kernel.problems import MEDIA_TYPE

_REFUSALS: Mapping[int, str] = {
    400: "The request is not valid; `errors` names the fields.",
    401: "Nobody is signed in, or the credential no longer counts.",
    403: "The person may not do this, or the request came from another site.",
    404: "It does not exist, or not for this person.",
    409: "The present state does not allow it.",
    413: "The body is too large.",
    415: "The body is not of the type that the operation reads.",
    429: "Too many requests; `Retry-After` says when to come again.",
    503: "A part does not answer or the work took too long; `Retry-After` says when to come again.",
}


def _problem(title: str) -> ResponseSpec:
    return ResponseSpec(Problem, generate_examples=False, description=title, media_type=MEDIA_TYPE)


_PROBLEMS = {status: _problem(title) for status, title in _REFUSALS.items()}
_CHANGED = _problem("It has changed since it was read: the ETag in `If-Match` is an old one.")
_EMPTY = ResponseSpec(None, generate_examples=False, description="It is done; there is nothing to say.")


def with_refusals(handler: HTTPRouteHandler) -> HTTPRouteHandler:
    """Return a copy of the handler whose description names every way of refusing; its own words come first."""
    copied = copy(handler)
    # Litestar describes the body of a `Response[None]`, which has none.
    empty: Mapping[int, ResponseSpec] = {204: _EMPTY} if handler.status_code == 204 else {}
    changed: Mapping[int, ResponseSpec] = {412: _CHANGED} if "if_match" in signature(handler.fn).parameters else {}
    copied.responses = {**_PROBLEMS, **empty, **changed, **(handler.responses or {})}
    return copied
