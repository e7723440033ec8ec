"""CORS: pages of other origins that a tenant lists may use the API, with tokens and never with cookies (ADR 0018).

`kernel.door` asks here before anything else; the headers are put on the answer by `kernel.observability`.
"""

from collections.abc import MutableSequence
from typing import Any

from kernel.categories import SECURITY, SecuritySettings
from kernel.tenancy import Tenant

Header = tuple[bytes, bytes]

# Those of the tus protocol among them, by which uploads are resumed.
_REQUEST_HEADERS = (
    b"authorization, content-type, idempotency-key, if-match, if-none-match, range, tus-resumable, upload-length, "
    b"upload-metadata, upload-offset, x-request-id"
)
_ANSWER_HEADERS = (
    b"content-disposition, content-range, etag, location, ratelimit-limit, ratelimit-remaining, ratelimit-reset, "
    b"retry-after, tus-resumable, upload-expires, upload-length, upload-offset, x-request-id"
)
_REMEMBERED_S = b"600"


def is_listed(origin: str, tenant: Tenant) -> bool:
    """Whether the tenant lists the origin, letter by letter."""
    return origin in tenant.setting(SECURITY, SecuritySettings).cors_origins


def lists_any(tenant: Tenant) -> bool:
    """Whether answers differ by the origin that asks."""
    return bool(tenant.setting(SECURITY, SecuritySettings).cors_origins)


def without_cookies(scope: Any) -> None:
    """Take the cookies out of a request: from another origin they would act for whoever is signed in here."""
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"cookie"]


def add_headers(headers: MutableSequence[Header], origin: str, *, preflight: bool) -> None:
    """Put on an answer what lets a page of this origin read it."""
    headers[:] = [pair for pair in headers if pair[0] != b"set-cookie"]
    headers += [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", _ANSWER_HEADERS),
        (b"vary", b"Origin"),
    ]
    if preflight:
        headers += [
            (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
            (b"access-control-allow-headers", _REQUEST_HEADERS),
            (b"access-control-max-age", _REMEMBERED_S),
        ]
