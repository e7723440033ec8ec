"""Tenants made and changed by operators: what is stored, felt and recorded; settings and grants changed in a race."""

import asyncio
from typing import Any

import pytest
from msgspec import UNSET

from kernel import tenants
from kernel.audit import note
from kernel.auth import Permission
from kernel.categories import SECURITY, SecuritySettings
from kernel.db import Database, Db, Origin
from kernel.errors import Invalid
from kernel.grants import granted
from kernel.ids import new_id
from kernel.tasks import NoPayload, Task, enqueue
from kernel.tenant_erasure import TenantStillActive, TenantTable, erase_tenant, in_order_of_deletion
from kernel.tenant_settings import (
    OperatorSetting,
    SettingsChangedMeanwhile,
    change_grants,
    change_settings,
    etag_of,
)
from kernel.tenants import TenantBeingErased, TenantDetails, TenantNotFound, TenantTaken
from kernel.testing import School
from tests.kernel.conftest import Process, sign_in


async def _nothing(_db: Db, _payload: NoPayload) -> None:
    """Do nothing: the job only waits."""


JOB = Task(name="lab.wait", payload=NoPayload, handle=_nothing)


async def logged(school: School) -> list[tuple[Any, ...]]:
    """Return what the tenant's audit log says of the tenant itself."""
    async with school.db() as db:
        driver = await db.driver()
        return [
            (row["action"], row["old_values"], row["new_values"])
            for row in await driver.fetch(
                "SELECT action, old_values::text, new_values::text FROM kernel.audit_logs"
                " WHERE entity_type = 'kernel.tenants' ORDER BY created_at, id"
            )
        ]


async def make(lab: Process, **given: Any) -> TenantDetails:
    slug = f"made-{new_id().hex[-12:]}"
    facts = {"slug": slug, "name": "Made", "hostnames": [f"{slug}.test"], **given}
    async with lab.deployment.operator_session(None, "test") as db:
        return await tenants.add_tenant(db, **facts)


async def change(lab: Process, tenant_id: Any, **given: Any) -> TenantDetails:
    async with lab.deployment.operator_session(None, "test") as db:
        return await tenants.change_tenant(db, tenant_id, **given)


async def test_tenant_is_made_with_its_hosts_the_first_of_which_is_primary(lab: Process) -> None:
    slug = f"a-{new_id().hex[-12:]}"
    made = await make(lab, slug=slug, hostnames=[f"Z.{slug}.test.", f"a.{slug}.test"], plugins=["lab"])

    found = await lab.deployment.tenants.by_host(f"a.{slug}.test")
    assert (made.hostnames, made.plugins) == ([f"z.{slug}.test", f"a.{slug}.test"], ["lab"])
    assert (found.id, found.host) == (made.id, f"z.{slug}.test")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"slug": "Upper"}, "slug"),
        ({"slug": "-a"}, "slug"),
        ({"slug": ""}, "slug"),
        ({"slug": "x" * 64}, "slug"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"hostnames": ["a.test", "a..test"]}, "hostnames[1]"),
        ({"hostnames": ["a_b.test"]}, "hostnames[0]"),
        ({"hostnames": ["x" * 64]}, "hostnames[0]"),
        ({"hostnames": [".".join(["x" * 60] * 5)]}, "hostnames[0]"),
    ],
)
async def test_tenant_that_could_not_be_reached_is_refused(lab: Process, given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await make(lab, **given)

    assert [error.field for error in refused.value.errors] == [field]


async def test_two_tenants_made_at_once_share_neither_slug_nor_host(lab: Process) -> None:
    slug = f"race-{new_id().hex[-12:]}"
    same_slug = [make(lab, slug=slug, hostnames=[f"{number}.{slug}.test"]) for number in range(4)]
    same_host = [make(lab, hostnames=[f"one.{slug}.test"]) for _ in range(4)]

    for attempts in (same_slug, same_host):
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        assert sorted(type(each).__name__ for each in outcomes) == ["TenantDetails", *["TenantTaken"] * 3]


async def test_change_of_a_tenant_is_felt_at_once_and_recorded(
    lab: Process, second_lab: Process, school: School
) -> None:
    client = await second_lab.client(school)
    address = f"http://new-{school.host}/api/v1/lab/open"
    assert (await client.get(address)).status_code == 404

    after = await change(lab, school.id, name=" Renamed ", hostnames=[f"new-{school.host}", school.host])

    assert (await client.get(address)).status_code == 200
    assert (after.name, after.hostnames) == ("Renamed", [f"new-{school.host}", school.host])
    assert (await second_lab.deployment.tenants.by_id(school.id)).url("/x") == f"https://new-{school.host}/x"
    [(action, old, new)] = await logged(school)
    assert action == "kernel.tenant.updated"
    assert old == f'{{"name": "School", "hostnames": ["{school.host}"]}}'
    assert new == f'{{"name": "Renamed", "hostnames": ["new-{school.host}", "{school.host}"]}}'

    await change(lab, school.id, is_active=False)
    assert (await client.get("/lab/open")).status_code == 404
    await change(lab, school.id, is_active=True, hostnames=[school.host])
    assert (await client.get("/lab/open")).status_code == 200
    assert (await client.get(address)).status_code == 404


async def test_change_without_difference_is_not_recorded(lab: Process, school: School) -> None:
    await change(lab, school.id, name="School", is_active=UNSET, hostnames=[school.host])

    assert await logged(school) == []


async def test_host_of_another_tenant_is_not_taken(lab: Process, school: School) -> None:
    other = await make(lab)

    with pytest.raises(TenantTaken) as refused:
        await change(lab, school.id, hostnames=[school.host, other.hostnames[0]])

    assert [error.field for error in refused.value.errors] == ["hostnames[1]"]
    assert (await lab.deployment.tenants.by_host(other.hostnames[0])).id == other.id


async def test_nobody_is_changed_where_there_is_nobody(lab: Process) -> None:
    with pytest.raises(TenantNotFound):
        await change(lab, new_id(), name="Nobody")
    async with lab.deployment.operator_session(None, "test") as db:
        with pytest.raises(TenantNotFound):
            await tenants.tenant_details(db, new_id())


async def test_tenants_are_listed_by_slug(lab: Process, query_count: Any) -> None:
    made = [await make(lab) for _ in range(3)]
    async with lab.deployment.operator_session(None, "test") as db:
        before = query_count()
        page = await tenants.tenant_page(db, limit=100, offset=0)
        assert query_count() - before == 2

    slugs = [each.slug for each in page.items]
    assert slugs == sorted(slugs)
    assert {each.id for each in made} <= {each.id for each in page.items}


# --- settings --------------------------------------------------------------------------------------------------------


async def settle(lab: Process, school: School, change: Any, **options: Any) -> Any:
    specs = {spec.category: spec for spec in lab.deployment.registry.settings}
    origin = Origin(school.id, new_id(), "a-request", "192.0.2.1", "Browser")
    async with lab.deployment.operator_session(None, "test", origin) as db:
        return await change_settings(db, school.id, specs, change, **{"is_operator": False, **options})


async def test_change_of_settings_is_recorded_with_old_and_new(lab: Process, school: School) -> None:
    await settle(lab, school, {"lab": {"rooms": 3}, "general": {"name": "North"}})
    await settle(lab, school, {"lab": {"rooms": 4}, "general": {"name": "North"}})
    await settle(lab, school, {"lab": {"rooms": 4}})

    assert await logged(school) == [
        (
            "kernel.settings.updated",
            '{"lab": {}, "general": {}}',
            '{"lab": {"rooms": 3}, "general": {"name": "North"}}',
        ),
        ("kernel.settings.updated", '{"lab": {"rooms": 3}}', '{"lab": {"rooms": 4}}'),
    ]


async def test_settings_for_operators_are_theirs(lab: Process, school: School) -> None:
    with pytest.raises(OperatorSetting) as refused:
        await settle(lab, school, {"security": {"rate_limits": {"api_per_minute": 7}}})
    assert [error.field for error in refused.value.errors] == ["security.rate_limits"]

    assert await settle(lab, school, {"security": {"rate_limits": {"api_per_minute": 1_000_000}}}) == 1
    version = await settle(lab, school, {"security": {"rate_limits": {"api_per_minute": 7}}}, is_operator=True)
    tenant = await lab.deployment.tenants.by_id(school.id, version=version)
    assert tenant.setting(SECURITY, SecuritySettings).rate_limits.api_per_minute == 7


async def test_changes_at_once_lose_nothing_and_expectations_hold(lab: Process, school: School) -> None:
    await asyncio.gather(
        settle(lab, school, {"lab": {"rooms": 8}}),
        settle(lab, school, {"general": {"name": "North"}}),
        settle(lab, school, {"general": {"timezone": "Africa/Cairo"}}),
    )
    tenant = await lab.deployment.tenants.by_id(school.id, version=4)
    assert tenant.chosen["general"] == {"name": "North", "timezone": "Africa/Cairo"}
    assert tenant.chosen["lab"] == {"rooms": 8}

    seen = etag_of(tenant.chosen, ["lab"])
    outcomes = await asyncio.gather(
        *(
            settle(lab, school, {"lab": {"rooms": rooms}}, is_expected=lambda now: etag_of(now, ["lab"]) == seen)
            for rooms in (1, 2, 3)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(each, SettingsChangedMeanwhile) for each in outcomes) == 2


async def test_unknown_category_is_named(lab: Process, school: School) -> None:
    with pytest.raises(Invalid) as refused:
        await settle(lab, school, {"labs": {"rooms": 3}, "lab": {"rooms": 4}})

    assert [error.field for error in refused.value.errors] == ["labs"]


# --- grants ----------------------------------------------------------------------------------------------------------


READ = Permission("lab.thing.read", "Read", {"student": "own", "admin": "any"})
MAKE = Permission("lab.thing.make", "Make", {"admin": "any"}, scopes=("any", "own"))
NOBODY = Permission("lab.thing.burn", "Burn")


def test_what_a_permission_reaches_is_what_it_says_or_does_at_first() -> None:
    assert (READ.grantable, MAKE.grantable, NOBODY.grantable) == (("any", "own"), ("any", "own"), ("any",))


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (None, {"lab.thing.read": "own"}),
        ({"student": {"lab.thing.make": "own"}}, {"lab.thing.read": "own", "lab.thing.make": "own"}),
        ({"student": {"lab.thing.read": None}}, {}),
        ({"student": {"lab.thing.read": "any"}}, {"lab.thing.read": "any"}),
        ({"student": {"lab.thing.read": "assigned", "lab.gone": "any"}}, {"lab.thing.read": "own"}),
        ({"student": 3}, {"lab.thing.read": "own"}),
        ([], {"lab.thing.read": "own"}),
        ({"admin": {"lab.thing.read": None}}, {"lab.thing.read": "own"}),
    ],
)
def test_grants_are_the_first_ones_and_what_the_tenant_changed(stored: Any, expected: Any) -> None:
    assert granted((READ, MAKE, NOBODY), "student", stored) == expected


async def test_changed_grants_are_felt_recorded_and_not_kept_where_they_are_as_at_first(
    lab: Process, second_lab: Process, school: School
) -> None:
    async def grant(**scopes: Any) -> None:
        named = {f"lab.thing.{name}": scope for name, scope in scopes.items()}
        async with lab.deployment.operator_session(None, "test") as db:
            defaults = {"lab.thing.list": "own"}
            await change_grants(db, school.id, "student", named, defaults=defaults, check=lambda roles: None)  # type: ignore[arg-type]

    student = await sign_in(school, "student")
    client = await second_lab.client(school)
    assert (await client.post("/lab/things", json={"name": "x"}, headers=student.headers)).status_code == 403
    await grant(list="any", make="any")
    assert (await client.post("/lab/things", json={"name": "x"}, headers=student.headers)).status_code == 201
    await grant(list="own")
    await grant(list="own", make="any")

    assert (await lab.deployment.tenants.by_id(school.id, version=3)).chosen["roles"] == {
        "student": {"lab.thing.make": "any"}
    }
    assert await logged(school) == [
        (
            "kernel.role.updated",
            '{"student": {"lab.thing.list": "own", "lab.thing.make": null}}',
            '{"student": {"lab.thing.list": "any", "lab.thing.make": "any"}}',
        ),
        ("kernel.role.updated", '{"student": {"lab.thing.list": "any"}}', '{"student": {"lab.thing.list": "own"}}'),
    ]


# --- the end ---------------------------------------------------------------------------------------------------------


def table(name: str, *points_at: str, holds: tuple[str, ...] = ()) -> TenantTable:
    return TenantTable(name, list(points_at), list(holds))


def test_tables_are_emptied_before_what_they_point_at_and_the_log_last() -> None:
    tables = [
        table("b.users"),
        table("kernel.audit_logs"),
        table("a.codes", "a.courses"),
        table("a.courses", "b.users"),
    ]

    assert in_order_of_deletion(tables) == ["a.codes", "a.courses", "b.users", "kernel.audit_logs"]


def test_tables_in_a_circle_are_emptied_as_their_strict_keys_ask() -> None:
    tables = [table("a.one", "a.two"), table("a.two", "a.one", holds=("a.one",)), table("kernel.audit_logs")]

    assert in_order_of_deletion(tables) == ["a.two", "a.one", "kernel.audit_logs"]


async def test_erasing_takes_rows_jobs_and_cached_words_and_may_be_repeated(lab: Process) -> None:
    school, other = await lab.school(), await lab.school()
    for each in (school, other):
        async with each.db() as db:
            await note(db, "test.done", entity_type="test")
            await enqueue(db, JOB, NoPayload())
        await sign_in(each, "student")
        await lab.deployment.gate.tell_version(each.id, 1)
    with pytest.raises(TenantStillActive):
        await erase_tenant(lab.deployment, school.id)
    await change(lab, school.id, is_active=False)
    seen: list[tuple[int, int]] = []

    async def progress(done: int, total: int, _note: str) -> None:
        if not seen:
            with pytest.raises(TenantBeingErased):
                await change(lab, school.id, is_active=True)
        seen.append((done, total))
        if len(seen) == 3:
            raise RuntimeError("the worker was stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        await erase_tenant(lab.deployment, school.id, progress)
    await erase_tenant(lab.deployment, school.id)

    assert [done for done, _ in seen] == [0, 1, 2]
    with pytest.raises(TenantNotFound):
        await erase_tenant(lab.deployment, school.id)
    assert (await left_of(lab, school), await left_of(lab, other)) == ((0, 0, 0), (2, 1, 1))


async def left_of(lab: Process, school: School) -> tuple[int, int, int]:
    """Return how much of a school there is in the log, in the queue and in Redis."""
    async with lab.deployment.operator_session(None, "test") as db:
        driver = await db.driver()
        logged = await driver.fetchval("SELECT count(*) FROM kernel.audit_logs WHERE tenant_id = $1", school.id)
    worker = Database(lab.deployment.settings.worker_database_url, deployment=lab.deployment, pool_size=1)
    async with worker.transaction(Origin(tenant_id=None)) as db:
        driver = await db.driver()
        queued = await driver.fetchval(
            "SELECT count(*) FROM queue.pgqueuer WHERE convert_from(payload, 'UTF8') LIKE '%' || $1 || '%'",
            str(school.id),
        )
    await worker.close()
    cached = [key async for key in lab.deployment.redis.scan_iter(match=f"t:{school.id}:version")]
    return logged, queued, len(cached)
