"""Single commands to Redis: what happens to one that is never answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from kernel.embedded import Stack
from kernel.redis_calls import RedisCalls


@asynccontextmanager
async def silent_server(answers: int) -> AsyncIterator[int]:
    """Run a server that says OK so many times and then nothing any more; give its port."""
    left, gone = answers, asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        while await reader.read(65_536):
            if left:
                left -= 1
                writer.write(b"+OK\r\n")
                await writer.drain()
        writer.close()
        await writer.wait_closed()
        gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await gone.wait()


async def test_command_that_is_never_answered_ends_and_its_connection_with_it() -> None:
    async with silent_server(answers=1) as port:
        redis = Redis(port=port, socket_timeout=0.05, protocol=2, driver_info=None)
        calls = RedisCalls(redis)
        assert await calls.call("PING") == b"OK"
        with pytest.raises(TimeoutError):
            await calls.call("PING")
        assert (calls.losses, calls._idle) == (1, [])
        await redis.aclose()


async def test_refused_command_leaves_the_connection_good(stack: Stack) -> None:
    redis = Redis.from_url(stack.redis_url, socket_timeout=5)
    calls = RedisCalls(redis)
    with pytest.raises(ResponseError):
        await calls.call("NO-SUCH-COMMAND", "with", 3, "words")
    (kept,) = calls._idle
    assert await calls.call("ECHO", "é") == "é".encode()
    assert (calls._idle, calls.losses) == ([kept], 0)
    await calls.close()
    await redis.aclose()
