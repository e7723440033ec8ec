"""A proxy for sockets that delays, stands still, cuts and loses: what a network does between two parts.

It listens on a UNIX socket or a TCP port and leads to another. What it does is changed while connections are open.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

Direction = Literal["there", "back"]
_CHUNK = 65_536


class Proxy:
    """The connections that lead through, to a UNIX socket or a port of this machine, and what happens to them."""

    def __init__(self, target: Path | int) -> None:
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.delay_s = 0.0
        """How long each piece of data takes."""
        self.cut_when: Callable[[Direction, bytes], bool] = lambda _direction, _data: False
        """Cuts the connection before a piece of data is passed on; asked once for each."""
        self.refuses = False
        """Whether new connections are cut at once."""

    def freeze(self) -> None:
        """Let nothing pass, with every connection open: half open, as when a cable is pulled."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Let everything pass again."""
        self._flowing.set()

    def cut(self) -> None:
        """Reset every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lead one connection through."""
        if self.refuses:
            writer.transport.abort()
            return
        try:
            if isinstance(self._target, int):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            else:
                far_reader, far_writer = await asyncio.open_unix_connection(self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        both = [
            asyncio.create_task(self._pass(reader, far_writer, "there", writer)),
            asyncio.create_task(self._pass(far_reader, writer, "back", far_writer)),
        ]
        self._tasks.update(both)
        await asyncio.wait(both)
        self._tasks.difference_update(both)
        self._writers -= {writer, far_writer}

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        direction: Direction,
        other: asyncio.StreamWriter,
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                await asyncio.sleep(self.delay_s)
                await self._flowing.wait()
                if self.cut_when(direction, data):
                    writer.transport.abort()
                    other.transport.abort()
                    return
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            writer.close()

    async def close(self) -> None:
        """Cut everything and wait for the end."""
        self.thaw()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def proxied(target: Path, at: Path) -> AsyncIterator[Proxy]:
    """Give a proxy that listens at one UNIX socket and leads to another."""
    proxy = Proxy(target)
    server = await asyncio.start_unix_server(proxy.serve, at)
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
