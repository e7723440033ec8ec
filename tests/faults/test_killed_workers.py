"""A worker that is killed in the middle of its work: another one does the rest, once, and nothing is left lying."""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZIP_STORED

import asyncpg
import msgspec
import pytest

from kernel.app import create_app, opened, served
from kernel.scratch import PREFIX
from kernel.settings import Settings
from kernel.tasks import NoPayload, enqueue
from kernel.testing import FakeClock, Person, School
from kernel.testing.schools import make_school
from kernel.worker import run_worker
from plugins.media.tasks import REMOVE_ABANDONED_UPLOADS
from tests.plugins.courses.archived import described, manifest, zipped
from tests.plugins.media.conftest import picture, upload
from tests.plugins.media.films import facts, film, lines, playback, watched

WORKER = (sys.executable, "-m", "kernel.cli", "worker")
MEBIBYTE = 1024 * 1024
PATIENCE_S = 120


class Place:
    """A school whose background work is done by processes of their own, and the folders in which they work."""

    def __init__(self, school: School, settings: Settings, folder: Path) -> None:
        self.school = school
        self.settings = settings
        self.storage = folder / "storage"
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self._workers: list[asyncio.subprocess.Process] = []

    async def start_worker(self) -> asyncio.subprocess.Process:
        """Start a worker of its own process."""
        worker = await asyncio.create_subprocess_exec(
            *WORKER,
            env={**os.environ, **self.settings.environment(), "TMPDIR": str(self.scratch)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._workers.append(worker)
        await self._let_others_have_it()
        return worker

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Run another worker in this process, to which the work of dead ones goes at once."""
        stop = asyncio.Event()
        running = asyncio.create_task(run_worker(self.school.deployment, stop))
        try:
            await self._let_others_have_it()
            yield
        finally:
            stop.set()
            await running

    async def _let_others_have_it(self) -> None:
        await self._sql("UPDATE queue.pgqueuer SET heartbeat = now() - interval '1 hour' WHERE status = 'picked'")

    async def kill(self, worker: asyncio.subprocess.Process) -> None:
        """End it as a crash does: by SIGKILL."""
        assert worker.returncode is None, "it ended by itself"
        worker.kill()
        await worker.wait()

    async def kill_all(self) -> None:
        """End whatever still runs."""
        for worker in self._workers:
            if worker.returncode is None:
                await self.kill(worker)

    async def is_idle(self) -> bool:
        """Whether nothing is due or under way."""
        return not await self._sql(
            "SELECT 1 FROM queue.pgqueuer WHERE execute_after <= now() AND status <> 'failed' UNION ALL"
            " SELECT 1 FROM kernel.outbox"
        )

    async def failures(self) -> list[Any]:
        """Return the tasks that were given up."""
        return await self._sql("SELECT entrypoint FROM queue.pgqueuer WHERE status = 'failed'")

    def has_begun(self, name: str) -> bool:
        """Whether a file of this name is being written in a scratch folder."""
        return any(path.stat().st_size for path in self.scratch.glob(f"{PREFIX}*/{name}"))

    def incoming(self) -> int:
        """Return how many bytes of objects are written that are not whole yet."""
        return sum(path.stat().st_size for path in (self.storage / ".incoming").iterdir())

    def stored(self) -> set[str]:
        """Return the keys of all objects, and what was not finished."""
        return {str(path.relative_to(self.storage)) for path in self.storage.rglob("*") if path.is_file()}

    async def known(self) -> set[str]:
        """Return the keys that the tables know, each once."""
        async with self.school.db() as db:
            rows = await (await db.driver()).fetch(
                "SELECT storage_key FROM media.files UNION ALL SELECT storage_key FROM media.renditions"
            )
        keys = [row["storage_key"] for row in rows]
        assert len(keys) == len(set(keys))
        return set(keys)

    async def _sql(self, statement: str) -> list[Any]:
        connection = await asyncpg.connect(self.settings.worker_database_url.replace("+asyncpg", ""))
        try:
            return list(await connection.fetch(statement))
        finally:
            await connection.close()


@pytest.fixture
async def place(own_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    settings = msgspec.structs.replace(own_settings, storage_url=(tmp_path / "storage").as_uri(), handler_timeout_s=60)
    async with opened(settings) as deployment, AsyncExitStack() as stack:
        place = Place(await make_school(deployment, served(create_app(deployment)), stack), settings, tmp_path)
        monkeypatch.setattr(tempfile, "tempdir", str(place.scratch))
        try:
            yield place
        finally:
            await place.kill_all()


async def now_or_later(condition: Callable[[], object]) -> None:
    """Wait until it is true; looks often, since what it waits for may be short."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.005)


async def finish(place: Place, *, is_done: Callable[[], Awaitable[bool]]) -> None:
    """Let another worker do the rest."""
    async with place.working(), asyncio.timeout(PATIENCE_S):
        while not (await is_done() and await place.is_idle()):
            await place.school.bring_forward()
            await asyncio.sleep(0.05)
    assert await place.failures() == []
    assert list(place.scratch.iterdir()) == []


async def check_after_a_day(place: Place, clock: FakeClock) -> None:
    """See that what is stored is what the tables know, once the sweeps of a day have run."""
    clock.advance(hours=25)
    async with place.school.db() as db:
        await enqueue(db, REMOVE_ABANDONED_UPLOADS, NoPayload())
    await place.school.settle()
    await place.school.deployment.storage.prepare()
    assert place.stored() == await place.known()
    async with place.school.db() as db:
        driver = await db.driver()
        for table in ("media.uploads", "courses.imported_files"):
            assert await driver.fetchval(f"SELECT count(*) FROM {table}") == 0


async def row_of(school: School, file: dict[str, Any]) -> dict[str, Any]:
    async with school.db() as db:
        driver = await db.driver()
        return dict(await driver.fetchrow("SELECT * FROM media.videos WHERE file_id = $1", UUID(file["id"])) or {})


async def check_video(
    place: Place, instructor: Person, file: dict[str, Any], *, names: list[str], sizes: list[str]
) -> None:
    """See that a video is ready, that it plays in every quality, and that each of these was made once."""
    row = await row_of(place.school, file)
    assert (row["status"], row["progress"], row["problem"]) == ("done", 100, None)
    async with place.school.db() as db:
        driver = await db.driver()
        made = [each["name"] for each in await driver.fetch("SELECT name FROM media.renditions ORDER BY name")]
        variants = [each["name"] for each in await driver.fetch("SELECT name FROM media.video_variants ORDER BY name")]
    assert made == [*(f"{name}.ts" for name in names), "poster-w1280.webp", "poster-w640.webp"]
    assert variants == names
    # Nothing half stored either: the attempt that came after has removed it.
    assert {key for key in place.stored() if not key.startswith(".incoming")} == await place.known()
    master = await lines(instructor, place.school, (await playback(place.school, instructor, file)).url)
    playlists = [line for line in master if line.startswith("/media/")]
    told = [
        facts(await watched(instructor, place.school, await lines(instructor, place.school, each)))["dimensions 0"]
        for each in playlists
    ]
    assert told == sizes


async def test_a_video_whose_worker_is_killed_is_made_ready_by_another(place: Place, fake_clock: FakeClock) -> None:
    instructor = await place.school.person("instructor")
    file = await upload(instructor, film(size="960x540", seconds=6))
    first = await place.start_worker()
    # The better quality is stored by then, and the second one under way.
    await now_or_later(lambda: place.has_begun("360p.mp4"))
    await place.kill(first)
    [left] = place.scratch.iterdir()
    assert (left / "source").is_symlink()
    assert (await row_of(place.school, file))["status"] == "running"
    before = await place.known()
    assert [key.rpartition("-")[2] for key in before if key.endswith(".ts")] == ["540p.ts"]

    async def is_done() -> bool:
        return bool((await row_of(place.school, file))["status"] == "done")

    await finish(place, is_done=is_done)
    assert before <= await place.known()
    await check_video(place, instructor, file, names=["360p", "540p"], sizes=["960x540", "640x360"])
    await check_after_a_day(place, fake_clock)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(8))
async def test_a_video_survives_kills_at_any_moment(place: Place, fake_clock: FakeClock, seed: int) -> None:
    moments = random.Random(seed)
    instructor = await place.school.person("instructor")
    file = await upload(instructor, film(size="1280x720", seconds=8))
    # A third attempt that ends its worker is the last one.
    for _ in range(2):
        before = set(place.scratch.iterdir())
        worker = await place.start_worker()
        await now_or_later(lambda before=before: set(place.scratch.iterdir()) - before)  # type: ignore[misc]
        await asyncio.sleep(moments.uniform(0, 5))
        await place.kill(worker)

    async def is_done() -> bool:
        return bool((await row_of(place.school, file))["status"] == "done")

    await finish(place, is_done=is_done)
    await check_video(place, instructor, file, names=["360p", "720p"], sizes=["1280x720", "640x360"])
    await check_after_a_day(place, fake_clock)


def large_archive() -> bytes:
    """Return an archive of a course with a film, a picture, and two texts that take a moment to store."""
    contents = {
        "files/1.mp4": ("video", film(seconds=1)),
        "files/2.png": ("image", picture()),
        "files/3.txt": ("file", b"a line of a text\n" * (40 * MEBIBYTE // 17)),
        "files/4.txt": ("file", b"a line of more text\n" * (40 * MEBIBYTE // 20)),
    }
    said = manifest(
        files=[described(name, kind, content) for name, (kind, content) in contents.items()],
        materials=[{"title": name, "file": f"files/{name}.txt"} for name in ("3", "4")],
    )
    entries = [
        ("course.json", msgspec.json.encode(said)),
        *((name, content) for name, (_, content) in contents.items()),
    ]
    return zipped(entries, ZIP_STORED)


async def begin_import(place: Place, instructor: Person) -> str:
    file = await upload(instructor, large_archive(), "course.zip", kind="archive")
    answer = await instructor.post("/courses/import", json={"file_id": file["id"]})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])


async def courses_of(instructor: Person) -> list[Any]:
    answer = await instructor.get("/courses?mine=true")
    items: list[Any] = answer.json()["items"]
    return items


async def check_course(place: Place, instructor: Person, task_id: str) -> None:
    """See that there is one course with all that belongs to it, and nothing else."""
    [course] = await courses_of(instructor)
    task = (await instructor.get(f"/tasks/{task_id}")).json()
    assert (task["status"], task["result"]["course_id"]) == ("done", course["id"])
    sections = (await instructor.get(f"/courses/{course['id']}/sections")).json()["items"]
    materials = (await instructor.get(f"/materials?course_id={course['id']}")).json()["items"]
    assert [len(each["videos"]) for each in sections] == [1]
    assert sorted(each["title"] for each in materials) == ["3", "4"]
    async with place.school.db() as db:
        driver = await db.driver()
        kinds = await driver.fetch("SELECT kind, count(*) AS count FROM media.files GROUP BY kind ORDER BY kind")
        assert [tuple(row) for row in kinds] == [("archive", 1), ("file", 2), ("image", 1), ("video", 1)]


async def test_an_import_whose_worker_is_killed_becomes_one_course(place: Place, fake_clock: FakeClock) -> None:
    instructor = await place.school.person("instructor")
    task_id = await begin_import(place, instructor)
    first = await place.start_worker()
    # Three of its files take no time; the first of the texts is half there.
    await now_or_later(lambda: place.incoming() > 4 * MEBIBYTE)
    await place.kill(first)
    assert place.incoming() > 4 * MEBIBYTE
    assert await courses_of(instructor) == []

    async def is_done() -> bool:
        assert len(await courses_of(instructor)) <= 1
        return bool((await instructor.get(f"/tasks/{task_id}")).json()["status"] == "done")

    await finish(place, is_done=is_done)
    await check_course(place, instructor, task_id)
    await check_after_a_day(place, fake_clock)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(8))
async def test_an_import_survives_kills_at_any_moment(place: Place, fake_clock: FakeClock, seed: int) -> None:
    moments = random.Random(seed)
    instructor = await place.school.person("instructor")
    task_id = await begin_import(place, instructor)
    for _ in range(3):
        worker = await place.start_worker()
        await asyncio.sleep(moments.uniform(2, 6))
        await place.kill(worker)
        courses = await courses_of(instructor)
        assert len(courses) <= 1
        for course in courses:
            sections = (await instructor.get(f"/courses/{course['id']}/sections")).json()["items"]
            assert [len(each["videos"]) for each in sections] == [1]

    async def is_done() -> bool:
        return bool((await instructor.get(f"/tasks/{task_id}")).json()["status"] == "done")

    await finish(place, is_done=is_done)
    await check_course(place, instructor, task_id)
    await check_after_a_day(place, fake_clock)
