"""Tasks that people follow: how far one is, what came of it, why it failed; and who may ask."""

from collections.abc import AsyncIterator, Callable

import pytest
from msgspec.structs import replace

from kernel.auth import Actor
from kernel.db import Origin
from kernel.embedded import Stack
from kernel.ids import new_id
from kernel.settings import Settings
from kernel.task_overview import task_page
from kernel.task_runs import VIEW_TASKS, TaskNotFound, TaskProgress, TaskStatus, prune, task_status
from kernel.tasks import Task, TaskContext, enqueue
from kernel.testing import School
from tests.kernel.conftest import Process, sign_in
from tests.kernel.probe.background import (
    ERRAND,
    WALK,
    Errand,
    Stage,
    background_settings,
    staged,
    until,
    working,
)


@pytest.fixture(scope="module")
async def own_settings(stack: Stack, settings: Settings) -> Settings:
    return await background_settings(stack, settings)


@pytest.fixture
async def stage(own_settings: Settings) -> AsyncIterator[Stage]:
    async with staged(own_settings) as stage:
        yield stage


def _actor(stage: Stage, **more: object) -> Actor:
    return Actor(stage.tenant.id, user_id=new_id(), **more)  # type: ignore[arg-type]


async def _start(stage: Stage, owner: Actor, act: str = "", *, task: Task[Errand] = ERRAND) -> object:
    async with stage.db() as db:
        return await enqueue(db, task, Errand("a", act), owner=owner)


async def _status(stage: Stage, actor: Actor, run_id: object) -> TaskStatus:
    async with stage.db() as db:
        return await task_status(db, actor, run_id)  # type: ignore[arg-type]


async def _is(stage: Stage, actor: Actor, run_id: object, status: str) -> bool:
    return (await _status(stage, actor, run_id)).status == status


async def test_an_owner_follows_a_task_to_its_result(stage: Stage) -> None:
    owner = _actor(stage)
    run_id = await _start(stage, owner, "return")
    waiting = await _status(stage, owner, run_id)

    async with working(stage):
        await until(lambda: _is(stage, owner, run_id, "done"))

    done = await _status(stage, owner, run_id)
    assert (waiting.name, waiting.status, waiting.result) == ("probe.errand", "queued", None)
    assert (done.status, done.result, done.error) == ("done", {"key": "a"}, None)
    assert done.finished_at is not None


async def test_progress_is_told_while_the_task_runs(stage: Stage) -> None:
    owner = _actor(stage)
    run_id = await _start(stage, owner, "take 1", task=WALK)

    async with working(stage):
        await until(lambda: _has_reported(stage, owner, run_id))
        running = await _status(stage, owner, run_id)

    assert (running.status, running.progress) == ("running", TaskProgress(1, 2, "there"))
    assert (await _status(stage, owner, run_id)).progress.done == 2


async def test_few_reports_of_many_are_written(stage: Stage, query_count: object) -> None:
    owner = _actor(stage)
    run_id = await _start(stage, owner)
    async with stage.db() as db:
        await (await db.driver()).execute("UPDATE kernel.task_runs SET status = 'running'")
    context = TaskContext(stage.deployment.database, Origin(stage.tenant.id), stage.tenant, run_id)  # type: ignore[arg-type]
    before = query_count()  # type: ignore[operator]

    for number in range(1000):
        await context.progress(number, 1000)

    assert query_count() - before == 1  # type: ignore[operator]
    assert (await _status(stage, owner, run_id)).progress == TaskProgress(0, 1000, "")


async def test_a_failed_task_says_so_without_what_the_error_quoted(stage: Stage) -> None:
    owner = _actor(stage)
    run_id = await _start(stage, owner, "fail")
    refused_id = await _start(stage, owner, "refuse")

    async with working(stage):
        await until(lambda: _all_are(stage, "queued", 1))
        first = await _status(stage, owner, run_id)
        await stage.make_due()
        await until(lambda: _all_are(stage, "failed", 2))

    assert (first.status, first.error) == ("queued", None)
    failed, refused = await _status(stage, owner, run_id), await _status(stage, owner, refused_id)
    assert failed.error == "It could not be done. An administrator can see the reason and start it again."
    assert refused.error == "The shop is closed."


async def test_a_second_start_under_the_same_key_leads_to_the_first(stage: Stage) -> None:
    owner, other = _actor(stage), _actor(stage)
    async with stage.db() as db:
        first = await enqueue(db, ERRAND, Errand("a"), owner=owner, dedupe_key="export")
        again = await enqueue(db, ERRAND, Errand("a"), owner=owner, dedupe_key="export")
        others = await enqueue(db, ERRAND, Errand("a"), owner=other, dedupe_key="export")

    assert first == again != others
    assert len(await stage.jobs()) == 2


async def test_only_the_owner_and_who_may_follow_all_see_a_task(stage: Stage) -> None:
    owner = _actor(stage)
    run_id = await _start(stage, owner)

    for actor in (_actor(stage, grants={VIEW_TASKS.name: "any"}), _actor(stage, is_operator=True)):
        assert await _is(stage, actor, run_id, "queued")
    for stranger in (_actor(stage), _actor(stage, grants={VIEW_TASKS.name: "own"})):
        with pytest.raises(TaskNotFound):
            await _status(stage, stranger, run_id)
        async with stage.db() as db:
            assert (await task_page(db, stranger, status=None, limit=20, offset=0)).total == 0
    async with stage.db() as db:
        own = await task_page(db, replace(owner, grants={VIEW_TASKS.name: "own"}), status="queued", limit=20, offset=0)
    assert [each.id for each in own.items] == [run_id]
    stage.tenant = await stage.new_tenant()
    with pytest.raises(TaskNotFound):
        await _status(stage, owner, run_id)


async def test_what_ended_a_week_ago_is_removed_and_what_waits_stays(stage: Stage) -> None:
    owner = _actor(stage)
    ids = [await _start(stage, owner) for _ in range(3)]
    async with stage.db() as db:
        driver = await db.driver()
        for run_id, age in zip(ids, ("8 days", "6 days"), strict=False):
            await driver.execute(
                f"UPDATE kernel.task_runs SET status = 'done', finished_at = now() - interval '{age}' WHERE id = $1",
                run_id,
            )
        await driver.execute("UPDATE kernel.task_runs SET created_at = now() - interval '30 days'")
        await prune(db)

    with pytest.raises(TaskNotFound):
        await _status(stage, owner, ids[0])
    assert [(await _status(stage, owner, each)).status for each in ids[1:]] == ["done", "queued"]


async def test_a_result_that_is_no_handful_of_ids_fails_the_task(stage: Stage) -> None:
    owner = _actor(stage)
    run_id = await _start(stage, owner, "return too much")

    async with working(stage):
        await until(lambda: _all_are(stage, "queued", 1))

    assert await stage.traces() == []
    assert await _is(stage, owner, run_id, "queued")


async def test_the_route_answers_its_owner_alone(lab: Process, school: School) -> None:
    owner, other, admin = [await sign_in(school, role) for role in ("student", "student", "admin")]
    async with school.db() as db:
        run_id = await enqueue(db, ERRAND, Errand("a"), owner=Actor(school.id, user_id=owner.user_id))
    client = await lab.client(school)
    path = f"/tasks/{run_id}"

    answers = [await client.get(path, headers=each.headers) for each in (owner, other, admin)]
    assert [answer.status_code for answer in answers] == [200, 404, 200]
    assert (await client.get(path)).status_code == 401
    assert {**answers[0].json(), "created_at": ""} == {
        "id": str(run_id),
        "name": "probe.errand",
        "status": "queued",
        "progress": {"done": None, "total": None, "note": ""},
        "result": None,
        "error": None,
        "created_at": "",
        "finished_at": None,
    }
    stranger = await sign_in(elsewhere := await lab.school(), "admin")
    assert (await (await lab.client(elsewhere)).get(path, headers=stranger.headers)).status_code == 404


async def test_administrators_see_everybodys_tasks_by_status(
    lab: Process, school: School, query_count: Callable[[], int]
) -> None:
    admin, student = await sign_in(school, "admin"), await sign_in(school, "student")
    client = await lab.client(school)
    made = []
    for number in range(3):
        async with school.db() as db:
            owner = Actor(school.id, user_id=student.user_id)
            made.append(str(await enqueue(db, ERRAND, Errand(str(number)), owner=owner)))
    await client.get("/tasks", headers=admin.headers)

    before = query_count()
    page = (await client.get("/tasks", headers=admin.headers)).json()
    cost = query_count() - before
    first = (await client.get("/tasks?limit=1&offset=1&status=queued", headers=admin.headers)).json()
    done = (await client.get("/tasks?status=done", headers=admin.headers)).json()

    assert ([each["id"] for each in page["items"]], page["total"], cost) == (made[::-1], 3, 2)
    assert ([each["id"] for each in first["items"]], first["total"], done["items"]) == ([made[1]], 3, [])
    assert (await client.get("/tasks?status=lost", headers=admin.headers)).status_code == 400
    assert (await client.get("/tasks", headers=student.headers)).status_code == 403
    stranger = await sign_in(elsewhere := await lab.school(), "admin")
    assert (await (await lab.client(elsewhere)).get("/tasks", headers=stranger.headers)).json()["total"] == 0


async def _has_reported(stage: Stage, owner: Actor, run_id: object) -> bool:
    return (await _status(stage, owner, run_id)).progress.done is not None


async def _all_are(stage: Stage, status: str, attempts: int) -> bool:
    return {job[1:] for job in await stage.jobs()} == {(status, attempts)}
