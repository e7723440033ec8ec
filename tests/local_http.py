"""A web server of a test, on loopback: it records what it was asked and answers what the test says, well or badly."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

from msgspec import Struct


class Asked(Struct, frozen=True):
    """A request that arrived; names of headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class LocalServer:
    """Where it listens and what it was asked."""

    def __init__(self, host: str, port: int, scheme: str) -> None:
        self.port = port
        self.origin = f"{scheme}://{host}:{port}"
        self.asked: list[Asked] = []


Answering = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


async def answer(
    writer: asyncio.StreamWriter,
    body: bytes = b"",
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Write a whole answer."""
    sent = {"Content-Length": str(len(body)), "Connection": "close", **(headers or {})}
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in sent.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    await writer.drain()


@asynccontextmanager
async def local_server(
    answering: Answering, *, address: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[LocalServer]:
    """Serve as long as the block lasts."""
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        # The client may go away, which some tests are about, and the test may end while we are still answering.
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            asked = await _read(reader)
            served.asked.append(asked)
            await answering(asked, writer)
        writer.close()
        with suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
            await writer.wait_closed()
        serving.discard(task)

    server = await asyncio.start_server(serve, address, port, ssl=tls)
    host = f"[{address}]" if ":" in address else address
    served = LocalServer(host, server.sockets[0].getsockname()[1], "https" if tls else "http")
    try:
        yield served
    finally:
        # Whoever has just come is let in first, for a server that has closed leaves them standing.
        await asyncio.sleep(0)
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, target, headers, body)
