"""Applications of few plugins, and the people of their schools."""

import re
from pathlib import Path
from types import ModuleType

import httpx
import pytest

import kernel
from kernel import PUBLIC, testing
from kernel.plugin import PluginError
from kernel.testing import App, AppFactory, Person, School
from tests.kernel.fakes import fake, route
from tests.kernel.testing import club


def loaded(app: App) -> list[str]:
    return [plugin.name for plugin in app.deployment.registry.plugins]


async def test_app_has_the_named_plugins_and_what_they_require(app_with: AppFactory) -> None:
    app = await app_with("media")
    admin = await (await app.school()).person("admin")

    assert loaded(app) == ["auth", "media"]
    assert (await admin.get("/users/me")).status_code == 200
    assert (await admin.get("/courses")).status_code == 404


async def test_app_of_a_plugin_that_is_not_installed(app: App, student: Person) -> None:
    assert loaded(app) == ["auth", "club"]
    assert (await student.post("/club/members", json={"wish": "soon"})).status_code == 204


async def test_app_is_made_once_for_the_same_plugins_and_settings(app_with: AppFactory) -> None:
    first = await app_with(club)

    assert await app_with(club) is first
    other = await app_with(club, max_body_bytes=1234)
    assert other is not first
    assert other.deployment.settings.max_body_bytes == 1234


async def test_app_refuses_a_bad_plugin_with_the_sentence_of_the_start(app_with: AppFactory) -> None:
    bad = fake("bad", register_routes=[route("/bad", guards=[])])

    with pytest.raises(PluginError, match=r"^Plugin 'bad' \(/site/bad/routes.py\): the route .* has neither requires"):
        await app_with(bad)
    with pytest.raises(PluginError, match=r"^Plugin 'quizzes' \(settings: plugins\): it is not installed"):
        await app_with("quizzes")
    with pytest.raises(TypeError, match=r"^nothing has no PLUGIN"):
        await app_with(ModuleType("nothing"))


async def test_each_role_may_what_its_permissions_say(
    admin: Person, instructor: Person, student: Person, operator: Person, anonymous: httpx.AsyncClient
) -> None:
    people = (admin, instructor, student, operator, anonymous)
    answers = [await each.post("/club/members", json={"wish": "soon"}) for each in people]

    assert [answer.status_code for answer in answers] == [403, 403, 204, 403, 401]
    assert [person.actor.may(club.JOIN) for person in (admin, instructor, student)] == [False, False, True]
    assert (student.actor.id, student.actor.role, operator.actor.is_operator) == (student.id, "student", True)


async def test_plugin_is_switched_off_and_on_for_one_school(school: School, other_school: School) -> None:
    here, there = await school.person("student"), await other_school.person("student")

    await school.switch_off("club")
    assert (await here.post("/club/members", json={"wish": "soon"})).json()["code"] == "plugin_not_enabled"
    assert (await there.post("/club/members", json={"wish": "soon"})).status_code == 204

    await school.switch_on("club")
    assert (await here.post("/club/members", json={"wish": "soon"})).status_code == 204


def test_page_for_authors_names_every_fixture_and_every_public_name() -> None:
    page = (Path(kernel.__file__).parents[1] / "docs" / "testing-a-plugin.md").read_text()
    fixtures = {name for name, value in vars(testing).items() if isinstance(value, type(testing.school))}

    assert len(fixtures) > 15
    names = fixtures | set(PUBLIC["kernel.testing"])
    assert {name for name in names if not re.search(rf"`(await )?{name}[`(.]", page)} == set()
