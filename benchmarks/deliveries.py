"""Events: how many a worker delivers in a second, and how soon another delivers what a killed one had in hand."""

import asyncio
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

import asyncpg

from benchmarks.cores import Cores
from benchmarks.report import Finding, reached, weighed
from benchmarks.school import add_courses
from benchmarks.servers import Start, environment_of, started
from kernel.app import create_app, opened, served
from kernel.events import publish
from kernel.ids import new_id
from kernel.settings import Settings
from kernel.testing import School, make_school
from plugins.courses.api import StudentEnrolled

NAMES = ("events", "redelivery")
LEAST_PER_S = 1000.0
MOST_REDELIVERY_S = 1.0
EVENTS = 4000
_FEW_EVENTS = 400
"""At a kill: what is delivered again stands behind what had waited before it."""
_KILLS = 5
_LONGEST_S = 120.0
_POLL_S = 0.01
_WORKER = ("-m", "kernel.cli", "worker")
_WORKERS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'collegium-queue'"
_WAITING = "SELECT count(*) FROM kernel.outbox WHERE dead_at IS NULL"
_DEAD = "SELECT count(*) FROM kernel.outbox WHERE dead_at IS NOT NULL"
_IN_HAND = "SELECT coalesce(array_agg(id), '{}') FROM kernel.outbox WHERE attempts > 0"
_OF_THESE = "SELECT count(*) FROM kernel.outbox WHERE id = ANY ($1::uuid[])"

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class EventLost(Exception):
    """An event was given up, so that the figures would say nothing."""


def deliveries(settings: Settings, folder: Path, cores: Cores, *, tell: Callable[[str], None]) -> Iterator[Finding]:
    """Measure both; the listener is the one that counts a course's places after somebody has enrolled."""
    start = Start(_WORKER, environment_of(settings), folder / "worker.log", cores.server)
    tell("events")
    with started(start):
        per_s = asyncio.run(_throughput(settings))
    yield reached("events", per_s, least=LEAST_PER_S, unit="/s")
    slowest = 0.0
    with started(start):
        for number in range(1, _KILLS + 1):
            tell(f"redelivery: kill {number} of {_KILLS}")
            with started(start) as victim:
                slowest = max(slowest, asyncio.run(_redelivery(settings, victim)))
    yield weighed("redelivery", slowest, most=MOST_REDELIVERY_S, unit="s")


async def _throughput(settings: Settings) -> float:
    """Return how many events a running worker delivers in a second."""
    async with AsyncExitStack() as stack:
        school, courses, database = await _school(settings, stack, workers=1)
        await _publish(school, courses, EVENTS)
        began = time.perf_counter()
        await _until(database, _WAITING)
        seconds = time.perf_counter() - began
        if dead := await database.fetchval(_DEAD):
            raise EventLost(f"{dead} events were given up.")
        return EVENTS / seconds


async def _redelivery(settings: Settings, victim: "subprocess.Popen[bytes]") -> float:
    """Kill one of two workers while both deliver; return the seconds until what was in hand then is delivered."""
    async with AsyncExitStack() as stack:
        school, courses, database = await _school(settings, stack, workers=2)
        await _publish(school, courses, _FEW_EVENTS)
        await _until(database, _WAITING, most=int(_FEW_EVENTS * random.uniform(0.3, 0.9)))
        victim.kill()
        victim.wait()
        began = time.perf_counter()
        in_hand = await database.fetchval(_IN_HAND)
        await _until(database, _OF_THESE, in_hand)
        seconds = time.perf_counter() - began
        await _until(database, _WAITING)
        return seconds


async def _school(settings: Settings, stack: AsyncExitStack, *, workers: int) -> tuple[School, list[UUID], Connection]:
    """Return a tenant with courses, and a connection that looks on; wait until so many workers are there."""
    deployment = await stack.enter_async_context(opened(settings))
    school = await make_school(deployment, served(create_app(deployment)), stack)
    instructor = await school.person("instructor")
    courses = await add_courses(deployment, school.tenant, [instructor.id])
    database: Connection = await asyncpg.connect(settings.worker_database_url.replace("+asyncpg", ""))
    stack.push_async_callback(database.close)
    async with asyncio.timeout(_LONGEST_S):
        while await database.fetchval(_WORKERS) < workers:
            await asyncio.sleep(_POLL_S)
    return school, courses, database


async def _publish(school: School, courses: list[UUID], count: int) -> None:
    """Publish so many events in one transaction, so that all of them can be seen at the same moment."""
    async with school.db() as db:
        for number in range(count):
            course_id = courses[number % len(courses)]
            await publish(
                db,
                StudentEnrolled(enrollment_id=new_id(), course_id=course_id, user_id=new_id(), access_code_id=None),
            )


async def _until(database: Connection, question: str, *arguments: object, most: int = 0) -> None:
    """Wait until a count is no greater than this."""
    async with asyncio.timeout(_LONGEST_S):
        while await database.fetchval(question, *arguments) > most:
            await asyncio.sleep(_POLL_S)
