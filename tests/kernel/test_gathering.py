"""Writing together: who waits for whom, what one transaction writes, and what is left to each alone."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import column, text

from kernel import gathering
from kernel.app import opened
from kernel.db import Db, Origin
from kernel.gathering import CROWD, ENOUGH, Entry, Gathering, gathered
from kernel.ids import new_id
from kernel.settings import Settings
from kernel.testing import School
from tests.kernel.conftest import LAB, Process
from tests.kernel.lab.statements import ADD_THING, THING_NAMES, Thing

TRANSACTION = text("SELECT CAST(pg_current_xact_id() AS text)").columns(column("id"))


class Stop(Exception):
    """Ends a transaction."""


async def record(db: Db, entries: Sequence[Entry[str]]) -> Sequence[str | None]:
    """Add a thing of each name, but for `odd`; return the number of the transaction."""
    for entry in entries:
        if entry.item == "poison":
            raise Stop
        if entry.item == "endless":
            await asyncio.Event().wait()
        if entry.item != "odd":
            await db.run(ADD_THING, id=new_id(), name=entry.item, size=1)
    number = str(await db.value(TRANSACTION))
    return [None if entry.item == "odd" else number for entry in entries]


async def forget(_db: Db, _entries: Sequence[Entry[str]]) -> Sequence[str | None]:
    return []


THINGS: Gathering[str, str] = Gathering(record)


async def report(
    school: School, item: str, person: UUID | None = None, kind: Gathering[str, str] = THINGS
) -> str | None:
    async with school.db(person or new_id()) as db:
        return await gathered(db, kind, item)


async def report_all(school: School, count: int) -> list[str | None]:
    """Let so many people report a thing each."""
    return await asyncio.gather(*(report(school, f"thing {number}") for number in range(count)))


async def names(school: School) -> list[str]:
    async with school.db() as db:
        return [str(each) for each in await db.values(THING_NAMES)]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long."""
    monkeypatch.setattr(gathering, "WAIT_S", 0.01)


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch, short: None) -> None:
    """Every one is a crowd."""
    monkeypatch.setattr(gathering, "CROWD", 0)


async def test_few_do_not_wait(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "WAIT_S", 3600)

    answers = await report_all(school, CROWD - 1)

    assert answers == [None] * (CROWD - 1)
    assert await names(school) == []


async def test_one_who_reports_often_is_no_crowd(school: School) -> None:
    somebody = new_id()

    assert [await report(school, "a thing", somebody) for _ in range(5 * CROWD)] == [None] * 5 * CROWD


@pytest.mark.usefixtures("short")
async def test_a_crowd_writes_in_one_transaction(school: School) -> None:
    answers = await asyncio.gather(*(report(school, f"thing {number:02}") for number in range(CROWD + 4)))

    assert answers[: CROWD - 1] == [None] * (CROWD - 1)
    together = answers[CROWD - 1 :]
    assert (None in together, len(set(together))) == (False, 1)
    assert sorted(await names(school)) == [f"thing {number:02}" for number in range(CROWD - 1, CROWD + 4)]


@pytest.mark.usefixtures("short")
async def test_a_crowd_is_one_in_the_next_second_and_then_no_more(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.9
    monkeypatch.setattr(gathering, "time", SimpleNamespace(monotonic=lambda: now))
    await report_all(school, CROWD)

    now = 1.0
    in_the_next = await report(school, "one more")
    now = 2.0
    after_a_second_of_one = await report(school, "a thing")
    await asyncio.gather(*(report(school, f"a thing {number}") for number in range(CROWD)))
    now = 4.0
    after_a_pause = await report(school, "a thing")

    assert in_the_next is not None
    assert (after_a_second_of_one, after_a_pause) == (None, None)


async def test_enough_wait_for_nobody_else(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "WAIT_S", 3600)
    monkeypatch.setattr(gathering, "CROWD", 0)

    answers = await report_all(school, ENOUGH)

    assert (None in answers, len(set(answers))) == (False, 1)


async def test_no_more_than_so_many_are_written_at_once(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "CROWD", 0)
    monkeypatch.setattr(gathering, "MOST", ENOUGH)

    answers = await report_all(school, 3 * ENOUGH)

    assert [len({*answers[start : start + ENOUGH]}) for start in range(0, 3 * ENOUGH, ENOUGH)] == [1, 1, 1]
    assert len(set(answers)) == 3


async def test_whoever_waits_holds_no_connection(lab: Process, school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "WAIT_S", 3600)
    monkeypatch.setattr(gathering, "CROWD", 0)
    waiting = [asyncio.create_task(report(school, f"thing {number}")) for number in range(ENOUGH - 1)]
    await asyncio.sleep(0)

    assert lab.deployment.database.primary.in_use == 0
    assert await report(school, "the last") is not None
    assert None not in await asyncio.gather(*waiting)


@pytest.mark.usefixtures("crowded")
async def test_what_is_left_out_is_left_to_its_request(school: School) -> None:
    first, odd, last = await asyncio.gather(*(report(school, name) for name in ("first", "odd", "last")))

    assert (first is None, odd, last is None) == (False, None, False)
    assert sorted(await names(school)) == ["first", "last"]


@pytest.mark.usefixtures("crowded")
async def test_a_failure_leaves_all_to_their_requests(school: School) -> None:
    answers = await asyncio.gather(*(report(school, name) for name in ("first", "poison", "last")))

    assert answers == [None, None, None]
    assert await names(school) == []
    assert await report(school, "later") is not None


@pytest.mark.usefixtures("crowded")
async def test_what_takes_too_long_is_given_up(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "LONGEST_S", 0.05)

    answers = await asyncio.gather(*(report(school, name) for name in ("first", "endless")))

    assert answers == [None, None]
    assert await names(school) == []


@pytest.mark.usefixtures("crowded")
async def test_answers_that_are_too_few_answer_nobody(school: School) -> None:
    careless = Gathering(forget)

    assert await asyncio.gather(*(report(school, "a thing", kind=careless) for _ in range(3))) == [None] * 3


async def test_one_who_gives_up_does_not_disturb_the_others(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "WAIT_S", 3600)
    monkeypatch.setattr(gathering, "CROWD", 0)
    waiting = [asyncio.create_task(report(school, f"thing {number}")) for number in range(ENOUGH - 1)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)

    assert await report(school, "the last") is not None
    assert None not in await asyncio.gather(*waiting[1:])


@pytest.mark.usefixtures("crowded")
async def test_tenants_write_apart(lab: Process, school: School) -> None:
    other = await lab.school()

    answers = await asyncio.gather(
        report(school, "one"), report(other, "two"), report(school, "three"), report(other, "four")
    )

    one, two, three, four = answers
    assert (one == three, two == four, one == two) == (True, True, False)
    assert None not in answers
    assert (sorted(await names(school)), sorted(await names(other))) == (["one", "three"], ["four", "two"])


async def test_nobody_waits_for_a_process_that_has_ended(
    lab_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "WAIT_S", 3600)
    monkeypatch.setattr(gathering, "CROWD", 0)
    async with opened(lab_settings, [LAB]) as deployment:
        tenant = await deployment.tenants.by_slug(deployment.settings.default_tenant)
        waiting: list[asyncio.Task[Any]] = []
        for item in ("first", "second"):
            db = Db(deployment.database.primary, Origin(tenant.id, new_id()), deployment, tenant)
            waiting.append(asyncio.create_task(gathered(db, THINGS, item)))
        await asyncio.sleep(0)

    assert all(
        isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*waiting, return_exceptions=True)
    )


async def test_many_rows_come_back_in_order_and_see_those_before(school: School) -> None:
    add_and_count = text(
        "WITH made AS (INSERT INTO lab.things (id, name, size) VALUES"
        " (CAST(:id AS uuid), CAST(:name AS text), (SELECT count(*) FROM lab.things)) RETURNING id, name, size)"
        " SELECT id, name, size FROM made"
    ).columns(column("id"), column("name"), column("size"))
    things = [Thing(new_id(), name, size) for size, name in enumerate("abc")]

    async with school.db() as db:
        made = await db.rows_many(Thing, add_and_count, [{"id": each.id, "name": each.name} for each in things])

    assert made == things
