"""Whether Redis is kept as sessions and limits need it: nothing thrown away, kept on disk, shut to others (rule 52).

For `collegium doctor`. That it answers at all is asked by `kernel.health`.
"""

import asyncio
from pathlib import Path
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import RedisError, ResponseError

from kernel.health import Check

_CREDENTIALS = ("username", "password", "credential_provider")
_TO_EVERYBODY = 0o006
_ENTERED_BY_EVERYBODY = 0o001


async def redis_checks(redis: Redis) -> list[Check]:
    """Return one check of how Redis is set up; none if it does not answer."""
    try:
        problems = await _problems(redis)
    except ResponseError as error:
        return [Check("redis settings", True, f"not asked, as the server does not tell: {error}")]
    except (RedisError, OSError):
        return []
    return [Check("redis settings", not problems, "; ".join(problems))]


async def _problems(redis: Redis) -> list[str]:
    found = await redis.config_get("maxmemory-policy", "appendonly", "save")
    problems = []
    if (policy := found.get("maxmemory-policy", "noeviction")) != "noeviction":
        problems.append(
            f"maxmemory-policy is {policy} and must be noeviction: limits and sessions would be thrown away"
        )
    if found.get("appendonly") != "yes" and not found.get("save"):
        problems.append("nothing is kept on disk: set appendonly yes")
    if await _is_open(redis):
        problems.append("whoever reaches it may use it: set a password, or a socket that its users alone reach")
    return problems


async def _is_open(redis: Redis) -> bool:
    """Whether anybody gets in who knows no password."""
    options: dict[str, Any] = redis.connection_pool.connection_kwargs
    if (path := options.get("path")) and await asyncio.to_thread(_is_private, Path(path)):
        return False
    bare = {name: value for name, value in options.items() if name not in _CREDENTIALS}
    stranger = Redis(connection_pool=ConnectionPool(redis.connection_pool.connection_class, **bare))
    try:
        await stranger.ping()
    except RedisError:
        return False
    finally:
        await stranger.aclose(close_connection_pool=True)
    return True


def _is_private(socket: Path) -> bool:
    """Whether only its user and group reach a socket, by its own mode or by that of its directory."""
    is_shut = not socket.stat().st_mode & _TO_EVERYBODY
    return is_shut or not socket.parent.stat().st_mode & _ENTERED_BY_EVERYBODY
