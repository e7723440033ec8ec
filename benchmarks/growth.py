"""What a big school feels of its size: every reading of the API in the small and in the large demonstration, in turn.

Each demonstration has a stack and a server of its own. The same person asks for the same thing of both, one request
after the other; what counts is how much longer the middle one of the answers takes. Then PostgreSQL tells by which
plan it would run each statement behind them in the large one: nothing may read a whole big table, nor any table at all
for want of an index.
"""

import asyncio
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks.asked import READINGS
from benchmarks.asking import API, asked
from benchmarks.cores import Cores
from benchmarks.lab import running_lab
from benchmarks.load import latencies, request_bytes
from benchmarks.plans import planner
from benchmarks.report import Finding, weighed
from benchmarks.school import demo_people, lift_limits, settle
from benchmarks.servers import HOST, Server, Start, environment_of, free_port, running, serve_words
from kernel.app import opened
from kernel.db import Origin
from kernel.serve import seed_demo
from kernel.settings import Settings

NAMES = ("growth",)
MOST_SLOWER = 1.5
_REQUESTS, _WARM_UP = 40, 10


class _School(msgspec.Struct, frozen=True):
    """A demonstration that is served: its server, and what is sent to it by the reading's name."""

    server: Server
    requests: Mapping[str, bytes]


def growing_school(folder: Path, cores: Cores, *, rounds: int, tell: Callable[[str], None]) -> Iterator[Finding]:
    """Make both demonstrations, ask both, and yield how the slowest reading grew and what reads a whole table."""
    (folder / "small").mkdir()
    (folder / "large").mkdir()
    with running_lab(folder / "small", tell) as few, running_lab(folder / "large", tell) as many:
        tell("growth: filling both demonstrations")
        small_requests, _, _ = asyncio.run(_filled(few, "small"))
        large_requests, scans, statements = asyncio.run(_filled(many, "large"))
        with (
            _served(few, folder / "small", cores, small_requests) as small,
            _served(many, folder / "large", cores, large_requests) as large,
        ):
            slower = {}
            for name in small_requests:
                tell(f"growth: {name}")
                slower[name] = _slower(small, large, name, rounds)
    worst = sorted(slower, key=lambda name: -slower[name])[:3]
    note = " " + ", ".join(f"{name} {slower[name]:.2f}" for name in worst)
    yield weighed("growth", slower[worst[0]], most=MOST_SLOWER, unit="times", note=note)
    lines = "".join(f"\n{each}" for each in scans)
    yield weighed("whole tables", len(scans), most=0, unit="read", note=f" of {statements} statements{lines}")


def _slower(small: _School, large: _School, name: str, rounds: int) -> float:
    """Return how many times longer the middle answer of the large school takes; the middle of the rounds."""
    ratios = []
    for school in (small, large):
        _middle_s(school, name, _WARM_UP)
    for _ in range(rounds):
        few = _middle_s(small, name, _REQUESTS)
        ratios.append(_middle_s(large, name, _REQUESTS) / few)
    return statistics.median(ratios)


def _middle_s(school: _School, name: str, count: int) -> float:
    return statistics.median(latencies(HOST, school.server.port, [school.requests[name]] * count, connections=1))


@contextmanager
def _served(settings: Settings, folder: Path, cores: Cores, requests: Mapping[str, bytes]) -> Iterator[_School]:
    port = free_port()
    with running(Start(serve_words(port), environment_of(settings), folder / "log", cores.server), port) as server:
        yield _School(server, requests)


async def _filled(settings: Settings, size: Any) -> tuple[Mapping[str, bytes], Sequence[str], int]:
    """Make a demonstration; return the requests by name, what reads a whole table, and of how many statements."""
    async with opened(settings) as deployment:
        await seed_demo(deployment, size)
        await lift_limits(deployment)
        await settle(settings.owner_database_url)
        async with demo_people(deployment) as people:
            ids = await _ids(people)
            requests = {
                f"{role} {path}": request_bytes("GET", f"{API}{path.format_map(ids)}", token=_token(people[role]))
                for role, path in READINGS
            }
            if size == "small":
                return requests, (), 0
            tenant = await deployment.tenants.by_slug(settings.default_tenant)
            async with planner(settings, Origin(tenant.id)) as plans:
                scans = await asked(deployment, people, ids, plans)
                return requests, scans, plans.count


def _token(client: httpx.AsyncClient) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")


async def _ids(people: Mapping[str, httpx.AsyncClient]) -> dict[str, str]:
    """Return what is asked about: the same course in both, and the instructor's with the most students."""

    async def first(role: str, path: str) -> dict[str, Any]:
        items = (await people[role].get(path)).raise_for_status().json()["items"]
        return dict(items[0])

    popular = await first("instructor", "/courses?mine=true&status=published&sort=popular")
    course = await first("instructor", "/courses?q=Python+from+the+first+line")
    # Most courses of the demonstration have no picture of their own.
    covered = await first("student", "/courses?q=Colour+that+people+can+read")
    section = await first("instructor", f"/courses/{course['id']}/sections")
    code = await first("admin", "/access-codes")
    student = await first("admin", "/users?role=student")
    free = await first("student", "/courses?free=true&sort=newest")
    material = await first("student", "/materials")
    own_code = await first("instructor", "/access-codes")
    own_videos = await first("instructor", f"/courses/{popular['id']}/videos")
    submitted = await first("admin", "/courses?status=submitted")
    return {
        "slug": course["slug"],
        "category_slug": course["category"]["slug"],
        "own_code": own_code["id"],
        "own_batch": own_code["batch_id"],
        "own_video": own_videos["id"],
        "submitted": submitted["id"],
        "course": course["id"],
        "covered": covered["id"],
        "popular": popular["id"],
        "category": course["category"]["id"],
        "section": section["id"],
        "video": section["videos"][0]["id"],
        "code": code["id"],
        "coded": code["course_id"],
        "student": student["id"],
        "teacher": course["instructor"]["id"],
        "free": free["id"],
        "material": material["id"],
        "batch": code["batch_id"],
        "tenant": (await first("admin", "/tenants"))["id"],
    }
