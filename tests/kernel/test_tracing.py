"""Traces, as a collector receives them: one for a request and what came of it, without anything that people wrote."""

import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from kernel.embedded import Stack
from kernel.settings import Settings, SettingsError, load_settings
from kernel.tasks import enqueue
from kernel.testing import School
from kernel.tracing import configure_tracing, end_tracing, ids_of
from tests.kernel.conftest import Process, sign_in
from tests.kernel.probe.background import ERRAND, Errand, Stage, background_settings, staged, until, working


class Collector:
    """What was sent to a collector's address."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def spans(self) -> list[Any]:
        """Return every span that has come."""
        found = []
        for body in self.bodies:
            request = ExportTraceServiceRequest.FromString(body)
            found += [
                span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
            ]
        return found

    def named(self, name: str) -> Any:
        """Return the only span of this name."""
        (span,) = [each for each in self.spans() if each.name == name]
        return span


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector, to which this process sends its traces."""
    received = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        configure_tracing(Settings(otlp_endpoint=f"http://127.0.0.1:{server.server_port}"))
        try:
            yield received
        finally:
            end_tracing()
            server.shutdown()
            thread.join()


def _attributes(span: Any) -> dict[str, Any]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


async def test_a_request_is_one_trace_of_its_statements(lab: Process, school: School, collector: Collector) -> None:
    admin = await sign_in(school, "admin")
    client = await lab.client(school, **admin.headers, X_Request_Id="request-of-a-test")

    answer = await client.get("/lab/things?limit=77")
    await client.get("/lab/fault", headers={"X-Request-Id": "request-that-fails"})
    end_tracing()

    assert answer.status_code == 200
    trace_id, span_id = ids_of("request-of-a-test")
    request = collector.named("GET /api/v1/lab/things")
    ours = [span for span in collector.spans() if span.trace_id == trace_id.to_bytes(16, "big")]
    assert request.span_id == span_id.to_bytes(8, "big")
    assert request.parent_span_id == b""
    assert _attributes(request) == {
        "http.request.method": "GET",
        "http.route": "/api/v1/lab/things",
        "http.response.status_code": 200,
        "collegium.tenant": school.tenant.slug,
        "collegium.request_id": "request-of-a-test",
    }
    assert {span.name for span in ours} >= {"GET /api/v1/lab/things", "EVALSHA", "SELECT"}
    assert {span.parent_span_id for span in ours if span is not request} <= {request.span_id, b""}
    statements = [_attributes(span)["db.query.text"] for span in ours if span.name == "SELECT"]
    assert any("lab.things" in each for each in statements)
    assert collector.named("GET /api/v1/lab/fault").status.code == 2


async def test_a_trace_holds_nothing_that_a_person_wrote(lab: Process, school: School, collector: Collector) -> None:
    admin = await sign_in(school, "admin")
    client = await lab.client(school, **admin.headers)

    await client.post("/lab/things", json={"name": "swordfish"})
    await client.get("/lab/free?word=swordfish")
    await client.get("/lab/fault")
    end_tracing()

    everything = b"".join(collector.bodies)
    assert len(collector.spans()) > 3
    for secret in (b"swordfish", admin.token.encode(), str(admin.user_id).encode(), str(school.id).encode()):
        assert secret not in everything


@pytest.fixture(scope="module")
async def own_settings(stack: Stack, settings: Settings) -> Settings:
    return await background_settings(stack, settings)


@pytest.fixture
async def stage(own_settings: Settings) -> AsyncIterator[Stage]:
    async with staged(own_settings) as stage:
        yield stage


async def test_what_a_request_leaves_to_be_done_joins_its_trace(stage: Stage, collector: Collector) -> None:
    await stage.publish("a")
    async with stage.db() as db:
        await enqueue(db, ERRAND, Errand("a"))
    async with working(stage):
        await until(lambda: _is_done(stage))
    end_tracing()

    trace_id, span_id = ids_of("request-1")
    for name in ("event probe.first", "event probe.second", "task probe.errand"):
        span = collector.named(name)
        assert (span.trace_id, span.parent_span_id) == (trace_id.to_bytes(16, "big"), span_id.to_bytes(8, "big"))
        inside = [each for each in collector.spans() if each.parent_span_id == span.span_id]
        assert "INSERT" in {each.name for each in inside}


async def _is_done(stage: Stage) -> bool:
    return await stage.jobs() == [] and await stage.outbox() == []


async def test_without_a_collector_nothing_is_traced(lab: Process, school: School) -> None:
    configure_tracing(msgspec.structs.replace(lab.deployment.settings, otlp_endpoint=""))
    assert (await (await lab.client(school)).get("/lab/open")).status_code == 200


def test_a_collector_needs_an_address_that_can_be_one() -> None:
    addresses = dict.fromkeys(
        ("database_url", "worker_database_url", "operator_database_url"), "postgresql+asyncpg://a@b/c"
    )
    others = {"redis_url": "redis://b", "storage_url": "file:///srv", "secret_keys": ("k" * 32,)}
    with pytest.raises(SettingsError, match="OTLP_ENDPOINT must begin with http://"):
        load_settings({**addresses, **others, "otlp_endpoint": "collector:4318"}, {})
