"""Errors as `application/problem+json` (RFC 9457): every exception becomes one answer, here and nowhere else.

To a browser that asks for a page it is drawn by the plugin that has pages (`kernel.problem_pages`).
"""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import asyncpg
import msgspec
import structlog
from asyncpg.exceptions._base import DataError as UnencodableValue  # not exported: the server's has its name
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from kernel.db import Contended, DatabaseUnavailable
from kernel.errors import Conflict, DomainError, FieldError, Invalid, NotFound, TooLarge
from kernel.problem_pages import Problem, wants_page

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_UNKNOWN_FIELD = re.compile(r"unknown field `([^`]*)`")
_MISSING_FIELD = re.compile(r"missing required field `([^`]*)`")
_PLACE = re.compile(r" - at `\$\.?(.*)`$")


class UnknownRoute(NotFound):
    """No route has this path."""

    code = "kernel.route_unknown"
    title = "There is nothing at this address."


class MethodNotAllowed(Invalid):
    """The path exists, and not for this method."""

    status = 405
    code = "kernel.method_not_allowed"
    title = "This address does not take this method."


class ReferenceGone(Conflict):
    """What the change refers to was deleted while it was being made, or is still referred to."""

    code = "kernel.reference_gone"
    title = "Something that this refers to has just changed. Load it again."


class UnsupportedMedia(Invalid):
    """The body is not of the type that the route reads."""

    status = 415
    code = "kernel.unsupported_media_type"
    title = "Send the body as application/json."


class InternalFault(DomainError):
    """A fault of ours; what it was stands in the log alone."""

    code = "kernel.internal"
    title = "Something went wrong on our side. The request id helps us to find it."


def field_error(message: str) -> FieldError:
    """Return msgspec's message as a field's path and a sentence."""
    place = _PLACE.search(message)
    path = place.group(1) if place else ""
    text = _PLACE.sub("", message)
    if unknown := _UNKNOWN_FIELD.search(text):
        return FieldError(_join(path, unknown.group(1)), "There is no such field.")
    if missing := _MISSING_FIELD.search(text):
        return FieldError(_join(path, missing.group(1)), "This field is required.")
    return FieldError(path.removeprefix("data."), f"{text}.")


def _join(path: str, name: str) -> str:
    path = path.removeprefix("data").removeprefix(".")
    return f"{path}.{name}" if path else name


def problem_response(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer with the problem that an exception means; what nobody foresaw is a 500 and a traceback in the log."""
    domain = as_domain_error(error)
    if domain is None:
        log.error("request.failed", path=request.scope["path"], exc_info=error)
        domain = InternalFault()
    request_id = str(request.scope.get("state", {}).get("request_id", ""))
    problem = Problem(
        type=f"urn:collegium:problem:{domain.code}",
        title=domain.title,
        status=domain.status,
        detail=domain.detail,
        code=domain.code,
        errors=_as_asked(request, domain.errors) if isinstance(error, ValidationException) else list(domain.errors),
        request_id=request_id,
    )
    headers = {"Cache-Control": "no-store", **domain.headers}
    if wants_page(request) and (page := _drawn(request, problem)) is not None:
        page.headers.update(headers)
        return page
    return Response(msgspec.json.encode(problem), status_code=domain.status, media_type=MEDIA_TYPE, headers=headers)


def _drawn(request: Request[Any, Any, Any], problem: Problem) -> Response[Any] | None:
    draw = request.app.state.deployment.registry.problem_page
    try:
        return draw(request, problem) if draw is not None else None
    except Exception as error:
        log.error("problem_page.failed", path=request.scope["path"], exc_info=error)
        return None


def _as_asked(request: Request[Any, Any, Any], errors: Sequence[FieldError]) -> list[FieldError]:
    """Return errors of parameters by the names that clients know; the handler's own may differ, as for `from`."""
    parameters = request.scope["route_handler"].parsed_fn_signature.parameters
    names = {name: getattr(field.kwarg_definition, "name", None) or name for name, field in parameters.items()}
    return [FieldError(names.get(each.field, each.field), each.message) for each in errors]


def as_domain_error(error: Exception) -> DomainError | None:
    """Return the refusal that an exception means; None if it is a fault of ours."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, HTTPException):
        return _from_litestar(error)
    if isinstance(error, ExceptionGroup):
        # So Litestar wraps what the end of a transaction raises in place of the handler's own exception.
        found = [as_domain_error(each) for each in error.exceptions]
        return found[0] if all(found) else None
    return _from_database(error)


def _from_litestar(error: HTTPException) -> DomainError | None:
    if isinstance(error, ValidationException):
        return Invalid(errors=[_parameter_error(each) for each in _as_list(error.extra)])
    if error.status_code == HTTPStatus.NOT_FOUND:
        return UnknownRoute()
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodNotAllowed(headers=dict(error.headers or {}))
    if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return TooLarge()
    if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Invalid(error.detail)
    return None


def _as_list(extra: Any) -> list[Any]:
    return extra if isinstance(extra, list) else []


def _parameter_error(extra: Any) -> FieldError:
    key = str(extra.get("key", ""))
    if key == "data":
        return FieldError("", "This needs a JSON body.")
    return FieldError(key, f"{_PLACE.sub('', str(extra.get('message', 'This is not valid')))}.")


def _from_database(error: Exception) -> DomainError | None:
    if isinstance(error, asyncpg.OperatorInterventionError):
        return DatabaseUnavailable()
    if isinstance(error, asyncpg.TransactionRollbackError | asyncpg.LockNotAvailableError):
        return Contended()
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        return ReferenceGone()
    if isinstance(error, asyncpg.DataError | UnencodableValue | UnicodeEncodeError | RecursionError):
        return Invalid("A value is outside what can be stored.")
    return None
