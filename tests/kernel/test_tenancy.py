"""Which tenant a request finds, how long a process believes what it knows, and what a tenant has chosen."""

from argparse import Namespace
from typing import Any

import pytest
from sqlalchemy import column, text

from kernel import operations
from kernel.auth import Permission
from kernel.categories import SECURITY, SecuritySettings
from kernel.errors import RateLimited
from kernel.ids import new_id
from kernel.settings import SettingsSpec
from kernel.strangers import MOST_PER_MINUTE, Strangers
from kernel.tenancy import Tenant, TenantRow, TenantUnknown
from kernel.testing import School
from tests.kernel.conftest import Process
from tests.kernel.fakes import KEYRING
from tests.kernel.lab.plugin import LabSettings

LAB = SettingsSpec("lab", LabSettings, "Lab")
_SET_ROOMS = text(
    "UPDATE kernel.tenants SET settings = jsonb_build_object('lab', jsonb_build_object('rooms', 9)),"
    " version = version + 1 WHERE id = CAST(:tenant AS uuid) RETURNING version"
).columns(column("version"))
PERMISSIONS = (
    Permission("lab.thing.read", "Read", {"student": "own", "admin": "any", "": "assigned"}),
    Permission("annex.thing.read", "Read", {"admin": "any"}),
)


def tenant(acting: set[str], settings: dict[str, Any] | None = None) -> Tenant:
    """Return a tenant for which these plugins act."""
    row = TenantRow(new_id(), "slug", "Name", True, sorted(acting), settings or {}, 1, None)
    return Tenant(row, frozenset(acting), PERMISSIONS, keyring=KEYRING)


def test_tenant_grants_what_acting_plugins_permit() -> None:
    both, lab_only, none = tenant({"lab", "annex"}), tenant({"lab"}), tenant(set())

    assert both.grants("admin") == {"lab.thing.read": "any", "annex.thing.read": "any"}
    assert both.grants("student") == {"lab.thing.read": "own"}
    assert both.grants("") == {"lab.thing.read": "assigned"}
    assert both.grants("unheard-of") == {}
    assert lab_only.grants("admin") == {"lab.thing.read": "any"}
    assert none.grants("admin") == {}
    assert [each.name for each in lab_only.permissions] == ["lab.thing.read"]


def test_tenant_setting_fills_in_what_was_not_chosen() -> None:
    chosen = tenant({"lab"}, {"lab": {"rooms": 3}})

    assert chosen.setting(LAB, LabSettings) == LabSettings(rooms=3)
    assert tenant({"lab"}).setting(LAB, LabSettings) == LabSettings()
    assert tenant(set()).setting(SECURITY, SecuritySettings).rate_limits.login_per_minute == 5


def test_tenant_setting_is_converted_once() -> None:
    chosen = tenant({"lab"}, {"lab": {"rooms": 3}})

    assert chosen.setting(LAB, LabSettings) is chosen.setting(LAB, LabSettings)


async def test_directory_finds_a_tenant_by_host_id_and_slug(lab: Process, school: School) -> None:
    tenants = lab.deployment.tenants

    found = [
        await tenants.by_host(school.host),
        await tenants.by_id(school.id),
        await tenants.by_slug(school.tenant.slug),
    ]

    assert [(each.id, each.slug, each.name) for each in found] == [(school.id, school.tenant.slug, "School")] * 3
    assert [each.host for each in found] == [school.host] * 3


async def test_directory_knows_no_other_tenant(lab: Process, school: School) -> None:
    tenants = lab.deployment.tenants

    for question in (tenants.by_host("nowhere.test"), tenants.by_id(new_id()), tenants.by_slug("nobody")):
        with pytest.raises(TenantUnknown):
            await question


async def test_directory_asks_the_database_once(lab: Process, query_count: Any) -> None:
    school = await lab.school()
    tenants = lab.deployment.tenants
    before = query_count()

    for _ in range(3):
        await tenants.by_host(school.host)
        await tenants.by_id(school.id)
    assert query_count() == before

    for _ in range(3):
        await tenants.by_slug(school.tenant.slug)
    assert query_count() == before + 1


async def test_directory_asks_again_after_a_while_whatever_redis_says(
    lab: Process, school: School, query_count: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernel.tenancy._FRESH_S", 0)
    before = query_count()

    await lab.deployment.tenants.by_id(school.id)

    assert query_count() == before + 1


async def test_directory_reloads_a_tenant_that_is_older_than_asked_for(lab: Process, school: School) -> None:
    tenants = lab.deployment.tenants
    async with lab.deployment.operator_session(None, "test") as db:
        version = await db.value(_SET_ROOMS, tenant=school.id)

    assert (await tenants.by_id(school.id)).setting(LAB, LabSettings).rooms == 1
    assert (await tenants.by_id(school.id, version=version)).setting(LAB, LabSettings).rooms == 9


async def test_directory_forgets_what_redis_says_has_changed(lab: Process, school: School) -> None:
    tenants = lab.deployment.tenants
    known = await tenants.by_id(school.id)
    directory = tenants._directory_version

    assert tenants.is_current(known, None, directory)
    assert tenants.is_current(known, known.version, directory)
    assert not tenants.is_current(known, known.version + 1, directory)
    known = await tenants.by_id(school.id)
    assert not tenants.is_current(known, known.version, (directory or 0) + 1)
    assert tenants.is_current(known, known.version, (directory or 0) + 1)
    assert not tenants.is_current(known, known.version, directory)


def test_strangers_begin_anew_after_their_minute_and_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    strangers, now = Strangers(), [1000.0]
    monkeypatch.setattr("kernel.strangers.time.monotonic", lambda: now[0])
    monkeypatch.setattr("kernel.strangers._MOST_CALLERS", 2)
    for _ in range(MOST_PER_MINUTE):
        strangers.note("one")
    now[0] += 20
    with pytest.raises(RateLimited) as refused:
        strangers.check("one")
    assert refused.value.headers == {"Retry-After": "40"}
    strangers.check("two")
    now[0] += 40
    strangers.check("one")
    strangers.note("one")
    strangers.check("one")

    for caller in ("two", "three"):
        strangers.note(caller)
    assert len(strangers._seen) == 1


async def test_directory_keeps_hosts_within_bounds(
    lab: Process, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernel.tenancy._MOST_HOSTS", 1)
    other = await lab.school()

    for each in (school, other, school):
        assert (await lab.deployment.tenants.by_host(each.host)).id == each.id
    assert len(lab.deployment.tenants._hosts) == 1


# --- what operators do -----------------------------------------------------------------------------------------------


async def test_host_that_is_added_and_removed_is_felt_at_once(
    lab: Process, second_lab: Process, school: School
) -> None:
    slug = school.tenant.slug
    client = await second_lab.client(school)
    address = f"http://new-{school.host}/api/v1/lab/open"
    assert (await client.get(address)).status_code == 404

    options = Namespace(slug=slug, add=[f"New-{school.host}"], remove=[], primary=None)
    added = await operations.change_hosts(lab.deployment, options)
    assert added.splitlines() == [school.host, f"new-{school.host}"]
    assert (await client.get(address)).json()["tenant"] == slug

    options = Namespace(slug=slug, add=[], remove=[f"new-{school.host}"], primary=None)
    removed = await operations.change_hosts(lab.deployment, options)
    assert removed == school.host
    assert (await client.get(address)).status_code == 404


async def test_tenant_that_is_created_is_alone_with_its_rows(lab: Process) -> None:
    slug = f"fresh-{new_id().hex[-12:]}"

    text = await operations.create_tenant(
        lab.deployment, Namespace(slug=slug, name="Fresh", hosts=[f"{slug}.test", f"www.{slug}.test"])
    )

    found = await lab.deployment.tenants.by_host(f"www.{slug}.test")
    assert text.splitlines()[0] == f"{slug} {found.id}"
    # Links lead to the first host, whichever one a request came to.
    assert (found.host, found.url("/reset")) == (f"{slug}.test", f"https://{slug}.test/reset")
    assert (await lab.deployment.tenants.by_slug(slug)).host == f"{slug}.test"


async def test_creating_a_second_tenant_says_who_is_out_of_reach_now(lone_lab: Process) -> None:
    text = await operations.create_tenant(
        lone_lab.deployment, Namespace(slug="second", name="Second", hosts=["second.test"])
    )

    assert text.splitlines()[1:] == [
        "default has no host and is out of reach: `collegium tenants hosts default --add HOST`."
    ]
