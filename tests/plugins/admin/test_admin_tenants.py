"""Tenants over HTTP, by operators: made, changed, switched, erased."""

from typing import Any

import httpx
import pytest

from kernel.db import Origin
from kernel.ids import new_id
from kernel.testing import PASSWORD, AppFactory, Person, School


@pytest.fixture
async def operator(school: School) -> Person:
    """An operator, who is a student of some school."""
    return await school.person("student", is_operator=True)


async def make(operator: Person, **given: Any) -> dict[str, Any]:
    slug = f"made-{new_id().hex[-12:]}"
    body = {"slug": slug, "name": "Made", "hostnames": [f"{slug}.test"], **given}
    answer = await operator.post("/tenants", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_tenant_is_made_and_reachable_at_once(operator: Person) -> None:
    made = await make(operator, plugins=["auth", "admin"])

    there = await operator.client.get(
        f"http://{made['hostnames'][0]}/api/v1/settings/public", headers={"Authorization": ""}
    )
    assert (there.status_code, there.json()["general"]["name"]) == (200, "Made")
    assert (await operator.get(f"/tenants/{made['id']}")).json() == made
    assert made["plugins"] == ["admin", "auth"]
    listed = (await operator.get("/tenants", params={"limit": 100})).json()
    assert made["id"] in [each["id"] for each in listed["items"]] or listed["total"] > 100


async def test_tenant_that_could_not_be_is_refused_with_its_field(operator: Person) -> None:
    made = await make(operator)
    for change, status, field in (
        ({"slug": "No"}, 400, "slug"),
        ({"hostnames": ["http://x"]}, 400, "hostnames[0]"),
        ({"hostnames": []}, 400, "hostnames"),
        ({"plugins": ["nonsense"]}, 400, "plugins"),
        ({"hostnames": made["hostnames"]}, 409, "hostnames[0]"),
        ({"owner": "me"}, 400, "owner"),
    ):
        slug = f"x-{new_id().hex[-12:]}"
        body = {"slug": slug, "name": "X", "hostnames": [f"{slug}.test"], **change}
        answer = await operator.post("/tenants", json=body)
        assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (status, [field])
    again = await operator.post("/tenants", json={"slug": made["slug"], "name": "X", "hostnames": ["y.test"]})
    assert (again.status_code, again.json()["code"]) == (409, "kernel.tenant_taken")


async def test_change_is_felt_at_once_and_stands_in_the_tenants_own_log(operator: Person, other_school: School) -> None:
    admin = await other_school.person("admin")

    changed = await operator.patch(f"/tenants/{other_school.id}", json={"name": "South"})
    assert changed.json()["name"] == "South"
    assert (await admin.get("/settings/public")).json()["general"]["name"] == "South"
    [entry] = (await admin.get("/audit-logs?action=kernel.tenant.updated")).json()["items"]
    assert (entry["old_values"], entry["new_values"]) == ({"name": "School"}, {"name": "South"})
    assert (entry["user_id"], entry["user"]) == (str(operator.id), None)

    assert (await operator.patch(f"/tenants/{other_school.id}", json={"is_active": False})).status_code == 200
    assert (await admin.get("/users/me")).status_code == 404
    assert (await operator.patch(f"/tenants/{other_school.id}", json={"is_active": True})).status_code == 200
    assert (await admin.get("/users/me")).status_code == 200


async def test_operator_is_not_locked_out(school: School, operator: Person) -> None:
    disabled = await operator.patch(f"/tenants/{school.id}", json={"is_active": False})
    erased = await operator.delete(f"/tenants/{school.id}", params={"confirm": school.tenant.slug})

    assert [answer.json()["code"] for answer in (disabled, erased)] == ["admin.own_tenant"] * 2
    assert (await operator.get("/users/me")).status_code == 200


async def test_only_tenant_keeps_the_host_at_which_its_operator_makes_a_second(app_with: AppFactory) -> None:
    # A deployment of its own: everywhere else there are many tenants.
    app = await app_with("admin", database_pool_size=7)
    only = await app.deployment.tenants.by_host("first.test")
    identity = app.deployment.registry.identity
    assert (only.host, identity is not None) == ("", True)
    account = {"email": "op@first.test", "password": PASSWORD, "first_name": "O", "last_name": "P"}
    async with app.deployment.database.transaction(Origin(only.id), only) as db:
        await identity.create_user(db, role="student", is_operator=True, **account)  # type: ignore[union-attr]
    transport = httpx.ASGITransport(app=app.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://first.test:8000/api/v1") as client:
        signed_in = await client.post("/auth/login", json={"email": account["email"], "password": PASSWORD})
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {signed_in.json()['access_token']}"

        made = await client.post("/tenants", json={"slug": "second", "name": "Second", "hostnames": ["second.test"]})

        assert made.status_code == 201, made.text
        assert (await client.get("/users/me")).status_code == 200
        assert (await client.get("http://elsewhere.test/api/v1/users/me")).status_code == 404
        assert (await client.get(f"/tenants/{only.id}")).json()["hostnames"] == ["first.test"]


async def test_plugins_are_previewed_and_switched(operator: Person, other_school: School) -> None:
    admin = await other_school.person("admin")
    wanted = {"enabled": ["auth", "admin", "courses"]}

    preview = (await operator.put(f"/tenants/{other_school.id}/plugins?preview=true", json=wanted)).json()
    assert (preview["is_preview"], preview["on"], set(preview["off"])) == (
        True,
        [],
        {"media", "courses", "codes", "portal"},
    )
    assert preview["reasons"]["courses"].startswith("courses does not act because it requires media")
    assert (await admin.get("/courses")).status_code == 200

    done = (await operator.put(f"/tenants/{other_school.id}/plugins", json=wanted)).json()
    assert {**done, "is_preview": True} == preview
    assert (await admin.get("/courses")).json()["code"] == "plugin_not_enabled"
    everything = {"enabled": [*wanted["enabled"], "media", "codes"]}
    assert (await operator.put(f"/tenants/{other_school.id}/plugins", json=everything)).json()["on"] == [
        "media",
        "courses",
        "codes",
    ]
    assert (await admin.get("/courses")).status_code == 200

    essential = await operator.put(f"/tenants/{other_school.id}/plugins", json={"enabled": ["media"]})
    unknown = await operator.put(f"/tenants/{other_school.id}/plugins", json={"enabled": ["auth", "nonsense"]})
    assert essential.json()["code"] == "kernel.plugin_essential"
    assert [error["field"] for error in unknown.json()["errors"]] == ["enabled"]


async def test_tenant_is_erased_with_everything_of_it(school: School, operator: Person, other_school: School) -> None:
    admin = await other_school.person("admin")
    await admin.post("/categories", json={"name": "Wood"})
    instructor = await other_school.person("instructor")
    mp4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42" + bytes(5000)
    assert (await instructor.post("/upload/video", files={"file": ("a.mp4", mp4, "video/mp4")})).status_code == 201
    path, slug = f"/tenants/{other_school.id}", other_school.tenant.slug

    active = await operator.delete(path, params={"confirm": slug})
    await operator.patch(path, json={"is_active": False})
    unconfirmed = await operator.delete(path, params={"confirm": "other"})
    begun = await operator.delete(path, params={"confirm": slug})
    assert (active.json()["code"], unconfirmed.json()["code"]) == ("kernel.tenant_active", "admin.not_confirmed")
    assert begun.status_code == 202, begun.text
    await school.settle()

    task = (await operator.get(f"/tasks/{begun.json()['task_id']}")).json()
    assert task["status"] == "done"
    assert (await operator.get(path)).status_code == 404
    assert await left_of(other_school) == {}
    assert [key async for key in school.deployment.storage.list_keys(f"{other_school.id}/")] == []
    assert [key async for key in school.deployment.redis.scan_iter(match=f"t:{other_school.id}:*")] == []
    # Of the first school nothing is gone.
    assert (await operator.get("/users/me")).status_code == 200
    entries = await school.audit_log("kernel.tenants")
    assert [entry.action for entry in entries] == ["kernel.tenant.erased"]


async def left_of(school: School) -> dict[str, int]:
    """Return how many rows each table still has of a tenant."""
    tables = (
        "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.columns"
        " JOIN information_schema.tables USING (table_schema, table_name)"
        " WHERE column_name = 'tenant_id' AND table_type = 'BASE TABLE'"
    )
    async with school.deployment.operator_session(None, "test") as db:
        driver = await db.driver()
        found = {}
        for record in await driver.fetch(tables):
            count = await driver.fetchval(f"SELECT count(*) FROM {record[0]} WHERE tenant_id = $1", school.id)
            if count:
                found[record[0]] = count
        return found
