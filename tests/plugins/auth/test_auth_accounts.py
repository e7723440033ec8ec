"""Accounts: who may see and change them, and what stays true whoever does it at the same time."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import bindparam, func, select, update

from kernel.app import opened
from kernel.auth import Actor
from kernel.db import Origin
from kernel.deployment import Deployment
from kernel.errors import DomainError
from kernel.ids import new_id
from kernel.settings import Settings
from kernel.tables import AuditLog
from kernel.testing import PASSWORD, FakeClock, Person, School
from plugins.auth.actions import accounts
from plugins.auth.api import UserRef, emails_by_id, user_ids_by_email, users_by_id
from plugins.auth.errors import LastAdmin
from plugins.auth.schemas.users import UpdateUserRequest
from plugins.auth.tables import User
from tests.plugins.auth.people import codes_of, fresh_email, living_sessions, make_user, sign_in, signed_in

_ACTIVE_ADMINS = select(func.count()).select_from(User).where(User.role == "admin", User.status == "active")
_WHO_CHANGED = select(AuditLog.user_id).where(
    AuditLog.action == "auth.users.updated", AuditLog.entity_id == bindparam("user")
)
_SET_STATUS = update(User).where(User.id == bindparam("user")).values(status=bindparam("new_status"))


class Cast:
    """Everybody who may knock, and the student about whom they ask."""

    def __init__(self, people: dict[str, httpx.AsyncClient], student: Person) -> None:
        self.people = people
        self.student = student


@pytest.fixture
async def everybody(school: School, other_school: School) -> Cast:
    """The cast of two schools."""
    owner, other = await school.person("student"), await school.person("student")
    suspended, foreign = await school.person("admin"), await other_school.person("admin")
    async with school.db() as db:
        await db.run(_SET_STATUS, user=suspended.id, new_status="suspended")
        await school.deployment.gate.forget_sessions(school.id, await living_sessions(school, suspended.id))
    people = {
        "anonymous": await school.client(),
        "owner": owner.client,
        "student": other.client,
        "instructor": (await school.person("instructor")).client,
        "admin": (await school.person("admin")).client,
        "suspended": suspended.client,
        "foreign admin": foreign.client,
        "foreign token": await school.client(Authorization=foreign.client.headers["Authorization"]),
    }
    return Cast(people, owner)


NEW = {"role": "student", "first_name": "Anna", "last_name": "Bauer", "password": "Wiese-im-Mai-7"}
WHO_MAY: list[tuple[str, str, Any, dict[str, int]]] = [
    ("GET", "/users/me", None, {"owner": 200, "student": 200, "instructor": 200, "admin": 200, "foreign admin": 200}),
    ("GET", "/users", None, {"owner": 403, "student": 403, "instructor": 403, "admin": 200, "foreign admin": 200}),
    ("GET", "/users/{id}", None, {"owner": 200, "student": 404, "instructor": 404, "admin": 200, "foreign admin": 404}),
    ("POST", "/users", NEW, {"owner": 403, "student": 403, "instructor": 403, "admin": 201, "foreign admin": 201}),
    (
        "PATCH",
        "/users/{id}",
        {"bio": "Mine."},
        {"owner": 200, "student": 404, "instructor": 404, "admin": 200, "foreign admin": 404},
    ),
    (
        "PATCH",
        "/users/{id}",
        {"status": "active"},
        {"owner": 403, "student": 404, "instructor": 404, "admin": 200, "foreign admin": 404},
    ),
    (
        "PATCH",
        "/users/{id}",
        {"role": "student"},
        {"owner": 403, "student": 404, "instructor": 404, "admin": 200, "foreign admin": 404},
    ),
]


@pytest.mark.parametrize(
    ("row", "admin", "instructor", "student", "anonymous"),
    [
        ("Users - View All", 200, 403, 403, 401),
        ("Users - Create", 201, 403, 403, 401),
        ("Users - Edit Any", 200, 404, 404, 401),
        ("Users - Edit Own", 200, 200, 200, 401),
    ],
)
async def test_users_of_the_rbac_table(
    school: School, row: str, admin: int, instructor: int, student: int, anonymous: int
) -> None:
    other = await make_user(school)
    found = {}
    for role in ("admin", "instructor", "student", ""):
        person: Any = await school.person(role) if role else await school.client()
        own = person.id if role else other
        method, path, body = {
            "Users - View All": ("GET", "/users", None),
            "Users - Create": ("POST", "/users", {**NEW, "email": fresh_email(school)}),
            "Users - Edit Any": ("PATCH", f"/users/{other}", {"bio": "Edited."}),
            "Users - Edit Own": ("PATCH", f"/users/{own}", {"bio": "Mine."}),
        }[row]
        found[role] = (await person.request(method, path, json=body)).status_code
    assert found == {"admin": admin, "instructor": instructor, "student": student, "": anonymous}


@pytest.mark.parametrize(("method", "path", "body", "statuses"), WHO_MAY)
async def test_who_may(everybody: Cast, method: str, path: str, body: Any, statuses: dict[str, int]) -> None:
    expected = {"anonymous": 401, "suspended": 401, "foreign token": 401, **statuses}
    found = {}
    for name, client in everybody.people.items():
        content = {**body, "email": f"{new_id()}@a.test"} if method == "POST" else body
        answer = await client.request(method, path.format(id=everybody.student.id), json=content)
        found[name] = answer.status_code
    assert found == expected


async def test_list_of_another_school_holds_nobody_of_this_one(everybody: Cast, school: School) -> None:
    answer = await everybody.people["foreign admin"].get("/users?limit=100")
    assert school.host not in answer.text
    assert answer.json()["total"] == 1


async def test_administrator_makes_accounts_in_any_role(school: School) -> None:
    admin = await school.person("admin")
    for role in ("admin", "instructor", "student"):
        email = fresh_email(school)
        answer = await admin.post("/users", json={**NEW, "role": role, "email": email.upper()})
        assert answer.status_code == 201
        made = answer.json()
        assert (made["email"], made["role"], made["status"], made["email_verified"]) == (email, role, "active", True)
        assert (await sign_in(await school.client(), email, NEW["password"])).json()["user"]["id"] == made["id"]


async def test_administrator_learns_that_an_address_is_taken_and_that_a_password_is_bad(school: School) -> None:
    admin = await school.person("admin")
    email = fresh_email(school)
    await make_user(school, email=email)
    taken = await admin.post("/users", json={**NEW, "email": email})
    bad = await admin.post("/users", json={**NEW, "email": fresh_email(school), "password": "sunshine"})
    assert codes_of(taken, bad) == [(409, "auth.email_taken"), (400, "auth.password_refused")]


async def test_two_administrators_make_one_account_for_one_address(school: School) -> None:
    admin = await school.person("admin")
    person = {**NEW, "email": fresh_email(school)}
    answers = await asyncio.gather(*(admin.post("/users", json=person) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5


async def test_list_filters_searches_and_pages_by_name(school: School) -> None:
    admin = await school.person("admin", email="admin@x.test")
    for last_name, role in (("Zuse", "instructor"), ("Adler", "student"), ("Meyer_100%", "student")):
        await make_user(school, role, email=f"{last_name.lower()}@x.test", first_name="Kim", last_name=last_name)

    async def names(query: str) -> list[str]:
        answer = await admin.get(f"/users?{query}")
        assert answer.status_code == 200, answer.text
        return [item["last_name"] for item in answer.json()["items"]]

    assert await names("") == ["Adler", "Meyer_100%", "Test", "Zuse"]
    assert await names("role=student") == ["Adler", "Meyer_100%"]
    assert await names("role=student&status=active&q=kim") == ["Adler", "Meyer_100%"]
    assert await names("status=suspended") == []
    assert await names("q=kim zu") == ["Zuse"]
    assert await names("q=ADLER@x") == ["Adler"]
    assert await names("q=_100%25") == ["Meyer_100%"]
    assert await names("q=_") == ["Meyer_100%"]
    page = (await admin.get("/users?limit=2&offset=1")).json()
    assert ([item["last_name"] for item in page["items"]], page["total"]) == (["Meyer_100%", "Test"], 4)
    assert (page["limit"], page["offset"]) == (2, 1)


@pytest.mark.parametrize(
    "query",
    ["role=owner", "status=gone", "q=", f"q={'x' * 101}", "limit=0", "limit=-1", "offset=-1", "sort=phone", "q=%00"],
)
async def test_list_refuses_what_it_does_not_know(school: School, query: str) -> None:
    admin = await school.person("admin")
    assert codes_of(await admin.get(f"/users?{query}")) == [(400, "kernel.invalid")]


async def test_list_costs_the_same_number_of_statements_for_one_and_thirty(school: School, query_count: Any) -> None:
    admin = await school.person("admin")

    async def cost() -> int:
        before = query_count()
        assert (await admin.get("/users?limit=100")).status_code == 200
        return int(query_count() - before)

    few = await cost()
    for _ in range(29):
        await make_user(school)
    assert (await cost(), few) == (few, 2)


async def test_people_are_looked_up_in_one_statement(school: School, query_count: Any) -> None:
    ids = [await make_user(school, first_name=f"Kim {number}") for number in range(3)]
    before = query_count()
    async with school.db() as db:
        found = await users_by_id(db, [*ids, *ids, new_id()])
        assert query_count() - before == 1
        assert await users_by_id(db, []) == {}
    assert found == {user_id: UserRef(user_id, f"Kim {number}", "Aziz", None) for number, user_id in enumerate(ids)}
    assert query_count() - before == 1


async def test_addresses_and_accounts_are_found_by_each_other(school: School) -> None:
    email = fresh_email(school)
    user_id = await make_user(school, email=email)
    async with school.db() as db:
        assert await user_ids_by_email(db, [email.upper(), "nobody@a.test"]) == {email: user_id}
        assert await emails_by_id(db, [user_id, new_id()]) == {user_id: email}


async def test_people_of_another_school_are_not_found(school: School, other_school: School) -> None:
    email = fresh_email(school)
    user_id = await make_user(school, email=email)
    async with other_school.db() as db:
        assert await users_by_id(db, [user_id]) == {}
        assert await user_ids_by_email(db, [email]) == {}
        assert await emails_by_id(db, [user_id]) == {}


async def test_profile_keeps_what_is_not_mentioned_and_empties_what_is_null(school: School) -> None:
    student = await school.person("student")
    path = f"/users/{student.id}"
    change = {
        "first_name": " Anna ",
        "phone": "+49 (30) 1234-5",
        "bio": "Likes maps.",
        "date_of_birth": "2001-02-03",
        "address": "Weg 1",
        "city": "Berlin",
        "country": "Germany",
        "timezone": "Europe/Berlin",
    }
    before = (await student.get("/users/me")).json()
    changed = (await student.patch(path, json=change)).json()
    assert changed == {**before, **change, "first_name": "Anna"}
    emptied = (await student.patch(path, json={"phone": None, "bio": None, "date_of_birth": None})).json()
    assert emptied == {**changed, "phone": None, "bio": None, "date_of_birth": None}
    assert (await student.patch(path, json={})).json() == emptied == (await student.get(path)).json()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"date_of_birth": "yesterday"}, "date_of_birth"),
        ({"phone": "call me"}, "phone"),
        ({"first_name": None}, "first_name"),
        ({"first_name": "https://evil.test"}, "first_name"),
        ({"status": "gone"}, "status"),
        ({"email": "new@a.test"}, "email"),
        ({"password": "Wiese-im-Mai-7"}, "password"),
        ({"is_operator": True}, "is_operator"),
        ({"email_verified": True}, "email_verified"),
        ({"avatar_url": "https://evil.test/x.svg"}, "avatar_url"),
        ({"id": str(new_id())}, "id"),
        ({"tenant_id": str(new_id())}, "tenant_id"),
    ],
)
async def test_what_nobody_may_set_is_refused_and_named(school: School, change: dict[str, Any], field: str) -> None:
    admin = await school.person("admin")
    user_id = await make_user(school)
    before = (await admin.get(f"/users/{user_id}")).json()
    answer = await admin.patch(f"/users/{user_id}", json=change)
    assert codes_of(answer) == [(400, "kernel.invalid")]
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await admin.get(f"/users/{user_id}")).json() == before


async def test_refused_change_of_role_changes_nothing_else_either(school: School) -> None:
    student = await school.person("student")
    before = (await student.get("/users/me")).json()
    answer = await student.patch(f"/users/{student.id}", json={"bio": "Boss.", "role": "admin"})
    assert codes_of(answer) == [(403, "kernel.forbidden")]
    assert (await student.get("/users/me")).json() == before


@pytest.mark.parametrize(
    "change", [{"role": "admin"}, {"role": "student"}, {"status": "suspended"}, {"status": "active"}]
)
async def test_nobody_changes_their_own_role_or_status(school: School, change: dict[str, str]) -> None:
    admin = await school.person("admin")
    await school.person("admin")
    assert codes_of(await admin.patch(f"/users/{admin.id}", json=change)) == [(403, "auth.own_account")]


@pytest.mark.parametrize("status", ["suspended", "inactive"])
async def test_suspension_is_felt_at_the_next_request(school: School, status: str) -> None:
    admin = await school.person("admin")
    client, answer = await signed_in(school)
    assert (await client.get("/users/me")).status_code == 200
    changed = await admin.patch(f"/users/{answer['user']['id']}", json={"status": status})
    assert (changed.status_code, changed.json()["status"]) == (200, status)
    assert codes_of(await client.get("/users/me")) == [(401, "kernel.unauthenticated")]
    assert await living_sessions(school, answer["user"]["id"]) == []
    await admin.patch(f"/users/{answer['user']['id']}", json={"status": "active"})
    assert (await client.get("/users/me")).status_code == 401
    assert (await sign_in(client, answer["user"]["email"])).status_code == 200


async def test_suspension_is_felt_though_redis_has_lost_everything(school: School, deployment: Deployment) -> None:
    client, answer = await signed_in(school)
    async with school.db() as db:
        await db.run(_SET_STATUS, user=UUID(answer["user"]["id"]), new_status="suspended")
    await deployment.redis.flushdb()
    assert (await client.get("/users/me")).status_code == 401


async def test_new_role_is_felt_at_the_next_request(school: School) -> None:
    admin = await school.person("admin")
    other, answer = await signed_in(school, "student")
    path = f"/users/{answer['user']['id']}"
    assert (await other.get("/users")).status_code == 403
    assert (await admin.patch(path, json={"role": "admin"})).json()["role"] == "admin"
    assert (await other.get("/users")).status_code == 200
    assert (await admin.patch(path, json={"role": "instructor"})).json()["role"] == "instructor"
    assert (await other.get("/users")).status_code == 403


async def test_operators_decide_alone_about_operators(school: School) -> None:
    """A tenant's administrator could else shut out, or erase, whoever looks after every tenant."""
    admin, operator = await school.person("admin"), await school.person("admin", is_operator=True)
    other = await school.person("student", is_operator=True)

    refused = [
        await admin.patch(f"/users/{other.id}", json={"status": "suspended"}),
        await admin.patch(f"/users/{other.id}", json={"role": "instructor"}),
        await admin.post("/users/bulk", json={"ids": [str(other.id)], "action": "suspend"}),
        await admin.delete(f"/users/{other.id}"),
    ]

    assert codes_of(*refused) == [(403, "kernel.forbidden")] * 4
    assert (await operator.patch(f"/users/{other.id}", json={"status": "suspended"})).status_code == 200


async def test_last_admin_stays(school: School) -> None:
    last, leaver = await school.person("admin"), await school.person("admin")
    assert (await last.patch(f"/users/{leaver.id}", json={"role": "student", "status": "inactive"})).status_code == 200
    actor = Actor(school.id, leaver.id, "admin", grants=school.tenant.grants("admin"))
    for change in (
        UpdateUserRequest(role="student"),
        UpdateUserRequest(status="suspended"),
        UpdateUserRequest(role="instructor", status="inactive"),
    ):
        with pytest.raises(LastAdmin) as refused:
            async with school.db(leaver.id) as db:
                await accounts.update_user(db, actor, last.id, change)
        assert (refused.value.status, refused.value.code) == (409, "auth.last_admin")
    async with school.db(leaver.id) as db:
        await accounts.update_user(db, actor, last.id, UpdateUserRequest(role="admin", status="active"))
    assert (await last.get("/users")).status_code == 200


@pytest.mark.parametrize("change", [{"role": "student"}, {"status": "suspended"}])
@pytest.mark.parametrize("turn", range(3))
async def test_admins_who_remove_each_other_at_the_same_time_leave_one(
    school: School, settings: Settings, change: dict[str, Any], turn: int
) -> None:
    """Half of them at another process of the deployment."""
    admins = [await make_user(school, "admin") for _ in range(4)]
    ready = asyncio.Barrier(len(admins))

    async def remove_next(index: int, deployment: Deployment) -> str:
        actor = Actor(school.id, admins[index], "admin", grants=school.tenant.grants("admin"))
        target = admins[(index + 1) % len(admins)]
        try:
            origin = Origin(school.id, actor.id)
            async with deployment.database.transaction(origin, school.tenant) as db:
                await db.driver()
                await ready.wait()
                await accounts.update_user(db, actor, target, UpdateUserRequest(**change))
        except DomainError as error:
            return error.code
        return "removed"

    async with opened(settings) as second:
        processes = (school.deployment, second)
        outcomes = await asyncio.gather(*(remove_next(index, processes[index % 2]) for index in range(len(admins))))
    assert sorted(outcomes) == ["auth.last_admin", "removed", "removed", "removed"]
    async with school.db() as db:
        assert await db.value(_ACTIVE_ADMINS) == 1


async def test_change_is_in_the_audit_log_with_whoever_made_it(school: School) -> None:
    admin = await school.person("admin")
    user_id = await make_user(school)
    await admin.patch(f"/users/{user_id}", json={"role": "instructor"})
    async with school.db() as db:
        assert await db.values(_WHO_CHANGED, user=user_id) == [admin.id]


async def test_unknown_account_is_a_404(school: School) -> None:
    admin = await school.person("admin")
    answers = [
        await admin.get(f"/users/{new_id()}"),
        await admin.patch(f"/users/{new_id()}", json={"bio": "x"}),
        await admin.patch(f"/users/{new_id()}", json={"status": "suspended"}),
        await admin.patch(f"/users/{new_id()}", json={}),
    ]
    assert codes_of(*answers) == [(404, "kernel.not_found")] * 4


async def test_account_is_shown_without_secrets(school: School, fake_clock: FakeClock) -> None:
    admin = await school.person("admin")
    for answer in (await admin.get("/users/me"), await admin.get("/users"), await admin.get(f"/users/{admin.id}")):
        assert "$2b$" not in answer.text
        assert PASSWORD not in answer.text
        assert answer.headers["Cache-Control"] == "private, no-store"
