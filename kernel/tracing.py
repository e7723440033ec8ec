"""Traces for an OpenTelemetry collector, where `otlp_endpoint` names one; otherwise nothing of it is even loaded.

A trace is found by its request's id: ids of trace and first span come from it, so what a request leaves to the outbox
and the queue, which carry that id, joins its trace without more. Spans hold templates, names and statements without
their parameters: never a query string, a value or a person.
"""

import hashlib
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from kernel.plugin import KERNEL_VERSION
from kernel.settings import Settings, SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

R = TypeVar("R")
Kind = Literal["SERVER", "CLIENT", "CONSUMER"]

_MOST_STATEMENT = 2_000
_next_ids: ContextVar[tuple[int, int] | None] = ContextVar("next_ids", default=None)


class _Tracing:
    """Whether this process traces, and by what."""

    tracer: Any = None
    provider: "TracerProvider | None" = None


def configure_tracing(settings: Settings) -> None:
    """Begin to send traces, if the settings name a collector.

    Raises:
        SettingsError: The libraries are not installed.
    """
    if not settings.otlp_endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # import: optional-dependency
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # import: optional-dependency
        from opentelemetry.sdk.trace import TracerProvider  # import: optional-dependency
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # import: optional-dependency
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # import: optional-dependency
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # import: optional-dependency
    except ImportError:
        raise SettingsError("otlp_endpoint is set: install collegium[telemetry], which sends the traces.") from None

    class Ids(RandomIdGenerator):
        """Takes the ids of a request's first span from the request's own id."""

        def generate_trace_id(self) -> int:
            ids = _next_ids.get()
            return ids[0] if ids else super().generate_trace_id()

        def generate_span_id(self) -> int:
            ids = _next_ids.get()
            return ids[1] if ids else super().generate_span_id()

    provider = TracerProvider(
        id_generator=Ids(),
        resource=Resource.create({"service.name": "collegium", "service.version": KERNEL_VERSION}),
        sampler=ParentBasedTraceIdRatio(settings.trace_percent / 100),
    )
    exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _Tracing.provider, _Tracing.tracer = provider, provider.get_tracer("collegium", KERNEL_VERSION)


def end_tracing() -> None:
    """Send what is left and trace no more."""
    provider, _Tracing.provider, _Tracing.tracer = _Tracing.provider, None, None
    if provider is not None:
        provider.shutdown()


def ids_of(request_id: str) -> tuple[int, int]:
    """Return the ids of trace and first span of a request."""
    digest = hashlib.sha256(request_id.encode()).digest()
    return int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big")


class Span:
    """What happens to a span while it is open; does nothing where nothing is traced."""

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def name(self, name: str, **attributes: str | int) -> None:
        """Say what it was, once that is known."""
        if self._span is not None:
            self._span.update_name(name)
            self._span.set_attributes({key.replace("__", "."): value for key, value in attributes.items()})

    def fail(self) -> None:
        """Say that it ended in a fault; what fault stands in the log."""
        if self._span is not None:
            from opentelemetry.trace import StatusCode  # import: optional-dependency

            self._span.set_status(StatusCode.ERROR)


_NOTHING = Span()


@contextmanager
def request_span(request_id: str) -> Iterator[Span]:
    """Open the first span of a request."""
    if _Tracing.tracer is None:
        yield _NOTHING
        return
    token = _next_ids.set(ids_of(request_id))
    try:
        span = _Tracing.tracer.start_span("request", kind=_kind("SERVER"))
    finally:
        _next_ids.reset(token)
    with _opened(span):
        yield Span(span)


@contextmanager
def work_span(name: str, request_id: str) -> Iterator[Span]:
    """Open a span of background work, in the trace of the request that it came of."""
    if _Tracing.tracer is None:
        yield _NOTHING
        return
    from opentelemetry.trace import (  # import: optional-dependency
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
        set_span_in_context,
    )

    trace_id, span_id = ids_of(request_id)
    parent = NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(1)))
    span = _Tracing.tracer.start_span(name, kind=_kind("CONSUMER"), context=set_span_in_context(parent))
    with _opened(span):
        yield Span(span)


def traced(name: str, system: str, text: str, call: Awaitable[R]) -> Awaitable[R]:
    """Return the call to PostgreSQL or Redis, inside a span where something is traced."""
    return call if _Tracing.tracer is None else _traced(name, system, text, call)


async def _traced(name: str, system: str, text: str, call: Awaitable[R]) -> R:
    attributes = {"db.system.name": system, "db.query.text": text[:_MOST_STATEMENT]}
    with _opened(_Tracing.tracer.start_span(name, kind=_kind("CLIENT"), attributes=attributes)):
        return await call


@contextmanager
def _opened(span: Any) -> Iterator[None]:
    from opentelemetry.trace import StatusCode, use_span  # import: optional-dependency

    # The exception itself is not recorded: its text may quote what a person wrote.
    with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield
        except BaseException:
            span.set_status(StatusCode.ERROR)
            raise


def _kind(name: Kind) -> Any:
    from opentelemetry.trace import SpanKind  # import: optional-dependency

    return SpanKind[name]
