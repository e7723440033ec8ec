"""The list of accounts at the size of a large school, and the same done to many at once."""

import asyncio
from typing import Any

import asyncpg
import pytest

from kernel.embedded import Stack
from kernel.ids import new_id
from kernel.statements import plan_for
from kernel.testing import Person, School
from plugins.auth.queries.users import _list_statements
from tests.plugins.auth.people import codes_of, living_sessions, make_user, sign_in

MANY = 20_000
# Without triggers, whose rows in the log are not what this is about.
_ADD_USERS = """
    INSERT INTO auth.users (tenant_id, id, email, role)
    SELECT $1, uuidv7(), n || '@crowd.test', CASE WHEN n % 100 = 0 THEN 'instructor' ELSE 'student' END
    FROM generate_series(1, $2) n
"""
_ADD_PROFILES = """
    INSERT INTO auth.user_profiles (tenant_id, id, user_id, first_name, last_name)
    SELECT tenant_id, uuidv7(), id, 'Kim', left(md5(email), 6)
    FROM auth.users WHERE tenant_id = $1 AND email LIKE '%@crowd.test'
"""


@pytest.fixture
async def crowd(school: School, stack: Stack) -> None:
    """Twenty thousand accounts."""
    database = school.deployment.settings.database_url.partition("?")[0].rpartition("/")[2]
    superuser = stack.database_urls["superuser"].replace("+asyncpg", "")
    connection = await asyncpg.connect(superuser, database=database)
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(_ADD_USERS, school.id, MANY)
        await connection.execute(_ADD_PROFILES, school.id)
        await connection.execute("ANALYZE auth.users, auth.user_profiles")
    finally:
        await connection.close()


async def plan_of(school: School, statement: Any, **given: Any) -> str:
    """Return how PostgreSQL runs a statement, as the app role."""
    plan = plan_for(statement)
    async with school.db() as db:
        driver = await db.driver()
        rows = await driver.fetch(f"EXPLAIN {plan.sql}", *plan.arguments(given))
    return "\n".join(row[0] for row in rows)


@pytest.mark.usefixtures("crowd")
async def test_lists_of_a_large_school_read_no_table_whole(school: School) -> None:
    for filters, given in (
        ({}, {}),
        ({"words"}, {"words": "kim"}),
        ({"role", "status"}, {"role": "instructor", "status": "active"}),
    ):
        for sort in ("name", "-name", "email", "created_at", "-created_at", "last_login", "-last_login"):
            page, _ = _list_statements(frozenset(filters), None, sort, "any")
            plan = await plan_of(school, page, actor=None, most=20, skip=0, **given)
            assert "Seq Scan" not in plan, plan
            if not filters:
                assert "Sort" not in plan, plan
    # What the function reads, asked as the role that it runs as.
    operator = await asyncpg.connect(school.deployment.settings.operator_database_url.replace("+asyncpg", ""))
    try:
        for table, column in (("user_profiles", "searched"), ("users", "email")):
            rows = await operator.fetch(
                f"EXPLAIN SELECT id FROM auth.{table} WHERE tenant_id = '{school.id}' AND {column} LIKE '%quick%'"
            )
            assert f"ix_{table}_tenant_id_{column}" in "\n".join(row[0] for row in rows)
    finally:
        await operator.close()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("éva", ["Ünal"]),
        ("ÜNAL", ["Ünal"]),
        ("va ün", ["Ünal"]),
        ("%", ["Percent%"]),
        ("_", []),
        ("\\", []),
        ("percent@", ["Percent%"]),
        ("\N{FULLWIDTH LATIN SMALL LETTER P}ercent", ["Percent%"]),
        ("أمينة", ["فاروق"]),
        ("' OR true --", []),
    ],
)
async def test_parts_of_names_and_addresses_are_found_in_any_letters(
    school: School, query: str, found: list[str]
) -> None:
    admin = await school.person("admin", email="boss@y.test")
    for email, first_name, last_name in (
        ("unal@x.test", "Éva", "Ünal"), ("percent@x.test", "Per", "Percent%"), ("amina@x.test", "أمينة", "فاروق"),
    ):  # fmt: skip
        await make_user(school, email=email, first_name=first_name, last_name=last_name)
    answer = (await admin.get("/users", params={"q": query})).json()
    assert ([each["last_name"] for each in answer["items"]], answer["total"]) == (found, len(found))


async def test_list_is_sorted_as_asked(school: School, admin: Person) -> None:
    for email, last_name in (("b@x.test", "Adler"), ("a@x.test", "Zuse"), ("c@x.test", "Meyer")):
        await make_user(school, email=email, last_name=last_name)

    async def names(sort: str) -> list[str]:
        items = (await admin.get("/users", params={"sort": sort, "role": "student"})).json()["items"]
        return [each["last_name"] for each in items]

    for sort, expected in (
        ("name", ["Adler", "Meyer", "Zuse"]),
        ("email", ["Zuse", "Adler", "Meyer"]),
        ("created_at", ["Adler", "Zuse", "Meyer"]),
    ):
        assert await names(sort) == expected
        assert await names(f"-{sort}") == expected[::-1]
    assert (await admin.get("/users", params={"sort": "password_hash"})).status_code == 400

    # Who has never signed in is at the end of those who were here lately.
    for email in ("c@x.test", "a@x.test"):
        assert (await sign_in(await school.client(), email)).status_code == 200
    assert await names("-last_login") == ["Zuse", "Meyer", "Adler"]
    assert await names("last_login") == ["Adler", "Meyer", "Zuse"]


async def test_many_are_suspended_at_once(school: School, admin: Person) -> None:
    people = [await school.person("student") for _ in range(3)]
    body = {"ids": [str(each.id) for each in people] * 2, "action": "suspend"}
    answer = await admin.post("/users/bulk", json=body)
    assert answer.json() == {"status": "suspended", "ids": sorted(str(each.id) for each in people)}
    assert [(await each.get("/users/me")).status_code for each in people] == [401] * 3
    assert await living_sessions(school, people[0].id) == []
    assert (await admin.post("/users/bulk", json={**body, "action": "activate"})).json()["status"] == "active"


async def test_many_are_changed_all_or_none(school: School, admin: Person) -> None:
    student = await school.person("student")
    for other, refusal in (
        (str(new_id()), (404, "kernel.not_found")),
        (str(admin.id), (403, "auth.own_account")),
    ):
        answer = await admin.post("/users/bulk", json={"ids": [str(student.id), other], "action": "suspend"})
        assert codes_of(answer) == [refusal]
        assert (await student.get("/users/me")).status_code == 200
    assert (await student.post("/users/bulk", json={"ids": [str(admin.id)], "action": "suspend"})).status_code == 403
    for ids in ([], [str(student.id)] * 101, ["x"]):
        assert (await admin.post("/users/bulk", json={"ids": ids, "action": "suspend"})).status_code == 400


async def test_administrators_who_suspend_each_other_leave_one(school: School) -> None:
    admins = [await school.person("admin") for _ in range(3)]

    async def suspend_others(one: Person) -> int:
        others = [str(each.id) for each in admins if each is not one]
        return (await one.post("/users/bulk", json={"ids": others, "action": "suspend"})).status_code

    answers = await asyncio.gather(*(suspend_others(each) for each in admins))
    alive = [each for each in admins if (await each.get("/users/me")).status_code == 200]
    assert (len(alive), answers.count(200)) == (1, 1)
