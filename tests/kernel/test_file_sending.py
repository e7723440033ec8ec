"""Parts of files as a server of ours sends them, to clients that take them by and by."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from kernel import file_sending
from kernel.file_sending import EXTENSION
from kernel.serve import SideServer, bind, server_config
from kernel.settings import Settings
from tests.kernel.probe.background import until

REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
DATA = os.urandom(9 * 1024 * 1024 + 7)


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[int]:
    """Serve an application as `collegium serve` does, and give the port."""
    listener = bind("127.0.0.1", 0)
    server: uvicorn.Server = SideServer(server_config(app, Settings()))
    server.config.lifespan = "off"
    running = asyncio.create_task(server.serve(sockets=[listener]))

    async def has_started() -> bool:
        return server.started

    await until(has_started)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await running
        listener.close()


def start(length: int) -> dict[str, Any]:
    """Return the message that begins an answer."""
    headers = [(b"content-length", str(length).encode())]
    return {"type": "http.response.start", "status": 200, "headers": headers}


async def answered(port: int, *, at_a_time: int = 1024 * 1024) -> bytes:
    """Return the body, read in pieces with a pause between them in which nothing is taken from the socket."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    try:
        writer.write(REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        body = bytearray()
        while chunk := await reader.read(at_a_time):
            body += chunk
            await asyncio.sleep(0)
        return bytes(body)
    finally:
        writer.close()


@pytest.mark.parametrize("patience_ms", [0, 1])
async def test_bytes_and_parts_of_a_file_come_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience_ms: int
) -> None:
    monkeypatch.setattr(file_sending, "_PATIENCE_MS", patience_ms)
    path = tmp_path / "file"
    path.write_bytes(DATA)

    async def app(scope: Any, _: Any, send: Any) -> None:
        assert scope["extensions"] == {EXTENSION: {}}
        with path.open("rb") as file:
            await send(start(3 + len(DATA)))
            await send({"type": "http.response.body", "body": b"abc", "more_body": True})
            part = {"type": EXTENSION, "file": file, "offset": 5, "count": len(DATA) - 5}
            await send(part | {"more_body": True})
            await send({"type": EXTENSION, "file": file, "offset": 0, "count": 5})

    async with serving(app) as port:
        for at_a_time in (10_000, 1024 * 1024):
            assert await answered(port, at_a_time=at_a_time) == b"abc" + DATA[5:] + DATA[:5]


async def test_a_part_that_was_not_announced_is_not_sent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)

    async def app(_: Any, __: Any, send: Any) -> None:
        with path.open("rb") as file:
            await send(start(10))
            await send({"type": EXTENSION, "file": file, "offset": 0, "count": 11})

    async with serving(app) as port:
        assert await answered(port) == b""
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "at least so many bytes" in str(record.exc_info and record.exc_info[1])
