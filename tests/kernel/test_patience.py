"""Slow clients against a real server: half a request is given up, an honest slow one is served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import uvicorn

from kernel import patience
from kernel.serve import SideServer, bind, server_config
from kernel.settings import Settings
from kernel.testing import School
from tests.kernel.conftest import Process, process, sign_in
from tests.kernel.probe.background import until

HEAD = b"POST /echo HTTP/1.1\r\nhost: a\r\n"


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the length of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def _serving() -> AsyncIterator[int]:
    listener = bind("127.0.0.1", 0)
    server: uvicorn.Server = SideServer(server_config(_echo, Settings()))
    server.config.lifespan = "off"
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: _has_started(server))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await running
        listener.close()


async def _has_started(server: uvicorn.Server) -> bool:
    return server.started


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    for name, value in {"HEAD_S": 0.3, "BODY_S": 0.3, "_LOOK_S": 0.05, "LEAST_BYTES_PER_S": 1000}.items():
        monkeypatch.setattr(patience, name, value)
    async with _serving() as port:
        yield port


async def _send(port: int, *parts: bytes, between_s: float = 0) -> bytes:
    """Send the parts and return all that comes until the server closes the connection; a reset counts as a 408."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for number, part in enumerate(parts):
            await asyncio.sleep(between_s if number else 0)
            if not writer.is_closing():
                writer.write(part)
        async with asyncio.timeout(10):
            return await reader.read()
    except (BrokenPipeError, ConnectionResetError):
        return b"HTTP/1.1 408 which the bytes still sent made unreadable"
    finally:
        writer.close()


async def test_a_connection_that_says_nothing_is_closed(port: int) -> None:
    answer = await _send(port)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nx-frame-options: DENY\r\n" in answer


async def test_half_a_head_is_given_up_however_often_a_byte_comes(port: int) -> None:
    drops = [b"x-a: b\r\n"] * 20

    assert (await _send(port, HEAD, *drops, between_s=0.05)).startswith(b"HTTP/1.1 408 ")


async def test_a_head_without_end_is_refused_for_its_size(port: int) -> None:
    answer = await _send(port, HEAD + b"x-a: " + b"b" * 70_000)

    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_half_a_second_request_of_a_connection_is_given_up_too(port: int) -> None:
    answer = await _send(port, HEAD + b"content-length: 1\r\n\r\na", HEAD, between_s=0.05)

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"HTTP/1.1 408 " in answer


async def test_a_body_that_stops_is_given_up(port: int) -> None:
    assert (await _send(port, HEAD + b"content-length: 10\r\n\r\nabc")).startswith(b"HTTP/1.1 408 ")


async def test_a_body_that_drips_is_given_up_although_it_never_stops(port: int) -> None:
    drops = [b"a"] * 20

    answer = await _send(port, HEAD + b"content-length: 100\r\n\r\n", *drops, between_s=0.05)
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_body_at_an_honest_rate_may_take_its_time(port: int) -> None:
    parts = [b"a" * 100] * 10

    answer = await _send(port, HEAD + b"connection: close\r\ncontent-length: 1000\r\n\r\n", *parts, between_s=0.06)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"1000")


@pytest.fixture
async def hasty(lab_settings: Settings) -> AsyncIterator[Process]:
    """A process whose handlers have one second."""
    async with process(msgspec.structs.replace(lab_settings, handler_timeout_s=1)) as made:
        yield made


async def test_a_handler_that_takes_too_long_is_given_up_and_rolled_back(hasty: Process) -> None:
    school: School = await hasty.school()
    client = await hasty.client(school)

    answer = await client.post("/lab/sleep", json={"name": "a", "size": 20})

    assert (answer.status_code, answer.json()["code"]) == (503, "kernel.handler_timeout")
    assert answer.headers["retry-after"] == "5"
    admin = await sign_in(school, "admin")
    assert (await client.get("/lab/things", headers=admin.headers)).json()["total"] == 0
    assert (await client.post("/lab/sleep", json={"name": "b", "size": 0})).status_code == 200


async def test_an_answer_that_comes_when_the_time_is_over_is_still_sent(hasty: Process) -> None:
    client = await hasty.client(await hasty.school())

    answer = await client.get("/lab/stubborn")

    assert (answer.status_code, answer.json()) == (200, {"came": "late"})
