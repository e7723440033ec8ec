"""Asking a provider's server something and reading its JSON, by the kernel's guarded way out."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
import structlog

from kernel import outbound
from kernel.db import Db
from kernel.errors import DomainError
from plugins.auth.errors import ProviderDistrusted, ProviderUnavailable

log = structlog.get_logger(__name__)
T = TypeVar("T")
_NOT_NOW = (HTTPStatus.TOO_MANY_REQUESTS, *(status for status in HTTPStatus if status >= 500))


async def ask(
    db: Db,
    url: str,
    kind: type[T],
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> T:
    """Return what a provider's server answers as JSON.

    Raises:
        ProviderUnavailable: It does not answer, or not now.
        ProviderDistrusted: It refuses, or answers something else.
    """
    try:
        answer = await outbound.fetch(
            db.deployment,
            url,
            method=method,
            headers={"Accept": "application/json", **(headers or {})},
            content=content,
        )
    except DomainError as error:
        # What is wrong with an address is for the administrator who chose it, not for whoever signs in.
        log.warning("provider.unreachable", tenant=db.tenant.slug, code=error.code, reason=error.detail)
        raise ProviderUnavailable from error
    if answer.status in _NOT_NOW:
        log.warning("provider.not_now", tenant=db.tenant.slug, host=_host(url), status=answer.status)
        raise ProviderUnavailable
    if answer.status != HTTPStatus.OK:
        raise distrusted(db, "it refuses", host=_host(url), status=answer.status)
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise distrusted(db, "its answer is not what it must be", host=_host(url)) from error


def distrusted(db: Db, reason: str, **details: Any) -> ProviderDistrusted:
    """Return the refusal of an answer that proves nothing, after writing down for the administrator what is wrong."""
    log.warning("provider.distrusted", tenant=db.tenant.slug, reason=reason, **details)
    return ProviderDistrusted()


def _host(url: str) -> str:
    return url.split("/")[2]
