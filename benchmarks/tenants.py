"""Many tenants on one server, each with other plugins than its neighbours, against one; how soon a switch is felt.

Both sides of the comparison are ours, on the same server: what differs is whether each request belongs to the tenant
of the one before. There are fewer sets of plugins than tenants, so the sets come round again.
"""

import asyncio
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from itertools import combinations, cycle, islice
from pathlib import Path

import httpx
import msgspec

from benchmarks.cores import Cores
from benchmarks.load import request_bytes
from benchmarks.pairs import Side, measure, repeated
from benchmarks.report import Finding, compared, weighed
from benchmarks.servers import HOST, Server, Start, environment_of, free_port, running, serve_words
from kernel import operations
from kernel.app import create_app, opened, served
from kernel.settings import Settings
from kernel.testing import make_school

NAMES = ("tenants", "switch")
TENANTS = 200
LEAST_SHARE = 0.95
MOST_SWITCH_S = 1.0
_PER_ROUND = 1000
_SWITCHES = 10
_SWITCHED, _ITS_PATH = "courses", "/api/v1/categories"
_LONGEST_SWITCH_S = 30.0
_PATH = "/api/v1/users/me"


class Member(msgspec.Struct, frozen=True):
    """A student of a tenant, who is signed in."""

    slug: str
    host: str
    token: str


def many_tenants(
    settings: Settings, folder: Path, cores: Cores, *, rounds: int, tell: Callable[[str], None]
) -> Iterator[Finding]:
    """Make the tenants, start two servers, and yield both findings."""
    tell("tenants: making them")
    members = asyncio.run(_members(settings))
    asked = [request_bytes("GET", _PATH, token=each.token, host=each.host) for each in members]
    tell("tenants: starting two servers")
    port, second_port = free_port(), free_port()
    environment, log = environment_of(settings), folder / "tenants.log"
    with (
        running(Start(serve_words(port), environment, log, cores.server), port) as server,
        running(Start(serve_words(second_port), environment, log, cores.server), second_port) as second,
    ):
        many, one = Side(server, repeated(asked)), Side(server, repeated(asked[:1]))
        measured = measure(many, one, rounds=rounds, per_round=_PER_ROUND, tell=lambda text: tell(f"tenants: {text}"))
        yield compared("tenants", measured, target=LEAST_SHARE)
        tell("switch")
        slowest = asyncio.run(_slowest_switch(settings, (server, second), members[0]))
        yield weighed("switch", slowest, most=MOST_SWITCH_S, unit="s")


async def _members(settings: Settings) -> list[Member]:
    async with opened(settings) as deployment, AsyncExitStack() as stack:
        app = served(create_app(deployment))
        optional = [each.name for each in deployment.registry.plugins if not each.manifest.essential]
        essential = [each.name for each in deployment.registry.plugins if each.manifest.essential]
        sets = [[*essential, *some] for size in range(len(optional), -1, -1) for some in combinations(optional, size)]
        members = []
        for plugins in islice(cycle(sets), TENANTS):
            school = await make_school(deployment, app, stack, plugins=plugins)
            student = await school.person("student")
            token = student.client.headers["Authorization"].removeprefix("Bearer ")
            members.append(Member(school.tenant.slug, school.host, token))
        return members


async def _slowest_switch(settings: Settings, servers: tuple[Server, ...], member: Member) -> float:
    """Switch a plugin off and on again and return the longest that a server took to act on it, in seconds."""
    slowest = 0.0
    async with opened(settings) as deployment, httpx.AsyncClient(trust_env=False) as client:
        for number in range(_SWITCHES):
            wanted = number % 2 == 1
            words = Namespace(slug=member.slug, enable=[], disable=[], dry_run=False)
            vars(words)["enable" if wanted else "disable"].append(_SWITCHED)
            await operations.tenant_plugins(deployment, words)
            began = time.perf_counter()
            for server in servers:
                await _felt(client, server, member, acts=wanted)
            slowest = max(slowest, time.perf_counter() - began)
    return slowest


async def _felt(client: httpx.AsyncClient, server: Server, member: Member, *, acts: bool) -> None:
    headers = {"Host": member.host, "Authorization": f"Bearer {member.token}"}
    async with asyncio.timeout(_LONGEST_SWITCH_S):
        while True:
            answer = await client.get(f"http://{HOST}:{server.port}{_ITS_PATH}", headers=headers)
            if (answer.status_code == httpx.codes.OK) is acts:
                return
