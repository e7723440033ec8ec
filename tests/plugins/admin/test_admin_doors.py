"""Every route of administration for every role, for nobody, for another tenant, and where the plugin is off."""

from typing import Any

import pytest

from kernel.ids import new_id
from kernel.testing import Mailbox, School, SchoolFactory

NOWHERE = new_id()
ADMINS: dict[str, tuple[str, str, Any]] = {
    "settings_get": ("GET", "/settings", None),
    "settings_update": ("PATCH", "/settings", {}),
    "settings_schema": ("GET", "/settings/schema", None),
    "roles_list": ("GET", "/roles", None),
    "roles_update": ("PATCH", "/roles/student", {"permissions": {}}),
    "plugins_list": ("GET", "/plugins", None),
    "audit_logs_list": ("GET", "/audit-logs", None),
    "audit_logs_export": ("GET", "/audit-logs/export", None),
    "mail_templates_list": ("GET", "/mail-templates", None),
    "mail_templates_get": ("GET", "/mail-templates/auth.invitation", None),
    "mail_templates_update": ("PUT", "/mail-templates/auth.invitation", {"subject": "X", "body": "{{link}}"}),
    "mail_templates_reset": ("DELETE", "/mail-templates/auth.invitation", None),
    "mail_templates_preview": (
        "POST",
        "/mail-templates/auth.invitation/preview",
        {"subject": "X", "body": "{{link}}"},
    ),
    "settings_test_mail": ("POST", "/settings/mail/test", {"to": "me@school.test"}),
}
OPERATORS: dict[str, tuple[str, str, Any, int]] = {
    "tenants_list": ("GET", "/tenants", None, 200),
    "tenants_create": ("POST", "/tenants", {"slug": "-", "name": "X", "hostnames": ["x.test"]}, 400),
    "tenants_get": ("GET", f"/tenants/{NOWHERE}", None, 404),
    "tenants_update": ("PATCH", f"/tenants/{NOWHERE}", {"name": "X"}, 404),
    "tenants_delete": ("DELETE", f"/tenants/{NOWHERE}?confirm=x", None, 404),
    "tenants_plugins": ("PUT", f"/tenants/{NOWHERE}/plugins", {"enabled": ["auth"]}, 404),
}
KERNELS: dict[str, tuple[str, str, Any]] = {
    "tasks_list": ("GET", "/tasks", None),
    "tasks_failures": ("GET", "/tasks/failures", None),
    "tasks_retry": ("POST", "/tasks/failures/retry", {"ids": ["1"]}),
}


def test_every_route_is_in_the_tables(school: School) -> None:
    routes = school.deployment.registry.routes["admin"]

    assert {str(route.operation_id) for route in routes} == {*ADMINS, *OPERATORS, "settings_public"}


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("instructor", 403), ("student", 403), ("", 401)])
async def test_administration_is_for_administrators(school: School, mailbox: Mailbox, role: str, status: int) -> None:
    person: Any = await school.person(role) if role else await school.client()

    found = {
        name: (await person.request(method, path, json=body)).status_code
        for name, (method, path, body) in {**ADMINS, **KERNELS}.items()
    }

    assert found == dict.fromkeys([*ADMINS, *KERNELS], status)
    assert (await person.get("/settings/public")).status_code == 200


@pytest.mark.parametrize("role", ["admin", "instructor", "student", ""])
async def test_tenants_are_for_operators(school: School, role: str) -> None:
    person: Any = await school.person(role) if role else await school.client()

    found = {
        name: (await person.request(method, path, json=body)).status_code
        for name, (method, path, body, _) in OPERATORS.items()
    }

    assert found == dict.fromkeys(OPERATORS, 403 if role else 401)


async def test_operators_may_whatever_their_role(school: School) -> None:
    person = await school.person("student", is_operator=True)

    found = {
        name: (await person.request(method, path, json=body)).status_code
        for name, (method, path, body, _) in OPERATORS.items()
    }

    assert found == {name: status for name, (_, _, _, status) in OPERATORS.items()}


async def test_nothing_is_there_where_the_plugin_is_off(new_school: SchoolFactory) -> None:
    school = await new_school(plugins=["auth"])
    operator = await school.person("admin", is_operator=True)
    doors = [*ADMINS.values(), *(door[:3] for door in OPERATORS.values()), ("GET", "/settings/public", None)]

    for method, path, body in doors:
        answer = await operator.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "plugin_not_enabled"), path


async def test_refused_permission_is_recorded_once_a_minute(school: School, other_school: School) -> None:
    admin, student = await school.person("admin"), await school.person("student")
    for path in ("/users?q=x", "/users", "/settings", "/tenants"):
        assert (await student.get(path)).status_code == 403
    assert (await (await school.client()).get("/users")).status_code == 401

    entries = (await admin.get("/audit-logs", params={"action": "kernel.permission.refused"})).json()["items"]

    assert [(entry["user_id"], entry["new_values"]) for entry in reversed(entries)] == [
        (str(student.id), {"permission": "auth.user.list", "method": "GET", "path": "/api/v1/users"}),
        (str(student.id), {"permission": "admin.settings.read", "method": "GET", "path": "/api/v1/settings"}),
        (str(student.id), {"permission": "operator", "method": "GET", "path": "/api/v1/tenants"}),
    ]
    stranger = await other_school.person("admin")
    assert (await stranger.get("/audit-logs?action=kernel.permission.refused")).json()["items"] == []


async def test_plugins_are_listed_with_state_and_reason(new_school: SchoolFactory) -> None:
    school = await new_school(plugins=["auth", "admin", "courses"])
    admin = await school.person("admin")

    cards = {card["name"]: card for card in (await admin.get("/plugins")).json()["items"]}

    assert (cards["auth"]["state"], cards["auth"]["essential"]) == ("acts", True)
    assert (cards["media"]["state"], cards["media"]["reason"]) == ("off", "media is not switched on for this tenant.")
    assert cards["courses"]["state"] == "off"
    assert cards["courses"]["reason"] == (
        "courses does not act because it requires media: media is not switched on for this tenant."
    )


async def test_reason_of_a_plugin_that_is_set_aside_is_for_operators(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(school.deployment.set_aside, "broken", "Plugin 'broken' (/srv/broken.py): it is broken.")
    admin, operator = await school.person("admin"), await school.person("admin", is_operator=True)

    shown = [
        next(card for card in (await person.get("/plugins")).json()["items"] if card["name"] == "broken")
        for person in (admin, operator)
    ]

    assert [card["state"] for card in shown] == ["set_aside", "set_aside"]
    assert [card["reason"] for card in shown] == [
        "It is not available. The operator knows why.",
        "Plugin 'broken' (/srv/broken.py): it is broken.",
    ]
