"""The hooks, as a plugin of somebody else uses them: the sample's page, entry and card; and what is refused."""

from types import ModuleType

import pytest

from kernel.db import Db
from kernel.hookspecs import hookimpl
from kernel.plugin import Plugin, PluginError
from kernel.testing import AppFactory
from polls import plugin
from tests.plugins.portal.test_portal_pages import open_page


async def show_nothing() -> tuple[str, dict[str, object]]:
    return "mine/none.html", {}


async def test_a_plugin_has_pages_entries_and_cards_where_it_acts(app_with: AppFactory) -> None:
    school = await (await app_with(plugin, "portal")).school()
    instructor, student = await school.person("instructor"), await school.person("student")
    assert "/polls" in (await open_page(student.client, "/dashboard")).text
    assert "Newest polls" not in (await open_page(student.client, "/dashboard")).text
    asked = {"question": "Tea <b>or</b> coffee?", "options": ["Tea", "Coffee"]}
    made = await instructor.post("/polls", json=asked)
    assert made.status_code == 201, made.text
    for person in (instructor, student):
        dashboard = (await open_page(person.client, "/dashboard")).text
        assert "Newest polls" in dashboard
        assert "Tea &lt;b&gt;or&lt;/b&gt; coffee?" in dashboard
        assert "coffee?" in (await open_page(person.client, "/polls")).text

    await school.switch_off("polls")
    gone = (await open_page(student.client, "/dashboard")).text
    assert "polls" not in gone.lower()
    assert (await open_page(student.client, "/polls")).status_code == 404


async def break_down(db: Db, _actor: object, _subject: object) -> None:
    await (await db.driver()).execute("SELECT 1 / 0")


async def test_a_part_that_fails_leaves_the_page_whole(app_with: AppFactory) -> None:
    module = ModuleType("mine")
    module.__file__ = __file__
    vars(module)["PLUGIN"] = Plugin(name="mine", version="1", kernel=">=1", summary="Mine.")

    def register_slots() -> list[dict[str, object]]:
        return [{"slot": "dashboard.main", "fill": break_down, "access": "signed_in", "order": 1}]

    vars(module)["register_slots"] = hookimpl(optionalhook=True)(register_slots)
    school = await (await app_with(module, plugin, "portal")).school()
    instructor = await school.person("instructor")
    made = await instructor.post("/polls", json={"question": "Tea or coffee?", "options": ["Tea", "Coffee"]})
    assert made.status_code == 201, made.text
    dashboard = await open_page(instructor.client, "/dashboard")
    assert dashboard.status_code == 200
    assert "A part of this page could not be loaded." in dashboard.text
    assert "Tea or coffee?" in dashboard.text


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ({"path": "/mine", "handler": show_nothing}, "access"),
        ({"path": "/mine", "handler": show_nothing, "access": "visitor"}, "must be a permission"),
        ({"path": "/profile", "handler": show_nothing, "access": "public"}, "page_profile"),
    ],
    ids=["without access", "of no kind", "taken"],
)
async def test_a_page_that_cannot_be_does_not_start(app_with: AppFactory, page: dict[str, object], reason: str) -> None:
    module = ModuleType("mine")
    module.__file__ = __file__
    vars(module)["PLUGIN"] = Plugin(name="mine", version="1", kernel=">=1", summary="Mine.")

    def register_pages() -> list[dict[str, object]]:
        return [page]

    vars(module)["register_pages"] = hookimpl(optionalhook=True)(register_pages)
    with pytest.raises(PluginError, match=reason):
        await app_with(module, "portal")
