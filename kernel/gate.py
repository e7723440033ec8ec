"""Session, tenant version and rate limits of a request, in one Redis round trip.

The counting stands in `gate.lua`. Which doors a route has is said by the route (`kernel.routing.limited`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from kernel.errors import RateLimited, Unavailable
from kernel.faults import describe
from kernel.identity import SessionState
from kernel.redis_calls import RedisCalls

log = structlog.get_logger(__name__)

WINDOW_MS = 60_000
STRICT_DOORS = frozenset({"login", "redeem"})
"""Doors that refuse when Redis does not answer, because guessing must stay counted."""
SESSION_TTL_S = 15 * 60
"""Short: should Redis miss the end of a session, PostgreSQL is asked again before long."""
_TELL_AGAIN_S = 1.0
_TELL_AGAIN_TIMES = 30
# Two who change a tenant at once may tell their versions in another order than they committed.
_RAISE = """
if tonumber(redis.call('GET', KEYS[1]) or 0) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], unpack(ARGV, 2))
end
"""
_POSITION_TTL_S = 60
"""Longer than any replica that serves may be behind (`kernel.replicas`)."""
_CHANGED = b""
_CHANGED_TTL_S = 60


class RedisUnavailable(Unavailable):
    """Redis does not answer."""

    code = "kernel.redis_unavailable"
    title = "A part of the service does not answer. Try again in a moment."


class Limit(msgspec.Struct, frozen=True):
    """One limit of one caller: at most `per_minute` requests counted under `key`."""

    key: str
    kind: Literal["log", "gcra"]
    per_minute: int


class LimitState(msgspec.Struct, frozen=True):
    """How a limit stands after this request."""

    limit: int
    allowed: bool
    remaining: int
    wait_ms: int

    def headers(self) -> dict[str, str]:
        """Return the RateLimit headers; the reset is in seconds."""
        wait_s = str(-(-self.wait_ms // 1000))
        headers = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": wait_s,
        }
        return headers if self.allowed else {**headers, "Retry-After": wait_s}


class Admission(msgspec.Struct, frozen=True):
    """What Redis knew: the session if it is there, the versions, how the tightest limit stands.

    `wrote` is the position in PostgreSQL's log of the caller's last write, where there are replicas; `losses` counts
    how often Redis was lost on the way here, since it may have been told a version meanwhile. `content_version` is that
    of the kept answers that were asked for (`kernel.kept_answers`).
    """

    session: SessionState | None
    tenant_version: int | None
    directory_version: int | None
    limit: LimitState | None
    wrote: int | None = None
    content_version: str = ""
    losses: int = 0


@cache
def _script() -> str:
    return (Path(__file__).parent / "gate.lua").read_text()


def session_key(tenant_id: UUID, session_id: UUID) -> str:
    """Return the Redis key of a session."""
    return f"t:{tenant_id}:session:{session_id}"


def _position_key(tenant_id: UUID, user_id: UUID | None) -> str:
    return f"t:{tenant_id}:wrote:{user_id or '-'}"


def _content_key(tenant_id: UUID, name: str) -> str:
    return f"t:{tenant_id}:content:{name or '-'}"


def version_key(tenant_id: UUID) -> str:
    """Return the Redis key of a tenant's version."""
    return f"t:{tenant_id}:version"


DIRECTORY_KEY = "collegium:directory"
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(SessionState)


class Gate:
    """Asks Redis about a request."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._calls = RedisCalls(redis)
        self._sha = ""
        self._telling: set[asyncio.Task[None]] = set()

    async def admit(
        self,
        tenant_id: UUID,
        session_id: UUID | None,
        limits: Sequence[Limit],
        *,
        user_id: UUID | None = None,
        content: str = "",
    ) -> Admission:
        """Read session, versions and position, and count the request.

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        keys = [
            session_key(tenant_id, session_id) if session_id else f"t:{tenant_id}:session:-",
            version_key(tenant_id),
            DIRECTORY_KEY,
            _position_key(tenant_id, user_id),
            _content_key(tenant_id, content),
            *(f"t:{tenant_id}:limit:{limit.key}" for limit in limits),
        ]
        arguments: list[str | int] = [uuid4().hex]
        for limit in limits:
            arguments += [limit.kind, limit.per_minute, WINDOW_MS]
        answer = await self._evaluate(keys, arguments)
        session, tenant_version, directory_version, wrote, content_version = answer[:5]
        return Admission(
            session=_decoder.decode(session) if session else None,
            tenant_version=int(tenant_version) if tenant_version else None,
            directory_version=int(directory_version) if directory_version else None,
            limit=_tightest(limits, answer[5:]),
            wrote=int(wrote) if wrote else None,
            content_version=content_version.decode() if content_version else "",
            losses=self._calls.losses,
        )

    async def count(self, tenant_id: UUID, limit: Limit) -> None:
        """Count one more thing against a limit, such as the sign-ins of one account.

        Raises:
            RateLimited: The limit is used up.
            RedisUnavailable: Redis does not answer.
        """
        admission = await self.admit(tenant_id, None, [limit])
        if admission.limit is not None and not admission.limit.allowed:
            raise RateLimited(headers=admission.limit.headers())

    async def _evaluate(self, keys: list[str], arguments: list[str | int]) -> list[Any]:
        try:
            if not self._sha:
                self._sha = await self._redis.script_load(_script())
            try:
                answer: list[Any] = await self._calls.call("EVALSHA", self._sha, len(keys), *keys, *arguments)
            except NoScriptError:
                answer = await self._calls.call("EVAL", _script(), len(keys), *keys, *arguments)
        except (RedisError, OSError) as error:
            raise RedisUnavailable(headers={"Retry-After": "2"}) from error
        return answer

    async def close(self) -> None:
        """Close the connections of the hot path."""
        for telling in self._telling:
            telling.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)
        await self._calls.close()

    async def check(self) -> None:
        """Raise unless Redis answers."""
        await self._redis.ping()

    async def keep_session(self, tenant_id: UUID, session_id: UUID, state: SessionState) -> None:
        """Keep a session in Redis, unless it is there already or has just been forgotten."""
        key = session_key(tenant_id, session_id)
        try:
            await self._redis.set(key, _encoder.encode(state), ex=SESSION_TTL_S, nx=True)
        except (RedisError, OSError) as error:
            raise RedisUnavailable(headers={"Retry-After": "2"}) from error

    async def forget_sessions(self, tenant_id: UUID, session_ids: Sequence[UUID]) -> None:
        """Ask PostgreSQL about these sessions from now on; call it after their end or change has committed."""
        # A mark and not a deletion: a request that read the session before the commit may be about to keep it.
        async with self._redis.pipeline(transaction=False) as pipeline:
            for each in session_ids:
                pipeline.set(session_key(tenant_id, each), _CHANGED, ex=_CHANGED_TTL_S)
            await pipeline.execute()

    async def tell_version(self, tenant_id: UUID, version: int) -> None:
        """Make every process reload the tenant: its plugins, settings or roles have changed.

        Where Redis does not answer it is told as soon as it does, for as long as anybody may believe the old version.
        """
        await self._tell(lambda: self._redis.eval(_RAISE, 1, version_key(tenant_id), version))

    async def begin_content(self, tenant_id: UUID, name: str) -> str:
        """Return the version of kept answers that had none, because nothing has changed or Redis has lost it.

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        key = _content_key(tenant_id, name)
        try:
            await self._redis.set(key, uuid4().hex, nx=True)
            version: bytes = await self._redis.get(key) or b""  # type: ignore[assignment]  # bytes, as its settings say
        except (RedisError, OSError) as error:
            raise RedisUnavailable(headers={"Retry-After": "2"}) from error
        return version.decode()

    async def change_content(self, tenant_id: UUID, names: Sequence[str]) -> None:
        """Give kept answers a new version, one that never was; where Redis does not answer, as soon as it does."""
        versions = {_content_key(tenant_id, name): uuid4().hex for name in names}
        await self._tell(lambda: self._redis.mset(versions))

    async def _tell(self, telling: Callable[[], Awaitable[Any]]) -> None:
        try:
            await telling()
        except (RedisError, OSError) as error:
            log.warning("change.not_told", reason=describe(error))
            task = asyncio.create_task(self._keep_telling(telling))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _keep_telling(self, telling: Callable[[], Awaitable[Any]]) -> None:
        for _ in range(_TELL_AGAIN_TIMES):
            await asyncio.sleep(_TELL_AGAIN_S)
            with suppress(RedisError, OSError):
                await telling()
                return

    async def tell_position(self, tenant_id: UUID, user_id: UUID, position: int) -> None:
        """Let the user's next readings, in every process, see the log up to this position. Best effort."""
        try:
            await self._redis.eval(_RAISE, 1, _position_key(tenant_id, user_id), position, "EX", _POSITION_TTL_S)
        except (RedisError, OSError) as error:
            log.warning("position.not_told", reason=describe(error))

    async def forget_tenant(self, tenant_id: UUID) -> None:
        """Remove everything that is kept of a tenant that is gone."""
        async for key in self._redis.scan_iter(match=f"t:{tenant_id}:*", count=1000):
            await self._redis.unlink(key)

    async def tell_directory(self) -> None:
        """Make every process look hosts up anew: a tenant came, went or changed its hosts."""
        await self._redis.incr(DIRECTORY_KEY)


def _tightest(limits: Sequence[Limit], answer: Sequence[int]) -> LimitState | None:
    states = [
        LimitState(limit.per_minute, bool(allowed), remaining, wait)
        for limit, allowed, remaining, wait in zip(limits, answer[::3], answer[1::3], answer[2::3], strict=True)
    ]
    return min(states, key=lambda state: (state.allowed, state.remaining), default=None)
