"""The pages of people as HTML: who may open them, filters in the address, what stands fast and why, the cost."""

from collections.abc import Callable

import httpx
import pytest

from kernel.ids import new_id
from kernel.testing import PASSWORD, Person, School
from tests.plugins.auth.people import living_sessions
from tests.plugins.portal.test_portal_pages import open_page

PATHS = ("/admin/users", "/admin/users/new", "/admin/users/invite")


async def text_of(client: httpx.AsyncClient, path: str) -> str:
    answer = await open_page(client, path)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("instructor", 403), ("student", 403), ("", 302)])
async def test_pages_are_for_administrators(school: School, student: Person, role: str, status: int) -> None:
    client = (await school.person(role)).client if role else await school.client()
    paths = (*PATHS, f"/admin/users/{student.id}")
    assert {path: (await open_page(client, path)).status_code for path in paths} == dict.fromkeys(paths, status)


async def test_nobody_of_another_school_is_found(school: School, other_school: School, admin: Person) -> None:
    stranger = await other_school.person("student")
    assert (await open_page(admin.client, f"/admin/users/{stranger.id}")).status_code == 404
    assert (await open_page(admin.client, f"/admin/users/{new_id()}")).status_code == 404
    assert stranger.email not in await text_of(admin.client, "/admin/users?limit=100")


async def test_filters_stand_in_the_address(school: School, admin: Person, instructor: Person) -> None:
    invited = (
        await admin.post(
            "/users",
            json={"email": "noor@school.test", "role": "student", "first_name": "Noor", "last_name": "Haddad"},
        )
    ).json()
    await admin.patch(f"/users/{instructor.id}", json={"status": "suspended"})
    shown = {
        "role=student": {"noor@school.test"},
        "status=suspended": {instructor.email},
        "seen=never": {"noor@school.test"},
        "seen=week": {admin.email, instructor.email},
        "seen=long_ago": set(),
        "q=haddad": {"noor@school.test"},
    }
    people = {admin.email, instructor.email, invited["email"]}
    for query, expected in shown.items():
        page = await text_of(admin.client, f"/admin/users?{query}")
        assert {each for each in people if f"<small>{each}</small>" in page} == expected, query
        answer = (await admin.get(f"/users?{query}")).json()
        assert {each["email"] for each in answer["items"]} == expected, query
        assert answer["total"] == len(expected)
    both = await text_of(admin.client, "/admin/users?role=instructor&status=suspended")
    assert "Remove this filter" in both
    assert "Nobody matches" in await text_of(admin.client, "/admin/users?q=nobody-at-all")
    assert (await admin.get("/users?seen=yesterday")).status_code == 400


async def test_oneself_stands_fast_and_says_why(school: School, admin: Person, student: Person) -> None:
    own = await text_of(admin.client, f"/admin/users/{admin.id}")
    assert "nobody changes their own role or status" in own
    assert 'disabled aria-describedby="why"' in own
    theirs = await text_of(admin.client, f"/admin/users/{student.id}")
    assert 'aria-describedby="why"' not in theirs
    assert "All sessions end now. Nothing is deleted." in theirs


async def test_who_is_above_stands_fast(school: School, admin: Person) -> None:
    instructor = await school.person("instructor")
    await admin.patch("/roles/instructor", json={"permissions": {
        "auth.user.list": "any", "auth.user.read": "any", "auth.user.manage": "any", "auth.user.update": "any",
    }})  # fmt: skip
    page = await text_of(instructor.client, f"/admin/users/{admin.id}")
    assert "Only somebody of this role can decide about it." in page
    listed = await text_of(instructor.client, "/admin/users")
    assert "Invite people" not in listed


async def test_administrators_see_and_end_the_sessions_of_others(
    school: School, other_school: School, admin: Person, student: Person
) -> None:
    await (await school.client()).post("/auth/login", json={"email": student.email, "password": PASSWORD})
    seen = (await admin.get(f"/users/{student.id}/sessions")).json()
    assert seen["total"] == 2
    assert not any(each["is_current"] for each in seen["items"])
    assert (await student.get(f"/users/{student.id}/sessions")).status_code == 403
    assert (await student.delete(f"/users/{admin.id}/sessions")).status_code == 403
    stranger = await other_school.person("admin")
    assert (await stranger.get(f"/users/{student.id}/sessions")).status_code == 404
    assert (await stranger.delete(f"/users/{student.id}/sessions")).status_code == 404
    assert len(await living_sessions(school, student.id)) == 2
    assert (await admin.delete(f"/users/{student.id}/sessions")).status_code == 204
    assert await living_sessions(school, student.id) == []
    assert (await student.get("/users/me")).status_code == 401


async def test_sessions_of_operators_are_for_operators(school: School, admin: Person, operator: Person) -> None:
    assert (await admin.delete(f"/users/{operator.id}/sessions")).status_code == 403
    assert (await operator.get("/users/me")).status_code == 200


async def test_many_people_cost_as_much_as_one(school: School, admin: Person, query_count: Callable[[], int]) -> None:
    async def cost(path: str) -> int:
        before = query_count()
        await text_of(admin.client, path)
        return query_count() - before

    await cost("/admin/users")
    few = await cost("/admin/users")
    for number in range(30):
        person = {"email": f"p{number}@school.test", "role": "student", "first_name": "P", "last_name": "Test"}
        assert (await admin.post("/users", json=person)).status_code == 201
    assert await cost("/admin/users?limit=100") == few
    before = query_count()
    await admin.get("/users?limit=100")
    assert few - (query_count() - before) <= 3
