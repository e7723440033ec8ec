"""Events that a test sees, and background work that it runs."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from kernel.events import Event, publish
from kernel.ids import new_id
from kernel.tasks import enqueue
from kernel.testing import Person, Recorder, School, Settle
from tests.kernel.testing.club import WELCOME, Guest, Joined, Welcomed


async def join(person: Person, wish: str) -> None:
    await person.post("/club/members", json={"wish": wish})


async def test_settle_runs_listeners_tasks_and_what_they_bring_about(
    student: Person, recorder: Recorder, settle: Settle
) -> None:
    await join(student, "soon")
    assert recorder.events == [Joined(user_id=student.id, wish="soon")]

    assert await settle() == []

    assert recorder.events == [Joined(user_id=student.id, wish="soon"), Welcomed(user_id=student.id)]
    assert recorder.of(Welcomed) == [Welcomed(user_id=student.id)]


async def test_recorder_hears_nothing_of_what_was_rolled_back(student: Person, recorder: Recorder) -> None:
    await join(student, "a refusal")

    assert recorder.events == []


async def test_recorder_tells_schools_apart(school: School, other_school: School, recorder: Recorder) -> None:
    here, there = await school.person("student"), await other_school.person("student")
    await join(here, "soon")
    await join(there, "soon")

    assert recorder.of_school(school) == [Joined(user_id=here.id, wish="soon")]
    assert recorder.of_school(other_school) == [Joined(user_id=there.id, wish="soon")]
    recorder.clear()
    assert recorder.events == []


@dataclass
class Ring:
    """Something that JSON does not bring back."""

    size: int


class Promised(Event, frozen=True, kw_only=True):
    """An event that no listener could read."""

    name: ClassVar[str] = "club.promised"

    ring: object


async def test_recorder_shows_an_event_as_it_arrives(school: School, recorder: Recorder) -> None:
    async with school.db() as db:
        await publish(db, Promised(ring=Ring(7)))

    assert recorder.events == [Promised(ring={"size": 7})]


async def test_what_waits_for_its_time_is_brought_forward(
    student: Person, school: School, recorder: Recorder, settle: Settle
) -> None:
    await join(student, "later")
    await settle()
    assert recorder.of(Welcomed) == []

    await school.bring_forward()
    await settle()

    assert recorder.of(Welcomed) == [Welcomed(user_id=student.id)]


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ("nothing", "The listener club.plan_welcome failed: builtins.ValueError in club.py:"),
        ("a welcome that fails", "The task club.welcome failed: builtins.ValueError in club.py:"),
    ],
)
async def test_settle_fails_with_what_failed(student: Person, settle: Settle, wish: str, sentence: str) -> None:
    await join(student, wish)

    with pytest.raises(AssertionError) as failure:
        await settle()

    assert str(failure.value).startswith(sentence)
    assert await settle(may_fail=True) == [str(failure.value)]


async def test_settle_runs_the_tasks_of_its_school_alone(
    school: School, other_school: School, recorder: Recorder
) -> None:
    for each in (school, other_school):
        async with each.db() as db:
            await enqueue(db, WELCOME, Guest(new_id(), "soon"))

    await school.settle()

    assert (len(recorder.of_school(school)), len(recorder.of_school(other_school))) == (1, 0)


async def test_task_that_enqueues_itself_at_once_is_told(
    student: Person, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernel.testing.settling._MOST_JOBS", 3)
    await join(student, "again")

    with pytest.raises(
        AssertionError, match=r"^3 jobs ran and more are due: does club\.welcome enqueue itself at once\?$"
    ):
        await settle()
