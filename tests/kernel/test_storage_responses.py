"""An object over HTTP, from a real server on a real socket: ranges, validators, headers, and clients that go away.

Everything is asked twice: of a server that is given bytes, and of ours, which is given files.
"""

import asyncio
import hashlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
import uvicorn
from litestar import Litestar, Request, Response, get, route
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kernel import file_sending
from kernel.errors import DomainError
from kernel.ids import new_id
from kernel.observability import Observed
from kernel.patience import PatientProtocol
from kernel.storage import DirectoryStorage, StoredObject, ranged_response
from kernel.storage.objects import READ_BYTES

pytestmark = pytest.mark.anyio

TENANT = UUID("0199c0de-0000-7000-8000-000000000001")
SIZE = 40 * READ_BYTES + 11  # more than the sockets of both sides hold


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Served:
    """A running server with one object, of which a test may tell it something else."""

    client: httpx.AsyncClient
    storage: DirectoryStorage
    root: Path
    port: int
    data: bytes
    stored: StoredObject
    shown: StoredObject
    filename: str | None = None
    answering: int = 0
    sends_files: bool = False

    @property
    def path(self) -> Path:
        """Where the object is."""
        return self.root / self.stored.key


async def chunks_of(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def put(storage: DirectoryStorage, data: bytes) -> StoredObject:
    key = f"{TENANT}/{new_id()}.mp4"
    return await storage.put(key, chunks_of(data), content_type="video/mp4", max_bytes=len(data))


def refuse(_: Request[Any, Any, Any], error: DomainError) -> Response[dict[str, str]]:
    return Response(
        {"code": error.code}, status_code=error.status, headers=error.headers, media_type="application/problem+json"
    )


def app_of(state: Served) -> ASGIApp:
    @route("/object", http_method=["GET", "HEAD"])
    async def send_object(request: Request[Any, Any, Any]) -> ASGIResponse:
        return ranged_response(
            state.storage, state.shown, headers=request.headers, method=request.method, filename=state.filename
        )

    app = Litestar([send_object], exception_handlers={DomainError: refuse}, openapi_config=None)

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        state.answering += 1
        try:
            await app(scope, receive, send)
        finally:
            state.answering -= 1

    return counted


@pytest.fixture(scope="module", params=["bytes", "files"])
async def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    root = tmp_path_factory.mktemp("objects")
    storage = DirectoryStorage(root)
    await storage.prepare()
    data = os.urandom(SIZE)
    stored = await put(storage, data)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            state = Served(client, storage, root, port, data, stored, stored, sends_files=request.param == "files")
            protocol = PatientProtocol if state.sends_files else HttpToolsProtocol
            server = uvicorn.Server(uvicorn.Config(app_of(state), http=protocol, log_level="error", lifespan="off"))
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            yield state
        server.should_exit = True
        await serving
    await storage.aclose()


@pytest.fixture
def served(server: Served) -> Served:
    server.shown = server.stored
    server.filename = None
    return server


def headers_of(answer: httpx.Response) -> dict[str, str]:
    """Return the headers of an answer that are ours."""
    return {name: value for name, value in answer.headers.items() if name not in {"date", "server"}}


def is_open(path: Path) -> bool:
    """Say whether this process has the file open."""
    wanted = path.stat()
    for descriptor in Path("/dev/fd").iterdir():
        try:
            status = os.fstat(int(descriptor.name))
        except OSError:  # the descriptor of the listing itself
            continue
        if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
            return True
    return False


def threads_named(prefix: str, before: Collection[threading.Thread]) -> int:
    """Return how many threads of this name have begun since; storages of other tests have some of their own."""
    begun = set(threading.enumerate()).difference(before)
    return len([thread for thread in begun if thread.name.startswith(prefix)])


async def until_idle(served: Served) -> None:
    """Wait until no request is being answered."""
    for _ in range(1000):
        if served.answering == 0:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{served.answering} requests are still being answered")


async def test_get_answers_the_whole_object_with_all_headers(served: Served) -> None:
    answer = await served.client.get("/object")

    assert answer.status_code == 200
    assert answer.content == served.data
    assert headers_of(answer) == {
        "etag": f'"{hashlib.sha256(served.data).hexdigest()}"',
        "last-modified": format_datetime(served.stored.modified_at, usegmt=True),
        "cache-control": "private, no-store",
        "accept-ranges": "bytes",
        "content-type": "video/mp4",
        "content-disposition": "inline",
        "x-content-type-options": "nosniff",
        "content-length": str(SIZE),
    }


async def test_head_answers_the_headers_of_get_and_ignores_a_range(served: Served) -> None:
    whole = await served.client.get("/object")
    answer = await served.client.head("/object", headers={"Range": "bytes=0-9"})

    assert (answer.status_code, answer.content) == (200, b"")
    assert headers_of(answer) == headers_of(whole)


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-1023", 0, 1024),
        ("bytes=100-", 100, SIZE),
        ("bytes=0-", 0, SIZE),
        ("bytes=-1000", SIZE - 1000, SIZE),
        (f"bytes=-{2 * SIZE}", 0, SIZE),
        (f"bytes=5-{SIZE}", 5, SIZE),
        (f"bytes={READ_BYTES - 1}-{2 * READ_BYTES}", READ_BYTES - 1, 2 * READ_BYTES + 1),
    ],
)
async def test_a_range_answers_206_with_the_slice(served: Served, wanted: str, start: int, end: int) -> None:
    answer = await served.client.get("/object", headers={"Range": wanted})

    assert answer.status_code == 206
    assert answer.content == served.data[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "bytes=9-3", "items=0-1", "nonsense"])
async def test_another_range_header_answers_the_whole(served: Served, wanted: str) -> None:
    answer = await served.client.get("/object", headers={"Range": wanted})

    assert (answer.status_code, answer.content) == (200, served.data)
    assert "content-range" not in answer.headers


async def test_a_range_behind_the_end_answers_416_with_the_size(served: Served) -> None:
    answer = await served.client.get("/object", headers={"Range": f"bytes={SIZE}-"})

    assert (answer.status_code, answer.json()) == (416, {"code": "kernel.range_not_satisfiable"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


async def test_a_client_that_has_the_object_gets_304(served: Served) -> None:
    etag = f'"{served.stored.sha256}"'
    modified = format_datetime(served.stored.modified_at, usegmt=True)

    for method in ("GET", "HEAD"):
        for condition in ({"If-None-Match": etag}, {"If-Modified-Since": modified}):
            answer = await served.client.request(method, "/object", headers=condition | {"Range": "bytes=0-1"})
            assert (answer.status_code, answer.content) == (304, b"")
            assert headers_of(answer) == {
                "etag": etag,
                "last-modified": modified,
                "cache-control": "private, no-store",
                "accept-ranges": "bytes",
            }


@pytest.mark.parametrize(("validator", "status"), [("etag", 206), ("date", 206), ('"another"', 200)])
async def test_if_range_answers_a_part_of_the_same_object_only(served: Served, validator: str, status: int) -> None:
    known = {
        "etag": f'"{served.stored.sha256}"',
        "date": format_datetime(served.stored.modified_at, usegmt=True),
    }
    answer = await served.client.get(
        "/object", headers={"Range": "bytes=10-19", "If-Range": known.get(validator, validator)}
    )

    assert answer.status_code == status
    assert answer.content == (served.data[10:20] if status == 206 else served.data)


async def test_a_precondition_that_fails_answers_412(served: Served) -> None:
    answer = await served.client.get("/object", headers={"If-Match": '"another"'})

    assert (answer.status_code, answer.json()) == (412, {"code": "kernel.precondition_failed"})


@pytest.mark.parametrize("content_type", ["image/svg+xml", "text/html", "application/zip"])
async def test_what_a_browser_might_run_is_a_sandboxed_attachment(served: Served, content_type: str) -> None:
    served.shown = msgspec.structs.replace(served.stored, content_type=content_type)
    served.filename = "drawing\r\nSet-Cookie: a=b.svg"
    answer = await served.client.get("/object")

    assert answer.headers["content-type"] == content_type
    assert answer.headers["content-disposition"] == 'attachment; filename="drawingSet-Cookie: a=b.svg"'
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers


async def test_an_object_that_is_gone_answers_404_not_a_broken_200(served: Served) -> None:
    served.shown = msgspec.structs.replace(served.stored, key=f"{TENANT}/{new_id()}.mp4")
    answer = await served.client.get("/object")

    assert (answer.status_code, answer.json()) == (404, {"code": "kernel.object_not_found"})


async def test_an_empty_object_answers_200_without_a_body(served: Served) -> None:
    served.shown = msgspec.structs.replace(served.stored, size_bytes=0)

    for method in ("GET", "HEAD"):
        answer = await served.client.request(method, "/object", headers={"Range": "bytes=-5"})
        assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


async def test_one_connection_carries_many_ranges(served: Served) -> None:
    spans = [(start, start + 70_000) for start in range(0, SIZE - 70_000, 997_001)]
    answers = [
        await served.client.get("/object", headers={"Range": f"bytes={start}-{end - 1}"}) for start, end in spans
    ]

    assert [answer.content for answer in answers] == [served.data[start:end] for start, end in spans]


async def test_a_client_that_goes_away_leaves_nothing_open(served: Served) -> None:
    for _ in range(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"GET /object HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readexactly(1000)
        assert is_open(served.path)
        writer.transport.abort()
        await until_idle(served)
        assert not is_open(served.path)


async def test_slow_clients_hold_no_thread(served: Served) -> None:
    before = threading.enumerate()
    connections = [await asyncio.open_connection("127.0.0.1", served.port, limit=1024) for _ in range(20)]
    for reader, writer in connections:
        writer.write(b"GET /object HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readexactly(100)

    for wanted in ("bytes=0-9", "bytes=0-"):
        answer = await served.client.get("/object", headers={"Range": wanted})
        assert answer.content == (served.data[:10] if wanted == "bytes=0-9" else served.data)
    assert threads_named("storage", before) <= 8
    assert threads_named("file-sending", before) <= file_sending.THREADS

    for _, writer in connections:
        writer.transport.abort()
    await until_idle(served)
    assert not is_open(served.path)


async def test_a_cancelled_answer_closes_its_file(served: Served) -> None:
    response = ranged_response(served.storage, served.stored, headers={}, method="GET")
    sent = asyncio.Event()

    async def receive() -> dict[str, str]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.body":
            sent.set()
            await asyncio.Event().wait()

    answering = asyncio.create_task(response({}, receive, send))  # type: ignore[arg-type]
    await sent.wait()
    assert is_open(served.path)
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering

    assert not is_open(served.path)


async def test_a_damaged_object_breaks_the_connection_off(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    served.shown = await put(served.storage, served.data)
    path = served.root / served.shown.key
    os.truncate(path, 5 * READ_BYTES)

    if served.sends_files:
        answer = await served.client.get("/object")
        assert (answer.status_code, answer.json()) == (503, {"code": "kernel.object_damaged"})
        assert not is_open(path)
        return
    with pytest.raises(httpx.RemoteProtocolError):
        await served.client.get("/object")
    await until_idle(served)
    assert not is_open(path)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "Exception in ASGI application\n"
    ]


# --- sent by the proxy -----------------------------------------------------------------------------------------------


async def test_a_proxy_is_told_what_to_send_by_the_kernel_alone(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path, proxy_path="/stored/")
    await storage.prepare()
    stored = await put(storage, b"data")

    @route("/object", http_method=["GET", "HEAD"])
    async def send_object(request: Request[Any, Any, Any]) -> ASGIResponse:
        return ranged_response(storage, stored, headers=request.headers, method=request.method)

    @get("/forged")
    async def send_forged() -> Response[str]:
        return Response("ours", headers={"X-Accel-Redirect": f"/stored/{stored.key}", "X-Sendfile": "/etc/passwd"})

    app: Any = Observed(Litestar([send_object, send_forged], openapi_config=None))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://school.test") as client:
        for answer in (await client.get("/object", headers={"Range": "bytes=1-2"}), await client.head("/object")):
            assert (answer.status_code, answer.content) == (200, b"")
            assert answer.headers["x-accel-redirect"] == f"/stored/{stored.key}"
            assert answer.headers["content-type"] == "video/mp4"
            assert answer.headers["content-disposition"] == "inline"
            assert answer.headers["cache-control"] == "private, no-store"
        forged = await client.get("/forged")
        assert forged.text == "ours"
        assert {"x-accel-redirect", "x-sendfile"}.isdisjoint(forged.headers)
    await storage.aclose()


def _cut(path: Path, end: int) -> None:
    """Shorten a file that is being sent; it is never done in earnest."""
    os.truncate(path, end)


async def test_a_file_that_is_cut_while_it_is_sent_breaks_the_connection_off(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    if not served.sends_files:
        pytest.skip("bytes that have been read are not cut")
    served.shown = await put(served.storage, served.data)
    path = served.root / served.shown.key
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1024)
    writer.write(b"GET /object HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await reader.readexactly(1000)
    _cut(path, 1000)

    received = len(await reader.read())
    assert received < SIZE
    writer.close()
    await until_idle(served)
    assert not is_open(path)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "Exception in ASGI application\n"
    ]


async def test_a_request_behind_a_file_is_answered_behind_it(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    request = b"GET /object HTTP/1.1\r\nHost: localhost\r\n"
    writer.write(request + b"\r\n" + request + b"Range: bytes=5-9\r\nConnection: close\r\n\r\n")
    answers = await reader.read()
    writer.close()

    first, _, rest = answers.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200 OK")
    assert rest[:SIZE] == served.data
    assert rest[SIZE:].startswith(b"HTTP/1.1 206 Partial Content")
    assert rest.endswith(b"\r\n\r\n" + served.data[5:10])


async def test_a_client_that_says_no_more_is_left(served: Served) -> None:
    if not served.sends_files:
        pytest.skip("the bytes that the transport holds wait for the client")
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1024)
    writer.write(b"GET /object HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await reader.readexactly(1000)
    writer.write_eof()
    try:
        await until_idle(served)
        assert not is_open(served.path)
    finally:
        writer.transport.abort()
