"""The pages of administration as HTML: who may open them, what they say, that many rows cost as much as one."""

import re
from collections.abc import Callable
from csv import DictReader
from html import unescape
from io import StringIO
from typing import Any

import httpx
import msgspec
import pytest

from kernel.choices import shown
from kernel.deployment import Deployment
from kernel.ids import new_id
from kernel.tasks import enqueue
from kernel.testing import Person, School, SchoolFactory
from plugins.admin.pages.setting_fields import SettingField, fields_of
from plugins.admin.schemas import SettingsCategory
from plugins.courses.actions.exporting import EXPORT, CourseToExport
from plugins.portal.site import Site
from tests.plugins.portal.test_portal_pages import open_page

ADMINS = (
    "/admin/settings",
    "/admin/settings/general",
    "/admin/settings/mail",
    "/admin/settings/payment",
    "/admin/settings/security",
    "/admin/settings/auth",
    "/admin/settings/media",
    "/admin/settings/courses",
    "/admin/settings/codes",
    "/admin/mail-templates",
    "/admin/mail-templates/auth.invitation",
    "/admin/roles",
    "/admin/plugins",
    "/admin/tasks",
    "/admin/tasks/failed",
    "/admin/audit",
)
OPERATORS = ("/admin/tenants", "/admin/tenants/new")


async def statuses(client: httpx.AsyncClient, paths: tuple[str, ...]) -> dict[str, int]:
    return {path: (await open_page(client, path)).status_code for path in paths}


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("instructor", 403), ("student", 403), ("", 302)])
async def test_pages_are_for_administrators(school: School, role: str, status: int) -> None:
    client = (await school.person(role)).client if role else await school.client()
    assert await statuses(client, ADMINS) == dict.fromkeys(ADMINS, status)


async def test_tenants_are_for_operators_and_nobody_else_sees_the_entry(
    school: School, admin: Person, operator: Person
) -> None:
    assert await statuses(admin.client, OPERATORS) == dict.fromkeys(OPERATORS, 403)
    assert await statuses(operator.client, OPERATORS) == dict.fromkeys(OPERATORS, 200)
    assert "/admin/tenants" not in (await open_page(admin.client, "/admin/plugins")).text
    page = (await open_page(operator.client, f"/admin/tenants/{school.id}")).text
    assert "You are signed in here." in page
    assert (await open_page(operator.client, f"/admin/tenants/{new_id()}")).status_code == 404


async def test_nothing_is_there_where_the_plugin_is_off(new_school: SchoolFactory) -> None:
    school = await new_school(plugins=["auth", "portal"])
    person = await school.person("admin", is_operator=True)
    assert await statuses(person.client, ADMINS + OPERATORS) == dict.fromkeys(ADMINS + OPERATORS, 404)
    dashboard = (await open_page(person.client, "/dashboard")).text
    assert [path for path in ADMINS + OPERATORS if f'"{path}"' in dashboard] == []


async def test_settings_of_a_plugin_that_is_off_are_not_there(new_school: SchoolFactory) -> None:
    school = await new_school(plugins=["auth", "admin", "portal"])
    admin = await school.person("admin")
    page = (await open_page(admin.client, "/admin/settings")).text
    assert "/admin/settings/auth" in page
    assert "/admin/settings/courses" not in page
    assert (await open_page(admin.client, "/admin/settings/courses")).status_code == 404


async def test_secrets_are_never_on_the_page(new_school: SchoolFactory) -> None:
    mail = {"host": "mail.example.org", "from_address": "a@example.org", "password": "the-word"}
    school = await new_school(settings={"mail": mail})
    admin = await school.person("admin")
    page = (await open_page(admin.client, "/admin/settings/mail")).text
    assert "mail.example.org" in page
    assert "the-word" not in page
    assert 'value="***"' in page


async def test_limits_are_for_operators(school: School, admin: Person, operator: Person) -> None:
    theirs = (await open_page(admin.client, "/admin/settings/security")).text
    assert "Only an operator may change this." in theirs
    assert 'name="security.rate_limits.api_per_minute"' not in theirs
    assert 'name="security.audit_log_days"' in theirs
    ours = (await open_page(operator.client, "/admin/settings/security")).text
    assert 'name="security.rate_limits.api_per_minute"' in ours


async def test_every_setting_has_a_field(school: School, operator: Person) -> None:
    schema = (await operator.get("/settings/schema")).json()["categories"]
    values = (await operator.get("/settings")).json()
    for category in schema:
        page = (await open_page(operator.client, f"/admin/settings/{category['category']}")).text
        names = {name.removesuffix("[]") for name in re.findall(r'name="([^"]+)"', page)}
        for name, value in values[category["category"]].items():
            path = f"{category['category']}.{name}"
            expected = [f"{path}.{part}" for part in value] if isinstance(value, dict) else [path]
            assert set(expected) <= names, path


async def test_what_became_of_a_template_is_told(school: School, admin: Person) -> None:
    words = {"subject": "Welcome", "body": "Here: {{link}}"}
    assert (await admin.client.put("/mail-templates/auth.invitation", json=words)).status_code == 200
    page = (await open_page(admin.client, "/admin/mail-templates/auth.invitation?locale=en")).text
    assert "Your own words" in page
    assert "Here: {{link}}" in page
    assert "In your own words: en" in (await open_page(admin.client, "/admin/mail-templates")).text
    assert (await open_page(admin.client, "/admin/mail-templates/none.such")).status_code == 404


async def test_audit_log_is_filtered_and_keeps_its_secrets(school: School, other_school: School) -> None:
    admin, stranger = await school.person("admin"), await other_school.person("admin")
    await admin.patch(f"/users/{admin.id}", json={"city": "Alexandria"})
    await stranger.patch(f"/users/{stranger.id}", json={"city": "Elsewhere"})
    await admin.patch("/settings", json={"mail": {"username": "post", "password": "the-word"}})
    everything = (await open_page(admin.client, "/admin/audit")).text
    assert "Alexandria" in everything
    assert "Elsewhere" not in everything
    assert "the-word" not in everything
    settings = (await open_page(admin.client, "/admin/audit?action=kernel.settings.updated")).text
    assert "Alexandria" not in settings
    assert "***" in settings
    by = (await open_page(admin.client, f"/admin/audit?user={admin.id}&entity=auth.user_profiles")).text
    assert by.count('<details class="entry"') == 1
    entry = (await admin.get("/audit-logs?entity=auth.user_profiles&action=auth.user_profiles.updated")).json()["items"]
    request = entry[0]["request_id"]
    of_request = (await admin.get("/audit-logs", params={"request": request})).json()["items"]
    assert {each["request_id"] for each in of_request} == {request}
    assert "Alexandria" in (await open_page(admin.client, f"/admin/audit?request={request}")).text
    page = (await open_page(admin.client, f"/admin/audit?request={request}&from=2000-01-01&to=2999-12-31")).text
    export = next(part for part in page.split('"') if part.startswith("/api/v1/audit-logs/export"))
    exported = await admin.get(unescape(export.removeprefix("/api/v1")))
    assert exported.status_code == 200, exported.text
    assert {row["id"] for row in DictReader(StringIO(exported.text))} == {each["id"] for each in of_request}
    for day in ("2000-01-01", "no-day", "9999-12-31"):
        assert (await open_page(admin.client, f"/admin/audit?from={day}&to={day}")).status_code == 200
    assert "Nothing fits these filters" in (await open_page(admin.client, "/admin/audit?to=2000-01-01")).text


async def test_failed_work_waits_on_the_dashboard(school: School, admin: Person, student: Person) -> None:
    assert "/admin/tasks/failed" not in (await open_page(admin.client, "/dashboard")).text
    await fail(school, admin, 2)
    dashboard = (await open_page(admin.client, "/dashboard")).text
    assert "2 tasks failed" in dashboard
    assert "Export a course" in (await open_page(admin.client, "/admin/tasks/failed")).text
    assert "Export a course" in (await open_page(admin.client, "/admin/tasks?status=failed")).text
    assert "tasks failed" not in (await open_page(student.client, "/dashboard")).text


async def test_a_plugin_that_is_set_aside_waits_on_the_dashboard(
    school: School, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(school.deployment.set_aside, "broken", "Plugin 'broken' (/srv/broken.py): it is broken.")
    assert "1 plugin is set aside" in (await open_page(admin.client, "/dashboard")).text
    page = (await open_page(admin.client, "/admin/plugins")).text
    assert "It is not available. The operator knows why." in page
    assert "/srv/broken.py" not in page


async def test_many_rows_cost_as_much_as_one(school: School, admin: Person, query_count: Callable[[], int]) -> None:
    async def cost(path: str) -> int:
        await open_page(admin.client, path)
        before = query_count()
        assert (await open_page(admin.client, path)).status_code == 200
        return query_count() - before

    paths = ("/admin/tasks", "/admin/tasks/failed", "/admin/audit", "/dashboard")
    await fail(school, admin, 1)
    few = {path: await cost(path) for path in paths}
    await fail(school, admin, 30)
    assert {path: await cost(path) for path in paths} == few


async def fail(school: School, owner: Person, times: int) -> None:
    async with school.db() as db:
        for _ in range(times):
            await enqueue(db, EXPORT, CourseToExport(new_id(), None, owner.id, None), owner=owner.actor)
    await school.settle(may_fail=True)


def said_by(fields: list[SettingField]) -> set[str]:
    said: set[str] = set()
    for field in fields:
        said |= {field.label, field.hint, field.unit}
        said |= {text for _, text in field.options} if field.widget in ("choice", "choices") else set()
        said |= said_by([*field.fields])
    return said


def test_what_the_pages_take_from_plugins_has_its_arabic(deployment: Deployment) -> None:
    registry = deployment.registry
    said: set[str] = set()
    choices: Any = {"timezone": {}, "locale": {}}
    for spec in registry.settings:
        schema = msgspec.json.schema(spec.kind)
        category = SettingsCategory(spec.category, spec.title, spec.operator, spec.public, schema)
        values = {name: value for name, value in shown(spec, spec.kind()).items() if name not in ("timezone", "locale")}
        said |= {spec.title} | said_by(fields_of(category, values, is_operator=True, choices=choices))
    said |= {each.title for each in registry.permissions}
    for template in registry.mail_templates.values():
        said |= {template.title, *template.placeholders.values()}
    for plugin in registry.plugins:
        said |= {plugin.manifest.summary, plugin.manifest.shown}
    arabic = Site(deployment).languages.catalogue("ar")
    ours = {each for each in said if each and each.isascii() and not each[0].isdigit()}
    assert {each for each in ours if arabic.gettext(each) == each} - {
        "A4",
        "Letter",
        "OAuth 2",
        "OpenID Connect",
        "STARTTLS",
        "TLS",
        "UTC",
        "en",
    } == set()
