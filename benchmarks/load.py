"""The load: keep-alive connections that send prepared requests, each the next one as soon as it has its answer.

It is part of every figure, so it is a bare protocol and no HTTP client: the cheaper it is, the less of the machine
it takes from PostgreSQL, beside which it runs.
"""

import asyncio
import re
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from http.client import HTTPResponse
from typing import cast

import uvloop

CONNECTIONS = 32
_LONGEST_S = 300
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class UnexpectedAnswer(Exception):
    """A server refused a request of the load, or broke the connection."""


class _Connection(asyncio.Protocol):
    """One connection: sends the next request that nobody has sent, until there is none."""

    def __init__(self, requests: Iterator[bytes], done: "asyncio.Future[None]") -> None:
        self._requests = requests
        self._done = done
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._send_next()

    def data_received(self, data: bytes) -> None:
        """Go on once the whole answer is there."""
        self._received = received = self._received + data
        end_of_head = received.find(b"\r\n\r\n")
        if end_of_head < 0:
            return
        length = _LENGTH.search(received, 0, end_of_head)
        if received[9:12] != b"200" or length is None:
            self._fail(received.decode(errors="replace"))
        elif len(received) >= end_of_head + 4 + int(length[1]):
            self._received = b""
            self._send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail unless all was sent."""
        self._fail(f"the connection was closed: {exc}")

    def _send_next(self) -> None:
        request = next(self._requests, None)
        if request is not None:
            self._transport.write(request)
        elif not self._done.done():
            self._done.set_result(None)
            self._transport.close()

    def _fail(self, reason: str) -> None:
        if not self._done.done():
            self._done.set_exception(UnexpectedAnswer(reason))
            self._transport.close()


class _Timed(_Connection):
    """A connection that notes how long each answer took, in seconds."""

    def __init__(self, requests: Iterator[bytes], done: "asyncio.Future[None]", took: list[float]) -> None:
        super().__init__(requests, done)
        self._took = took
        self._sent_at: float | None = None

    def _send_next(self) -> None:
        now = time.perf_counter()
        if self._sent_at is not None:
            self._took.append(now - self._sent_at)
        self._sent_at = now
        super()._send_next()


async def _send(host: str, port: int, requests: Iterable[bytes], connections: int) -> float:
    loop, waiting = asyncio.get_running_loop(), iter(requests)
    done = [loop.create_future() for _ in range(connections)]
    started = time.perf_counter()
    async with asyncio.timeout(_LONGEST_S):
        for each in done:
            await loop.create_connection(partial(_Connection, waiting, each), host, port)
        await asyncio.gather(*done)
    return time.perf_counter() - started


def send(host: str, port: int, requests: Iterable[bytes], *, connections: int = CONNECTIONS) -> float:
    """Send every request once over so many connections and return the seconds that it took.

    Raises:
        UnexpectedAnswer: One was not answered by 200.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_send(host, port, requests, connections))


def latencies(host: str, port: int, requests: Sequence[bytes], *, connections: int) -> list[float]:
    """Send every request once over so many connections and return how long each answer took, in seconds.

    Raises:
        UnexpectedAnswer: One was not answered by 200.
    """
    took: list[float] = []

    async def ask() -> None:
        loop, waiting = asyncio.get_running_loop(), iter(requests)
        done = [loop.create_future() for _ in range(connections)]
        async with asyncio.timeout(_LONGEST_S):
            for each in done:
                await loop.create_connection(partial(_Timed, waiting, each, took), host, port)
            await asyncio.gather(*done)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ask())
    return took


PAGE_HEADERS = {"Accept": "text/html", "Accept-Encoding": "gzip, deflate, br", "Sec-Fetch-Site": "same-origin"}
"""What a browser says when somebody follows a link: pages are packed for it."""


def request_bytes(
    method: str,
    path: str,
    *,
    host: str = "127.0.0.1",
    token: str = "",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer(host: str, port: int, request: bytes) -> bytes:
    """Send one request and return the body of its answer.

    Raises:
        UnexpectedAnswer: It was not 200.
    """
    with socket.create_connection((host, port), timeout=_LONGEST_S) as connection:
        connection.sendall(request)
        with HTTPResponse(connection) as response:
            response.begin()
            body = response.read()
            if response.status != HTTPStatus.OK:
                raise UnexpectedAnswer(body.decode(errors="replace"))
            return body
