"""What polls are to the rest: switched off and on, asked by others, shown in the demonstration."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any
from uuid import UUID

from kernel.auth import Actor
from kernel.db import Db
from kernel.hookspecs import hookimpl
from kernel.plugin import Plugin
from kernel.testing import App, AppFactory, Person, School, check_conformance
from polls import plugin
from polls.api import BallotRule
from polls.demo import STEPS
from polls_tests.ballots import Ballot, ask, make_ballot


async def test_polls_conform(app: App) -> None:
    assert await check_conformance(app, "polls") == ["polls"]


async def test_switched_off_for_one_school_polls_are_gone_there(school: School, other_school: School) -> None:
    here, there = await school.person("instructor"), await other_school.person("instructor")
    kept = await make_ballot(here)

    await school.switch_off("polls")
    assert (await ask(here, "GET", "/polls", status=404))["code"] == "plugin_not_enabled"
    assert (await ask(there, "GET", "/polls"))["total"] == 0

    await school.switch_on("polls")
    assert [each["id"] for each in (await ask(here, "GET", "/polls"))["items"]] == [kept.id]


def admitting(role: str) -> ModuleType:
    """Return a plugin that contributes a rule to polls: one role alone may vote."""

    async def admits(_db: Db, actor: Actor, _poll_id: UUID) -> bool:
        return actor.role == role

    @hookimpl(optionalhook=True)
    def register_ballot_rules() -> Sequence[BallotRule]:
        return [BallotRule("quorum.role", "Not for your role.", admits)]

    module = ModuleType("quorum.plugin")
    module.__file__ = "/site/quorum/plugin.py"
    manifest = Plugin(name="quorum", version="1.0.0", kernel=">=1,<2", summary="Says who may vote.")
    vars(module).update(PLUGIN=manifest, register_ballot_rules=register_ballot_rules)
    return module


async def test_other_plugins_say_who_may_vote_where_they_act(app_with: AppFactory) -> None:
    app = await app_with(plugin, admitting("instructor"))
    school = await app.school()
    ballot = await make_ballot(await school.person("instructor"))
    student = await school.person("student")

    refused = await ballot.vote(student, status=403)
    assert (refused["code"], refused["detail"]) == ("polls.not_admitted", "Not for your role.")
    await ballot.vote(await school.person("instructor"))

    await school.switch_off("quorum")
    await ballot.vote(student)


async def test_file_of_a_person_says_that_they_take_part(
    ballot: Ballot, student: Person, admin: Person, school: School
) -> None:
    async def parts() -> dict[str, Any]:
        found = await ask(admin, "GET", f"/users/{student.id}/file")
        return {part["name"]: part for part in found["sections"]}

    assert "polls.participation" not in await parts()
    await ballot.vote(student)
    assert (await parts())["polls.participation"]["data"]["polls_voted_in"] == 1

    await school.switch_off("polls")
    assert "polls.participation" not in await parts()


async def test_demonstration_has_one_poll_however_often_it_is_made(school: School) -> None:
    instructor = await school.person("instructor", email="instructor@example.com")
    [step] = STEPS

    for _ in range(2):
        async with school.db() as db:
            await step.run(db)

    page = await ask(instructor, "GET", "/polls")
    assert [(each["question"], each["author_id"]) for each in page["items"]] == [
        ("When shall we meet for the live lesson?", str(instructor.id))
    ]
