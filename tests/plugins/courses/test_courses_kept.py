"""The kept catalogue: the same bytes for everyone, and never old ones once a change has been acknowledged."""

from collections.abc import AsyncIterator, Callable

import httpx
import msgspec
import pytest

from kernel import kept_answers
from kernel.app import create_app, opened, served
from kernel.deployment import Deployment
from kernel.kept_answers import KeptAnswer, KeptAnswers
from kernel.settings import Settings
from kernel.testing import Person, School, SchoolFactory
from tests.plugins.courses.conftest import Deliver, ask, draft, published


def client_of(process: Deployment, school: School, person: Person) -> httpx.AsyncClient:
    """Return a client with which somebody asks another process of the deployment."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=served(create_app(process))),
        base_url=f"http://{school.host}/api/v1",
        headers={"Authorization": person.client.headers["Authorization"]},
    )


@pytest.fixture
async def elsewhere(
    database: str, settings: Settings, student: Person, school: School
) -> AsyncIterator[httpx.AsyncClient]:
    """The student at a second process of the deployment, which has kept nothing yet."""
    async with opened(settings) as second, client_of(second, school, student) as client:
        yield client


async def card(client: httpx.AsyncClient | Person) -> dict[str, object]:
    """Return the only card of the catalogue."""
    (item,) = (await client.get("/courses")).json()["items"]
    return dict(item)


async def test_second_asking_reads_nothing_from_the_database(
    instructor: Person, student: Person, school: School, query_count: Callable[[], int]
) -> None:
    await published(instructor)
    other = await school.person("student")
    first = await student.get("/courses?limit=5&sort=newest")
    before = query_count()
    # Whoever asks, in whichever order.
    answers = [await student.get("/courses?limit=5&sort=newest"), await other.get("/courses?sort=newest&limit=5")]
    assert query_count() == before
    assert [answer.content for answer in answers] == [first.content] * 2
    assert {answer.headers["etag"] for answer in answers} == {first.headers["etag"]}
    assert first.headers["cache-control"] == "private, no-cache"


async def test_a_client_that_has_the_answer_gets_none(instructor: Person, student: Person) -> None:
    course = await published(instructor)
    first = await student.get("/courses")
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        answer = await student.get("/courses", headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", first.headers["etag"])
    await ask(instructor, "PATCH", course.path, json={"title": "Another"})
    changed = await student.get("/courses", headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.json()["items"][0]["title"]) == (200, "Another")


async def test_every_change_is_seen_at_once_in_every_process(
    instructor: Person, student: Person, admin: Person, school: School, elsewhere: httpx.AsyncClient, deliver: Deliver
) -> None:
    category = await ask(admin, "POST", "/categories", status=201, json={"name": "Crafts"})
    course = await published(instructor, title="First", category_id=category["id"], is_free=True)
    await deliver()
    assert await card(student) == await card(elsewhere)

    async def seen(name: str) -> list[object]:
        return [(await card(client))[name] for client in (student, elsewhere)]

    await ask(instructor, "PATCH", course.path, json={"title": "Second"})
    assert await seen("title") == ["Second"] * 2
    await ask(admin, "PUT", f"{course.path}/feature")
    assert await seen("is_featured") == [True] * 2
    renamed = await ask(admin, "PATCH", f"/categories/{category['id']}", json={"name": "Arts"})
    assert [each["name"] for each in await seen("category")] == [renamed["name"]] * 2  # type: ignore[index]
    await ask(instructor, "PATCH", f"/users/{instructor.id}", json={"first_name": "Renamed"})
    assert [each["first_name"] for each in await seen("instructor")] == ["Renamed"] * 2  # type: ignore[index]
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    await deliver()
    assert await seen("total_enrolled") == [1] * 2
    await ask(admin, "DELETE", f"/categories/{category['id']}", status=204)
    assert await seen("category") == [None] * 2
    async with school.db() as db:
        driver = await db.driver()
        await driver.execute("UPDATE courses.courses SET title = 'By the driver' WHERE id = $1", course.id)
    assert await seen("title") == ["By the driver"] * 2
    await ask(instructor, "POST", f"{course.path}/archive")
    assert [(await client.get("/courses")).json()["total"] for client in (student, elsewhere)] == [0, 0]


async def test_what_only_some_may_see_is_kept_for_each_alone(
    instructor: Person, student: Person, admin: Person, school: School, query_count: Callable[[], int]
) -> None:
    course = await draft(instructor)
    colleague = await school.person("instructor")
    first = await instructor.get("/courses?mine=true")
    before = query_count()
    again = await instructor.get("/courses?mine=true")
    assert (again.content, again.json()["total"], query_count()) == (first.content, 1, before)
    assert [(await each.get("/courses?mine=true")).json()["total"] for each in (colleague, student)] == [0, 0]
    assert (await admin.get("/courses?status=draft")).json()["total"] == 1
    assert [(await each.get("/courses?status=draft")).status_code for each in (student, colleague)] == [403, 403]
    await ask(instructor, "PATCH", course.path, json={"title": "Another draft"})
    assert [item["title"] for item in (await instructor.get("/courses?mine=true")).json()["items"]] == ["Another draft"]
    changed = await admin.patch(f"/users/{instructor.id}", json={"role": "student"})
    assert changed.status_code == 200, changed.text
    assert (await instructor.get("/courses?mine=true")).json()["total"] == 1


async def test_kept_answers_open_no_door(new_school: SchoolFactory) -> None:
    shut, opened_school = await new_school(), await new_school(settings={"courses": {"public_catalogue": True}})
    for school in (shut, opened_school):
        await published(await school.person("instructor"), title=school.host)
        member, stranger = await school.person("student"), await school.client()
        assert [item["title"] for item in (await member.get("/courses")).json()["items"]] == [school.host]
        answer = await stranger.get("/courses")
        assert answer.status_code == (200 if school is opened_school else 401)


async def test_without_redis_nothing_is_kept(
    database: str, settings: Settings, instructor: Person, student: Person, school: School
) -> None:
    course = await published(instructor, title="First")
    nowhere = msgspec.structs.replace(settings, redis_url="unix:///nowhere/valkey.sock")
    async with opened(nowhere) as lonely, client_of(lonely, school, student) as client:
        assert (await card(client))["title"] == "First"
        await ask(instructor, "PATCH", course.path, json={"title": "Second"})
        answer = await client.get("/courses")
        assert (answer.json()["items"][0]["title"], "etag" in answer.headers) == ("Second", False)


async def test_what_redis_forgot_is_not_believed(
    instructor: Person, student: Person, deployment: Deployment, school: School
) -> None:
    course = await published(instructor, title="First")
    assert (await card(student))["title"] == "First"
    await deployment.redis.delete(f"t:{school.id}:content:courses.catalogue")
    # A change that found no version to replace leaves one.
    await ask(instructor, "PATCH", course.path, json={"title": "Second"})
    assert (await card(student))["title"] == "Second"


async def test_the_least_used_answers_are_forgotten_first(
    monkeypatch: pytest.MonkeyPatch, deployment: Deployment
) -> None:
    answers = KeptAnswers(deployment.gate, ())
    monkeypatch.setattr(kept_answers, "MOST_BYTES", 2_500)
    for number in range(3):
        answers.put((number,), KeptAnswer((), bytes(40), b""))
        answers.get((0,))
    assert [answers.get((number,)) is not None for number in range(3)] == [True, False, True]
    answers.put((3,), KeptAnswer((), bytes(2_000_000), b""))
    assert answers.get((3,)) is None
    # Empty ones take room too: a stranger may ask for as many pages beyond the last as there are numbers.
    for number in range(10):
        answers.put(("", f"offset={number}"), KeptAnswer((), b"", b""))
    assert [answers.get(("", f"offset={number}")) is not None for number in range(10)] == [False] * 8 + [True] * 2
