"""Logs, request ids and the headers that stand on every answer."""

import logging
import re
import sys
import time
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from kernel import cross_origin
from kernel.answer_headers import Header, standing_headers
from kernel.deployment import Deployment
from kernel.faults import traceback_of
from kernel.metrics import RequestMetrics
from kernel.settings import Settings
from kernel.storage.responses import PROXIED_PATH
from kernel.tracing import Span, request_span

_REQUEST_ID = re.compile(rb"[A-Za-z0-9-]{8,64}")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
LIVE_PATH = "/health/live"
_ALIVE = b'{"status":"ok"}'
_PROXY_ORDERS = frozenset({b"x-accel-redirect", b"x-sendfile"})
log = structlog.get_logger("kernel.access")


def configure_logging(settings: Settings) -> None:
    """Write one line an event to standard error: JSON in production, readable text at a terminal."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(lambda exc_info: traceback_of(exc_info[1])),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(serializer=_to_json)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.log_level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # What libraries log takes the same form.
    foreign = logging.StreamHandler(sys.stderr)
    processors = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    foreign.setFormatter(structlog.stdlib.ProcessorFormatter(processors=processors, foreign_pre_chain=shared))
    logging.basicConfig(level=logging.WARNING, handlers=[foreign])


def _to_json(event: Any, **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


class Observed:
    """Outermost ASGI application: request id, headers on every answer, one line a request without query strings."""

    def __init__(self, app: ASGIApp, deployment: Deployment | None = None) -> None:
        self._app = app
        self._metrics = RequestMetrics(deployment) if deployment else None
        self._standing = (
            standing_headers(deployment.settings, deployment.storage.direct_origin)
            if deployment
            else standing_headers()
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request and say how it went."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        if scope["path"] == LIVE_PATH and scope["method"] == "GET":
            await self._say_alive(send, request_id)
            return
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        started = time.perf_counter()
        status = 500

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._headers(message, scope, request_id)
            await send(message)

        try:
            with structlog.contextvars.bound_contextvars(request_id=request_id), request_span(request_id) as span:
                try:
                    await self._app(scope, receive, observed_send)
                finally:
                    _describe(span, scope, status)
        finally:
            took_s = time.perf_counter() - started
            if self._metrics is not None:
                self._metrics.count(scope, status, took_s)
            _log_request(scope, request_id, status, took_s)

    async def _say_alive(self, send: Send, request_id: str) -> None:
        """Answer a liveness probe before anything that could be slow or broken; no line in the log either."""
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(_ALIVE)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-request-id", request_id.encode()),
            *self._standing,
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _ALIVE, "more_body": False})

    def _headers(self, message: Any, scope: Any, request_id: str) -> list[Header]:
        state = scope["state"]
        # Only the kernel's own storage tells the proxy what to send (`kernel.storage.responses`).
        headers = [pair for pair in message["headers"] if pair[0].lower() not in _PROXY_ORDERS]
        if path := state.get(PROXIED_PATH):
            headers.append((b"x-accel-redirect", path.encode()))
        names = {name for name, _ in headers}
        headers += [pair for pair in self._standing if pair[0] not in names]
        headers.append((b"x-request-id", request_id.encode()))
        if b"cache-control" not in names:
            headers.append((b"cache-control", b"private, no-store"))
        if limit := state.get("limit"):
            pairs = [(name.lower().encode(), value.encode()) for name, value in limit.headers().items()]
            headers += [pair for pair in pairs if pair[0] not in names]
        if origin := state.get("foreign_origin"):
            cross_origin.add_headers(headers, origin, preflight=scope["method"] == "OPTIONS")
        elif (tenant := state.get("tenant")) and cross_origin.lists_any(tenant):
            headers.append((b"vary", b"Origin"))
        return headers


def _describe(span: Span, scope: Any, status: int) -> None:
    route = str(scope.get("path_template") or "none")
    tenant = scope["state"].get("tenant")
    span.name(
        f"{scope['method']} {route}",
        http__request__method=scope["method"],
        http__route=route,
        http__response__status_code=status,
        collegium__tenant=tenant.slug if tenant else "",
        collegium__request_id=scope["state"]["request_id"],
    )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.fail()


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value.decode()
    return uuid4().hex


def _log_request(scope: Any, request_id: str, status: int, took_s: float) -> None:
    state = scope["state"]
    tenant = state.get("tenant")
    actor = scope.get("user")
    log.info(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        ms=round(took_s * 1000, 1),
        tenant=tenant.slug if tenant else None,
        user=str(actor.user_id) if actor and actor.user_id else None,
        request_id=request_id,
    )
