"""What a big school feels of its size: every reading of the API in the small and in the large demonstration, in turn.

Each demonstration has a stack and a server of its own. The same person asks for the same thing of both, one request
after the other; what counts is how much longer the middle one of the answers takes. Then PostgreSQL tells by which
plan it would run each statement behind them in the large one: nothing may read a whole big table, nor any table at all
for want of an index.
"""

import asyncio
import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec

from benchmarks import tape
from benchmarks.cores import Cores
from benchmarks.lab import running_lab
from benchmarks.load import latencies, request_bytes
from benchmarks.report import Finding, weighed
from benchmarks.school import demo_people, lift_limits, settle
from benchmarks.servers import HOST, Server, Start, environment_of, free_port, running, serve_words
from kernel.app import create_app, opened
from kernel.db import Origin
from kernel.deployment import Deployment
from kernel.serve import seed_demo
from kernel.settings import Settings

NAMES = ("growth",)
MOST_SLOWER = 1.5
_BIG_TABLE_ROWS = 10_000
"""A catalogue of 1,000 courses is no big table: its facets count all of it, once for everyone."""
_REQUESTS, _WARM_UP = 40, 10
_API = "/api/v1"
_PLACE = re.compile(r"\{[^}]*\}")

READINGS: Sequence[tuple[str, str]] = (
    ("student", "/courses"),
    ("student", "/courses?q=drawing"),
    ("student", "/courses?category={category}&level=beginner&sort=rating"),
    ("instructor", "/courses?mine=true&limit=2"),
    ("admin", "/courses?status=published&sort=popular&limit=5"),
    ("student", "/courses/{course}"),
    ("student", "/courses/{popular}/reviews?limit=1"),
    ("student", "/courses/{course}/sections"),
    ("student", "/courses/{course}/videos"),
    ("instructor", "/courses/{popular}/students?limit=4"),
    ("instructor", "/courses/{course}/analytics"),
    ("student", "/enrollments"),
    ("student", "/materials"),
    ("instructor", "/materials?course_id={course}"),
    ("student", "/sections/{section}"),
    ("student", "/videos/{video}"),
    ("student", "/categories"),
    ("student", "/categories/{category}"),
    ("instructor", "/access-codes"),
    ("admin", "/access-codes"),
    ("admin", "/access-codes?course_id={coded}&is_active=true"),
    ("admin", "/access-codes/{code}"),
    ("admin", "/access-codes/{code}/attempts"),
    ("admin", "/access-codes/{code}/redemptions"),
    ("admin", "/access-codes/attempts"),
    ("admin", "/access-codes/batches"),
    ("admin", "/access-codes/usage"),
    ("instructor", "/files"),
    ("admin", "/files"),
    ("admin", "/users"),
    ("admin", "/users?q=ann&role=student"),
    ("admin", "/users/{student}"),
    ("admin", "/users/{student}/file"),
    ("admin", "/users/{student}/progress"),
    ("admin", "/users/{student}/sessions"),
    ("student", "/users/me"),
    ("student", "/users/me/sessions"),
    ("admin", "/audit-logs"),
    ("admin", "/audit-logs?entity=courses.courses"),
    ("student", "/videos/{video}/stream"),
    ("student", "/videos/{video}/captions"),
    ("student", "/courses/{course}/cover"),
    ("student", "/materials/{material}"),
    ("student", "/materials/{material}/download"),
    ("admin", "/access-codes/batches/{batch}"),
    ("admin", "/access-codes/batches/{batch}/redemptions"),
    ("admin", "/users/{teacher}/instructor-profile"),
    ("student", "/users/me/preferences"),
    ("student", "/users/me/identities"),
    ("student", "/auth/mfa"),
    ("student", "/auth/passkeys"),
    ("student", "/auth/providers"),
    ("admin", "/mail-templates"),
    ("admin", "/mail-templates/auth.confirm_address"),
    ("admin", "/roles"),
    ("admin", "/tasks"),
    ("admin", "/tenants"),
    ("admin", "/tenants/{tenant}"),
    ("admin", "/settings"),
    ("admin", "/settings/public"),
    ("admin", "/settings/schema"),
    ("admin", "/plugins"),
    ("student", ""),
)
"""Who asks for what."""
NOT_READ: Mapping[str, str] = {
    "/access-codes/export": "a document grows with what is in it",
    "/audit-logs/export": "a document grows with what is in it",
    "/courses/{}/students/export": "a document grows with what is in it",
    "/users/me/export": "a document grows with what is in it",
    "/users/{}/export": "a document grows with what is in it",
    "/auth/oauth/{}/login": "leads elsewhere",
    "/auth/oauth/{}/callback": "comes from elsewhere",
    "/tasks/{}": "by its key alone, and there may be none",
    "/tasks/failures": "of the queue, which the operator's role reads",
    "/upload/tus/{}": "by its key alone, and there may be none",
}
"""Paths that nobody asks for here, and why."""
WRITINGS: Sequence[tuple[str, str, str, Any]] = (
    ("student", "POST", "/videos/{video}/progress", {"position": 3, "ranges": [[0, 3]], "total_seconds": 20}),
    ("student", "POST", "/courses/{free}/enroll", None),
    ("student", "DELETE", "/courses/{free}/enroll", None),
    ("instructor", "PATCH", "/courses/{popular}", {"short_description": "Said anew."}),
    ("instructor", "PATCH", "/videos/{video}", {"description": "Said anew."}),
    ("instructor", "POST", "/access-codes/generate", {"course_id": "{popular}", "type": "single_use", "count": 2}),
    ("admin", "PATCH", "/access-codes/{code}", {"label": "Said anew"}),
    ("admin", "PATCH", "/users/{student}", {"city": "Elsewhere"}),
    ("student", "PATCH", "/users/me/preferences", {"theme": "dark"}),
    ("admin", "PATCH", "/categories/{category}", {"sort_order": 3}),
)
"""Who writes what; only its plans are looked at."""


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
        small_requests, _ = asyncio.run(_filled(few, "small"))
        large_requests, scans = asyncio.run(_filled(many, "large"))
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
    yield weighed("whole tables", len(scans), most=0, unit="read", note="".join(f"\n{each}" for each in scans))


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


async def _filled(settings: Settings, size: Any) -> tuple[Mapping[str, bytes], Sequence[str]]:
    """Make a demonstration; return the requests by their names, and which statements read a whole big table."""
    async with opened(settings) as deployment:
        await seed_demo(deployment, size)
        await lift_limits(deployment)
        await settle(settings.owner_database_url)
        _check_complete(deployment)
        requests: dict[str, bytes] = {}
        scans: list[str] = []
        async with demo_people(deployment) as people:
            ids = await _ids(people)
            for role, reading in READINGS:
                name, path = f"{role} {reading}", reading.format_map(ids)
                token = people[role].headers["Authorization"].removeprefix("Bearer ")
                requests[name] = request_bytes("GET", f"{_API}{path}", token=token)

                async def ask(client: httpx.AsyncClient = people[role], path: str = path) -> None:
                    deployment.kept.clear()
                    (await client.get(path)).raise_for_status()

                scans += await _scans(deployment, settings, name, await tape.recorded(ask))
            for role, method, path, body in WRITINGS:
                call = partial(_written, people[role], method, path.format_map(ids), _filled_in(body, ids))
                scans += await _scans(deployment, settings, f"{role} {method} {path}", await tape.recorded(call))
    return requests, scans


def _check_complete(deployment: Deployment) -> None:
    """See that each path of the API is read, or that it is said why not.

    Raises:
        ValueError: There are others.
    """
    read = {_PLACE.sub("{}", reading.partition("?")[0]) for _, reading in READINGS} | NOT_READ.keys()
    # A path of the table may name what another leaves open.
    read.add("/mail-templates/{}")
    paths = create_app(deployment).openapi_schema.paths or {}
    known = {_PLACE.sub("{}", path.removeprefix(_API)) for path, item in paths.items() if item.get and _API in path}
    if forgotten := known - read:
        raise ValueError(f"growth: nobody reads {', '.join(sorted(forgotten))}")


async def _scans(deployment: Deployment, settings: Settings, name: str, steps: Sequence[tape.Step]) -> list[str]:
    found = [await _whole_tables(deployment, settings, step) for step in steps]
    return [f"{name}: {table}" for tables in found for table in tables]


async def _written(client: httpx.AsyncClient, method: str, path: str, body: Any) -> None:
    (await client.request(method, path, json=body)).raise_for_status()


def _filled_in(body: Any, ids: Mapping[str, str]) -> Any:
    if not isinstance(body, dict):
        return body
    return {name: value.format_map(ids) if isinstance(value, str) else value for name, value in body.items()}


async def _ids(people: Mapping[str, httpx.AsyncClient]) -> Mapping[str, str]:
    """Return what the readings are about: the same course in both, and the instructor's with the most students."""

    async def first(role: str, path: str) -> dict[str, Any]:
        items = (await people[role].get(path)).raise_for_status().json()["items"]
        return dict(items[0])

    popular = await first("instructor", "/courses?mine=true&status=published&sort=popular")
    course = await first("instructor", "/courses?q=Python+from+the+first+line")
    section = await first("instructor", f"/courses/{course['id']}/sections")
    code = await first("admin", "/access-codes")
    student = await first("admin", "/users?role=student")
    free = await first("student", "/courses?free=true&sort=newest")
    material = await first("student", "/materials")
    return {
        "course": course["id"],
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


async def _whole_tables(deployment: Deployment, settings: Settings, step: tape.Step) -> list[str]:
    """Return what a statement reads from end to end: big tables, and any for which no index would do.

    Of the latter a small table is no excuse: among those of a thousand tenants, each tenant's rows must be found by an
    index, whatever PostgreSQL prefers here where one tenant has nearly all of them.
    """
    try:
        plans, big = await _plans(deployment, settings.database_url, step)
    except asyncpg.InsufficientPrivilegeError:
        # What an operator asks for across tenants.
        plans, big = await _plans(deployment, settings.operator_database_url, step)
    read = [name for name in _scanned(plans[0]) if name in big]
    return read + [f"{name} by no index" for name in dict.fromkeys(_scanned(plans[1])) if name not in read]


async def _plans(deployment: Deployment, url: str, step: tape.Step) -> tuple[Sequence[Any], set[str]]:
    """Return the plan of a statement, that of a database where reading whole tables never pays, and the big tables."""
    tenant = await deployment.tenants.by_slug(deployment.settings.default_tenant)
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        async with connection.transaction():
            await connection.execute(Origin(tenant.id).prelude())
            plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {step.sql}", *step.arguments)
            await connection.execute("SET LOCAL enable_seqscan = off")
            by_index = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {step.sql}", *step.arguments)
            counted = await connection.fetch("SELECT relname, reltuples FROM pg_class WHERE relkind = 'r'")
    finally:
        await connection.close()
    plans = [msgspec.json.decode(each) for each in (plan, by_index)]
    return plans, {row["relname"] for row in counted if row["reltuples"] > _BIG_TABLE_ROWS}


def _scanned(plan: Any) -> Iterator[str]:
    if isinstance(plan, list):
        for each in plan:
            yield from _scanned(each)
    elif isinstance(plan, dict):
        if plan.get("Node Type") == "Seq Scan":
            yield plan["Relation Name"]
        for each in plan.values():
            yield from _scanned(each)
