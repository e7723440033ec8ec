"""A server that is killed while a crowd watches: what it has acknowledged is there, and nothing is counted twice."""

import asyncio
import os
import random
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import bindparam, insert

from kernel.app import create_app, opened, served
from kernel.ids import new_id
from kernel.settings import Settings
from kernel.testing import School
from kernel.testing.schools import make_school
from plugins.courses.tables import CourseEnrollment
from tests.e2e.conftest import COLLEGIUM, free_port
from tests.plugins.codes.conftest import Classroom
from tests.plugins.courses.conftest import Course, published

STUDENTS = 30
LENGTH, PIECE = 200, 10
ADD_ENROLLMENT = insert(CourseEnrollment).values({name: bindparam(name) for name in ("id", "user_id", "course_id")})
STANDING = """
    SELECT e.user_id, e.progress::float8 AS progress, p.xmin::text AS written_by,
           ARRAY(SELECT generate_series(lower(r), upper(r) - 1) FROM unnest(p.watched) AS r) AS seconds
    FROM courses.course_enrollments e JOIN courses.video_progress p ON p.user_id = e.user_id
"""


class Player:
    """A student who reports the pieces of a video in any order, and knows which were acknowledged."""

    def __init__(self, school: School, video: str, user_id: UUID, token: str) -> None:
        self.user_id = user_id
        self.acknowledged: set[int] = set()
        self._path = f"/api/v1{video}/progress"
        self._headers = {"Host": school.host, "Authorization": f"Bearer {token}"}

    async def report(self, client: httpx.AsyncClient, start: int) -> None:
        """Report a piece; what a broken connection means is not known."""
        end = start + PIECE
        try:
            answer = await self._post(client, [(start, end)])
        except httpx.TransportError:
            return
        assert answer.status_code == 200, answer.text
        self.acknowledged |= set(range(start, end))

    async def lie(self, client: httpx.AsyncClient) -> None:
        """Report what is no part of the video."""
        try:
            answer = await self._post(client, [(0, LENGTH + 1)])
        except httpx.TransportError:
            return
        assert (answer.status_code, answer.json()["code"]) == (400, "courses.ranges_invalid")

    async def _post(self, client: httpx.AsyncClient, ranges: Sequence[tuple[int, int]]) -> httpx.Response:
        body = {"position": 0, "ranges": ranges, "total_seconds": LENGTH}
        return await client.post(self._path, json=body, headers=self._headers)


class Cinema:
    """A school with a course of one video, its players, and two server processes."""

    def __init__(self, school: School, course: Course, players: list[Player], clients: list[httpx.AsyncClient]) -> None:
        self.school = school
        self.course = course
        self.players = players
        self.clients = clients

    async def standing(self) -> list[Any]:
        async with self.school.db() as db:
            return list(await (await db.driver()).fetch(STANDING))


@pytest.fixture
async def settings_of_servers(own_settings: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(own_settings, storage_url=(tmp_path / "storage").as_uri(), handler_timeout_s=60)


@pytest.fixture
async def servers(settings_of_servers: Settings) -> AsyncIterator[list[tuple[asyncio.subprocess.Process, str]]]:
    """Two server processes and their addresses."""
    environment = {**os.environ, **settings_of_servers.environment(), "COLLEGIUM_EMBEDDED_WORKER": "false"}
    started = []
    for port in (free_port(), free_port()):
        process = await asyncio.create_subprocess_exec(
            *COLLEGIUM,
            "serve",
            "--port",
            str(port),
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        started.append((process, f"http://127.0.0.1:{port}"))
    try:
        async with httpx.AsyncClient() as client:
            for process, address in started:
                await ready(client, process, address)
        yield started
    finally:
        for process, _ in started:
            if process.returncode is None:
                process.terminate()
                await process.wait()


async def ready(client: httpx.AsyncClient, process: asyncio.subprocess.Process, address: str) -> None:
    async with asyncio.timeout(90):
        while process.returncode is None:
            try:
                if (await client.get(f"{address}/health/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
    raise AssertionError("the server has ended")


@pytest.fixture
async def cinema(settings_of_servers: Settings, servers: list[Any]) -> AsyncIterator[Cinema]:
    async with AsyncExitStack() as stack:
        deployment = await stack.enter_async_context(opened(settings_of_servers))
        school = await make_school(deployment, served(create_app(deployment)), stack)
        admin, instructor = await school.person("admin"), await school.person("instructor")
        course = await published(instructor, LENGTH)
        crowd = await Classroom(school, admin, instructor, course.id, course.id).crowd(STUDENTS)
        async with school.db() as db:
            await db.run_many(
                ADD_ENROLLMENT, [{"id": new_id(), "user_id": each, "course_id": course.id} for each in crowd]
            )
        limits = httpx.Limits(max_connections=None)
        clients = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=60, limits=limits))
            for _, address in servers
        ]
        yield Cinema(school, course, [Player(school, course.videos[0], *each) for each in crowd.items()], clients)


async def watch_until_one_dies(cinema: Cinema, victim: asyncio.subprocess.Process, moments: random.Random) -> None:
    """Let everybody report everything at either server, now and then a lie, and kill one of them in the middle."""
    fatal = moments.randrange(STUDENTS * 3, STUDENTS * 15)
    reports = 0

    async def play(player: Player) -> None:
        nonlocal reports
        starts = list(range(0, LENGTH, PIECE))
        moments.shuffle(starts)
        for start in starts:
            if moments.random() < 0.05:
                await player.lie(moments.choice(cinema.clients))
            await player.report(moments.choice(cinema.clients), start)
            reports += 1
            if reports == fatal:
                victim.kill()

    await asyncio.gather(*(play(each) for each in cinema.players))
    assert await victim.wait() == -9


async def check_truth(cinema: Cinema) -> None:
    """Assert that what was acknowledged is stored, and that everyone's progress is a recount of that."""
    rows = await cinema.standing()
    stored = {row["user_id"]: set(row["seconds"]) for row in rows}
    assert {each.user_id: each.acknowledged - stored[each.user_id] for each in cinema.players} == {
        each.user_id: set() for each in cinema.players
    }
    assert {row["user_id"]: row["progress"] for row in rows} == {
        user: 100.0 if len(seconds) * 100 >= LENGTH * 90 else len(seconds) * 100 / LENGTH
        for user, seconds in stored.items()
    }
    # That many have been written together.
    assert len({row["written_by"] for row in rows}) < STUDENTS


async def check_repetition(cinema: Cinema) -> None:
    """Assert that whoever repeats everything has watched it once."""
    _, survivor = cinema.clients
    await asyncio.gather(
        *(each.report(survivor, start) for each in cinema.players for start in range(0, LENGTH, 4 * PIECE))
    )
    missing = {each.user_id: set(range(LENGTH)) - each.acknowledged for each in cinema.players}
    await asyncio.gather(
        *(
            each.report(survivor, start)
            for each in cinema.players
            for start in range(0, LENGTH, PIECE)
            if start in missing[each.user_id]
        )
    )
    assert {(row["progress"], len(row["seconds"])) for row in await cinema.standing()} == {(100.0, LENGTH)}


async def test_what_a_killed_server_has_acknowledged_is_there(cinema: Cinema, servers: list[Any]) -> None:
    await watch_until_one_dies(cinema, servers[0][0], random.Random(0))
    await check_truth(cinema)
    await check_repetition(cinema)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(1, 6))
async def test_what_is_acknowledged_survives_kills_at_any_moment(cinema: Cinema, servers: list[Any], seed: int) -> None:
    await watch_until_one_dies(cinema, servers[0][0], random.Random(seed))
    await check_truth(cinema)
    await check_repetition(cinema)
