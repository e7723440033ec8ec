"""Single commands to Redis on the hot path: the library's connections, without its pool, retries and telemetry.

Those cost as much again as the command itself, at every request. Everything else uses the client as it is.
"""

import asyncio
from typing import Any, cast

from hiredis import pack_command
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError, ResponseError

from kernel.tracing import traced

_MOST_IDLE = 64


class RedisCalls:
    """Sends commands over a few connections that it keeps open."""

    def __init__(self, redis: Redis) -> None:
        self._pool = redis.connection_pool
        self._timeout_s: float | None = self._pool.connection_kwargs.get("socket_timeout")
        self._idle: list[AbstractConnection] = []
        self.losses = 0
        """How often connections broke: what Redis told in between has reached nobody here."""

    async def call(self, *command: str | int) -> Any:
        """Send a command and return the answer.

        Raises:
            RedisError: Redis refuses the command or does not answer.
        """
        if self._idle:
            try:
                return await traced(
                    str(command[0]), "redis", str(command[0]), self._exchange(self._idle.pop(), command)
                )
            except ConnectionLost:
                # It died while nobody used it, as all others may have; a new one tells whether Redis is there.
                await self.close()
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        await connection.connect()  # type: ignore[no-untyped-call]
        # The library would make a task for each command, to end what takes too long; one timeout here is for it all.
        connection.socket_timeout = None
        return await traced(str(command[0]), "redis", str(command[0]), self._exchange(connection, command))

    async def _exchange(self, connection: AbstractConnection, command: tuple[str | int, ...]) -> Any:
        try:
            # Packed in C: the library's asynchronous connections do it in Python, which takes ten times as long.
            packed = pack_command(cast("tuple[str | int | float | bytes | memoryview]", command))
            async with asyncio.timeout(self._timeout_s):
                await connection.send_packed_command(packed, check_health=False)
                answer = await connection.read_response()
        except ResponseError:
            await self._keep(connection)
            raise
        except BaseException as error:
            if isinstance(error, RedisError | OSError):
                self.losses += 1
            await connection.disconnect(nowait=True)
            raise
        await self._keep(connection)
        return answer

    async def _keep(self, connection: AbstractConnection) -> None:
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(connection)
        else:
            await connection.disconnect()

    async def close(self) -> None:
        """Close the connections that nobody uses."""
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.disconnect(nowait=True)
