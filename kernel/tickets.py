"""Records that live for minutes: challenges, states of a sign-in, tries. In Redis, by tenant, each used once.

What must not be lost belongs in a table; what is counted over all requests, in `kernel.gate`.
"""

from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from kernel.gate import RedisUnavailable


class Tickets:
    """Keeps short-lived records; every method raises `RedisUnavailable` where Redis does not answer.

    A record is named by its tenant, a kind (`auth.passkey`) and a name that cannot be guessed.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def keep(self, tenant_id: UUID, kind: str, name: str, content: bytes, *, ttl_s: int) -> None:
        """Keep a record for so many seconds."""
        await self._call("SET", _key(tenant_id, kind, name), content, "EX", ttl_s)

    async def take(self, tenant_id: UUID, kind: str, name: str) -> bytes | None:
        """Return a record and forget it, so that only one caller ever has it; None if it is not there."""
        found: bytes | None = await self._call("GETDEL", _key(tenant_id, kind, name))
        return found

    async def claim(self, tenant_id: UUID, kind: str, name: str, *, ttl_s: int) -> bool:
        """Return whether this is the first claim to the name within so many seconds."""
        return await self._call("SET", _key(tenant_id, kind, name), b"1", "EX", ttl_s, "NX") is not None

    async def count(self, tenant_id: UUID, kind: str, name: str, *, ttl_s: int) -> int:
        """Count once more and return the sum, which is kept for so many seconds since the last."""
        key = _key(tenant_id, kind, name)
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.incr(key)
                pipeline.expire(key, ttl_s)
                counted = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise RedisUnavailable(headers={"Retry-After": "2"}) from error
        return int(counted[0])

    async def _call(self, *command: str | bytes | int) -> Any:
        try:
            return await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise RedisUnavailable(headers={"Retry-After": "2"}) from error


def _key(tenant_id: UUID, kind: str, name: str) -> str:
    return f"t:{tenant_id}:ticket:{kind}:{name}"
