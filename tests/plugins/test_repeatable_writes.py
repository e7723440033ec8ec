"""What takes an `Idempotency-Key`, written down; how keys work is tested in tests/kernel/test_idempotency.py."""

from kernel.deployment import Deployment
from kernel.idempotency import is_idempotent
from kernel.testing import School
from tests.plugins.test_other_tenant import handlers_of

GENERATING = {"access_codes_generate", "code_batches_begin", "courses_duplicate", "courses_import"}
EXPORTING = {"courses_export"}
"""The others only read, and are safe to repeat."""
ROLES = {"roles_update", "users_update", "users_bulk"}
SETTINGS = {"settings_update", "mail_templates_update", "tenants_create", "tenants_update", "tenants_plugins"}
ERASING = {"users_delete", "tenants_delete"}
"""Closing one's own account ends the session that the key belongs to, so a repetition is refused as signed out."""


def test_what_takes_a_key_is_written_down(deployment: Deployment) -> None:
    found = {name for name, handler in handlers_of(deployment).items() if is_idempotent(handler)}

    assert found == GENERATING | EXPORTING | ROLES | SETTINGS | ERASING


async def test_a_role_is_changed_once_however_often_it_is_asked_for(school: School) -> None:
    admin, person = await school.person("admin"), await school.person("student")
    path, order, key = f"/users/{person.id}", {"role": "instructor"}, {"Idempotency-Key": "a-role"}

    first = await admin.request("PATCH", path, json=order, headers=key)
    await admin.patch(path, json={"role": "student"})
    again = await admin.request("PATCH", path, json=order, headers=key)

    assert (first.status_code, first.json()["role"], again.content) == (200, "instructor", first.content)
    assert (await admin.get(path)).json()["role"] == "student"
