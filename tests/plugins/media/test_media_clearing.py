"""What is cleared up: files that nothing uses, and objects that belong to nothing."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Table

from kernel import clock
from kernel.deployment import Deployment
from kernel.ids import new_id
from kernel.storage import ObjectStat
from kernel.tables import metadata
from kernel.tasks import NoPayload, Task, enqueue
from kernel.testing import AppFactory, FakeClock, Person, School, SchoolFactory
from plugins.media.library import told_uses
from plugins.media.tasks import DELETE_UNUSED_FILES, REMOVE_LOST_OBJECTS
from tests.plugins.courses.conftest import ask
from tests.plugins.media.conftest import Leftovers, mp4, picture, upload
from tests.plugins.media.test_media_library import used_by
from tests.plugins.media.test_media_resuming import begun, send
from tests.s3 import S3Server, s3_server

__all__ = ["s3_server"]


async def run(school: School, task: Task[NoPayload]) -> None:
    """Do a task of the schedule, and what it enqueues."""
    async with school.db() as db:
        await enqueue(db, task, NoPayload())
    await school.settle()


async def files_of(school: School) -> set[str]:
    """Return the ids of all files that there are."""
    async with school.db() as db:
        return {str(each) for each in await (await db.driver()).fetch("SELECT id FROM media.files") for each in each}


async def keys_of(school: School) -> list[str]:
    """Return the keys in the storage, without the tenant."""
    storage = school.deployment.storage
    return sorted([key.removeprefix(f"{school.id}/") async for key in storage.list_keys(f"{school.id}/")])


async def test_old_files_that_nothing_uses_are_deleted(
    school: School, instructor: Person, other_school: School, fake_clock: FakeClock, leftovers: Leftovers
) -> None:
    course, used = await used_by(instructor)
    unused = await upload(instructor, picture(1000, 500), kind="image")
    elsewhere = await upload(await other_school.person("instructor"), mp4())
    fake_clock.advance(days=6)
    await run(school, DELETE_UNUSED_FILES)
    assert await files_of(school) == {*used.values(), unused["id"]}
    fake_clock.advance(days=2)
    await run(school, DELETE_UNUSED_FILES)
    assert await files_of(school) == set(used.values())
    assert await leftovers(school) == (5, 3, 0)  # the cover has two thumbnails
    assert await files_of(other_school) == {elsewhere["id"]}
    assert [each.action for each in await school.audit_log() if each.action == "media.files.deleted"] != []
    async with school.db() as db:
        driver = await db.driver()
        await driver.execute("DELETE FROM courses.courses WHERE id = $1", course.id)
    await run(school, DELETE_UNUSED_FILES)
    assert await leftovers(school) == (0, 0, 0)


async def test_tenant_may_keep_all(new_school: SchoolFactory, fake_clock: FakeClock) -> None:
    school = await new_school(settings={"media": {"keep_unused_days": 0}})
    file = await upload(await school.person("instructor"), mp4())
    fake_clock.advance(days=4000)
    await run(school, DELETE_UNUSED_FILES)
    assert await files_of(school) == {file["id"]}


async def test_nothing_is_deleted_while_plugins_cannot_be_asked(
    school: School, instructor: Person, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await upload(instructor, mp4())
    fake_clock.advance(days=8)
    with monkeypatch.context() as patched:
        patched.setitem(school.deployment.set_aside, "quizzes", "It is bad.")
        await run(school, DELETE_UNUSED_FILES)
    assert await files_of(school) == {file["id"]}
    await run(school, DELETE_UNUSED_FILES)
    assert await files_of(school) == set()


async def test_nothing_is_deleted_where_a_plugin_is_not_loaded(app_with: AppFactory, fake_clock: FakeClock) -> None:
    """The database has tables of courses, which are not loaded, so nobody can say what they show."""
    school = await (await app_with("media")).school()
    file = await upload(await school.person("instructor"), mp4())
    fake_clock.advance(days=8)
    await run(school, DELETE_UNUSED_FILES)
    assert await files_of(school) == {file["id"]}


async def test_uses_of_a_plugin_that_is_off_count(school: School, instructor: Person, fake_clock: FakeClock) -> None:
    _, used = await used_by(instructor)
    await school.switch_off("courses")
    fake_clock.advance(days=8)
    await run(school, DELETE_UNUSED_FILES)
    assert await files_of(school) == set(used.values())


async def test_use_that_nobody_tells_stops_neither_the_rest_nor_loses_its_file(
    school: School, instructor: Person, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, used = await used_by(instructor)
    for _ in range(3):
        await upload(instructor, b"Read me.", "notes.txt", kind="file")
    for module in ("library", "actions.removal"):
        monkeypatch.setattr(f"plugins.media.{module}.told_uses", lambda db: told_uses(db)[:1])
    monkeypatch.setattr("plugins.media.actions.removal.MOST_AT_ONCE", 2)
    fake_clock.advance(days=8)
    await run(school, DELETE_UNUSED_FILES)
    assert await files_of(school) == set(used.values())


async def test_nothing_is_deleted_where_nobody_tells_uses(
    school: School, instructor: Person, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await upload(instructor, mp4())
    monkeypatch.setattr("plugins.media.actions.removal.told_uses", lambda db: ())
    fake_clock.advance(days=8)
    await run(school, DELETE_UNUSED_FILES)
    assert await files_of(school) == {file["id"]}


def test_everything_that_points_at_files_is_told_and_restricts(deployment: Deployment) -> None:
    """A foreign key from another plugin to a file, and no word about it, would be a file that disappears."""
    telling = {
        table
        for _, use in deployment.registry.contributions("register_file_uses")
        # The school's logo stands in its settings, which no key can point from.
        for table in (each.fullname for each in use.files.get_final_froms() if isinstance(each, Table))
    }
    keys = [
        key
        for table in metadata.tables.values()
        if table.schema != "media"
        for key in table.foreign_key_constraints
        if key.referred_table.fullname == "media.files"
    ]
    assert {key.table.fullname for key in keys} == telling
    # An import under way remembers files that its course does not show yet; when it is given up they go.
    assert {key.table.fullname for key in keys if key.ondelete != "RESTRICT"} == {"courses.imported_files"}


class Aged:
    """A storage whose objects are all so old."""

    def __init__(self, storage: Any, age: timedelta) -> None:
        self._storage, self._modified_at = storage, clock.now() - age

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    async def stat(self, key: str) -> ObjectStat:
        """Return what is known of an object."""
        stat = await self._storage.stat(key)
        return ObjectStat(key=key, size_bytes=stat.size_bytes, modified_at=self._modified_at)


async def put(school: School, *names: str) -> None:
    """Put objects below the tenant's prefix."""

    async def one() -> Any:
        yield b"x"

    for name in names:
        await school.deployment.storage.put(f"{school.id}/{name}", one(), content_type="text/plain", max_bytes=9)


async def _check_lost_objects(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await school.person("instructor")
    file = await upload(person, picture(1000, 500), kind="image")
    path = await begun(person, 1000)
    await send(person, path, 0, mp4(1000)[:500])
    async with school.db() as db:
        driver = await db.driver()
        begun_id = new_id()
        await driver.execute(
            "INSERT INTO media.uploads (tenant_id, id, storage_key) VALUES ($1, $2, $3)",
            school.id, begun_id, f"{school.id}/{begun_id}.mp4",
        )  # fmt: skip
    # Under way, and below a file that is there.
    await put(school, f"{begun_id}.mp4", f"{file['id']}/p720.m3u8")
    ours = await keys_of(school)
    foreign = [str(new_id()), f"{new_id()}.sqlite"]
    await put(school, *foreign, f"{new_id()}.mp4", f"{new_id()}/w320.webp", f"{new_id()}/{new_id()}")
    young = await keys_of(school)
    assert len(young) == len(ours) + 5
    for age, left in ((timedelta(days=6), young), (timedelta(days=8), sorted([*ours, *foreign]))):
        with monkeypatch.context() as patched:
            patched.setattr(school.deployment, "storage", Aged(school.deployment.storage, age))
            await run(school, REMOVE_LOST_OBJECTS)
        assert await keys_of(school) == left


async def test_objects_that_belong_to_nothing_are_removed_when_they_are_old(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.media.actions.lost_objects.MOST_AT_ONCE", 3)
    await _check_lost_objects(school, monkeypatch)


async def test_objects_that_belong_to_nothing_are_removed_from_a_bucket(
    app_with: AppFactory, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await app_with("media", storage_url=s3_server.new_url())
    await _check_lost_objects(await app.school(), monkeypatch)


async def test_bytes_whose_task_was_lost_are_removed_later(
    school: School, instructor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(*arguments: Any) -> None:
        """Enqueue nothing."""

    file = await upload(instructor, mp4())
    with monkeypatch.context() as patched:
        patched.setattr("plugins.media.actions.removal.enqueue", lose)
        await ask(instructor, "DELETE", f"/files/{file['id']}", status=204)
    await school.settle()
    assert await keys_of(school) == [f"{file['id']}.mp4"]
    monkeypatch.setattr(school.deployment, "storage", Aged(school.deployment.storage, timedelta(days=8)))
    await run(school, REMOVE_LOST_OBJECTS)
    assert await keys_of(school) == []
