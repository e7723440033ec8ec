"""Batches and what they tell, finding codes by state and text, and how codes are used."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from kernel.testing import FakeClock, Person, School
from plugins.codes.tables import AccessCode
from tests.plugins.codes.conftest import Classroom, redeem


async def got(person: Person, path: str) -> Any:
    answer = await person.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def found(classroom: Classroom, **query: str) -> list[str]:
    answer = await classroom.instructor.get("/access-codes", params={"limit": "100", **query})
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total"] == len(page["items"])
    return [item["id"] for item in page["items"]]


async def test_a_batch_tells_how_far_it_is_used_up(classroom: Classroom) -> None:
    batch = await classroom.order(count=4, max_uses=2, label="Autumn")
    first, second, third, _ = batch["items"]
    for code in (first, first, second):
        assert (await redeem(await classroom.student(), code)).status_code == 200
    await classroom.instructor.delete(f"/access-codes/{third['id']}")
    video = await classroom.order(video_id=str(classroom.video_id))

    page = await got(classroom.instructor, "/access-codes/batches")

    assert [item["id"] for item in page["items"]] == [video["batch_id"], batch["batch_id"]]
    assert page["items"][0]["video_title"] == "The saw"
    card = page["items"][1]
    assert (card["created_by"]["id"], card.pop("created_by")["first_name"]) == (
        str(classroom.instructor.id),
        "Instructor",
    )
    del card["created_at"]
    assert card == {
        "id": batch["batch_id"],
        "kind": "course",
        "course_id": str(classroom.course_id),
        "course_title": "Tables and chairs",
        "video_id": None,
        "video_title": None,
        "label": "Autumn",
        "count": 4,
        "used": 2,
        "redeemed": 3,
        "active": 2,
        "paused": 0,
        "missing": 0,
        "uses": 8,
        "expires_at": None,
    }


async def test_batches_are_narrowed_by_what_they_are_for(classroom: Classroom) -> None:
    course, video = await classroom.order(), await classroom.order(video_id=str(classroom.video_id))

    async def ids(query: str) -> list[str]:
        page = await got(classroom.instructor, f"/access-codes/batches?{query}")
        assert page["total"] == len(page["items"])
        return [item["id"] for item in page["items"]]

    assert await ids(f"video_id={classroom.video_id}") == [video["batch_id"]]
    assert await ids(f"course_id={classroom.course_id}") == [video["batch_id"], course["batch_id"]]
    assert await ids(f"course_id={video['batch_id']}") == []


async def test_batches_are_found_by_label_code_and_whether_they_are_open(classroom: Classroom) -> None:
    autumn, closed = await classroom.order(label="Autumn % fair"), await classroom.order(label="Closed")
    await classroom.instructor.delete(f"/access-codes/{closed['items'][0]['id']}")

    async def ids(**query: str) -> list[str]:
        answer = await classroom.instructor.get("/access-codes/batches", params=query)
        assert answer.json()["total"] == len(answer.json()["items"])
        return [item["id"] for item in answer.json()["items"]]

    assert await ids(q="tumn %") == [autumn["batch_id"]]
    assert await ids(q=closed["items"][0]["code"].lower()) == [closed["batch_id"]]
    assert await ids(q="%") == [autumn["batch_id"]]
    assert await ids(is_open="true") == [autumn["batch_id"]]
    assert await ids(is_open="false", q="closed") == [closed["batch_id"]]


async def test_the_last_end_of_a_batch_is_told_when_all_its_codes_end(classroom: Classroom) -> None:
    batch = await classroom.order(count=2, type="unlimited", expires_at="2090-01-01T00:00:00Z")
    later = {"expires_at": "2091-01-01T00:00:00Z"}
    await classroom.instructor.patch(f"/access-codes/{batch['items'][0]['id']}", json=later)

    async def card() -> tuple[int | None, str | None]:
        details = await got(classroom.instructor, f"/access-codes/batches/{batch['batch_id']}")
        return details["batch"]["uses"], details["batch"]["expires_at"]

    assert await card() == (None, "2091-01-01T00:00:00Z")
    await classroom.instructor.patch(f"/access-codes/{batch['items'][1]['id']}", json={"expires_at": None})
    assert await card() == (None, None)


async def test_batches_cost_the_same_for_one_and_for_thirty(
    classroom: Classroom, query_count: Callable[[], int]
) -> None:
    costs = []
    for more in (1, 29):
        for _ in range(more):
            await classroom.order(video_id=str(classroom.video_id))
        for path in ("/access-codes/batches?limit=100", "/access-codes/usage"):
            before = query_count()
            await got(classroom.instructor, path)
            costs.append(query_count() - before)
    assert costs[:2] == costs[2:]


async def test_usage_counts_states_days_and_refusals(classroom: Classroom, fake_clock: FakeClock) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    batch = await classroom.order(count=3, max_uses=2, expires_at=soon)
    first, second, _ = batch["items"]
    people = [await classroom.student() for _ in range(3)]
    for person, code in zip(people, (first, first, second), strict=True):
        await redeem(person, code)
    await redeem(people[2], second)
    other = await classroom.code(type="unlimited", allowed_emails=["noor@example.com"])
    await redeem(people[0], other)
    today = datetime.now(UTC).date()

    details = await got(classroom.instructor, f"/access-codes/batches/{batch['batch_id']}?days=2")

    assert details["batch"]["id"] == batch["batch_id"]
    none = dict.fromkeys(("unused", "used", "exhausted", "expired", "paused", "inactive"), 0)
    assert details["usage"] == {
        "codes": none | {"unused": 1, "used": 1, "exhausted": 1, "redeemed": 3},
        "redeemed_by_day": [
            {"day": (today - timedelta(days=1)).isoformat(), "count": 0},
            {"day": today.isoformat(), "count": 3},
        ],
        "refused": [{"outcome": "codes.already_redeemed", "count": 1}],
    }
    everything = await got(classroom.instructor, f"/access-codes/usage?course_id={classroom.course_id}&days=1")
    assert everything["codes"] == none | {"unused": 2, "used": 1, "exhausted": 1, "redeemed": 3}
    assert [each["outcome"] for each in everything["refused"]] == ["codes.already_redeemed", "codes.not_for_you"]
    fake_clock.advance(hours=2)
    admin = await classroom.school.person("admin")
    later = await got(admin, f"/access-codes/usage?batch_id={batch['batch_id']}&days=1")
    assert later["codes"] == none | {"expired": 2, "exhausted": 1, "redeemed": 3}


async def test_days_of_usage_are_those_of_the_school(
    new_school: Any, new_classroom: Any, fake_clock: FakeClock
) -> None:
    school: School = await new_school(settings={"general": {"timezone": "Pacific/Kiritimati"}})
    classroom: Classroom = await new_classroom(school)
    today = (datetime.now(UTC) + timedelta(hours=14)).date()
    await redeem(await classroom.student(), await classroom.code())
    usage = await got(classroom.instructor, "/access-codes/usage?days=1")
    assert usage["redeemed_by_day"] == [{"day": today.isoformat(), "count": 1}]
    for days in (0, 367):
        assert (await classroom.instructor.get(f"/access-codes/usage?days={days}")).status_code == 400


async def test_a_batch_is_deactivated_as_a_whole_and_twice_is_no_different(
    classroom: Classroom, query_count: Callable[[], int]
) -> None:
    batch, other = await classroom.order(count=30), await classroom.code()
    used = batch["items"][0]
    student = await classroom.student()
    await redeem(student, used)
    path = f"/access-codes/batches/{batch['batch_id']}"

    before = query_count()
    assert (await classroom.instructor.delete(path)).status_code == 204
    assert query_count() - before == 3
    logged = await classroom.school.audit_log("codes.access_codes")
    assert [entry.action for entry in logged].count("codes.access_codes.updated") == 30 + 1
    assert (await classroom.instructor.delete(path)).status_code == 204

    assert await classroom.school.audit_log("codes.access_codes") == logged
    assert await found(classroom, state="inactive") == sorted((item["id"] for item in batch["items"]), reverse=True)
    assert await found(classroom, is_active="true") == [other["id"]]
    assert (await redeem(await classroom.student(), used)).json()["code"] == "codes.inactive"
    assert (await student.get(f"/courses/{classroom.course_id}")).json()["enrollment"]["status"] == "active"


async def test_every_state_is_found(classroom: Classroom, fake_clock: FakeClock) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    codes = {
        "unused": await classroom.code(),
        "used": await classroom.code(),
        "exhausted": await classroom.code(type="single_use", expires_at=soon),
        "expired": await classroom.code(expires_at=soon),
        "paused": await classroom.code(),
        "inactive": await classroom.code(expires_at=soon),
    }
    for name in ("used", "exhausted"):
        await redeem(await classroom.student(), codes[name])
    await classroom.instructor.delete(f"/access-codes/{codes['inactive']['id']}")
    async with classroom.school.db() as db:
        until = datetime.now(UTC) + timedelta(hours=1)
        await db.run(update(AccessCode).where(AccessCode.id == codes["paused"]["id"]).values(paused_until=until))
    fake_clock.advance(minutes=2)

    assert {state: await found(classroom, state=state) for state in codes} == {
        state: [code["id"]] for state, code in codes.items()
    }
    told = {state: (await classroom.detail(code))["state"] for state, code in codes.items()}
    assert told == {state: state for state in codes}
    refused = await classroom.instructor.get("/access-codes?state=active")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "state")


@pytest.fixture
async def noted(classroom: Classroom) -> dict[str, dict[str, Any]]:
    """Codes that are found by different texts."""
    return {
        "label": await classroom.code(label="Autumn 100%"),
        "bound": await classroom.code(allowed_emails=["Noor@Example.com", "ben@example.com"]),
        "plain": await classroom.code(),
    }


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("autumn", ["label"]),
        ("0%", ["label"]),
        ("%", ["label"]),
        ("_", []),
        ("NOOR@example.com", ["bound"]),
        ("noor@example", []),
        ("AAAA-BBBB-CCCC", []),
    ],
)
async def test_codes_are_found_by_label_and_address(
    classroom: Classroom, noted: dict[str, Any], text: str, names: list[str]
) -> None:
    assert await found(classroom, q=text) == [noted[name]["id"] for name in names]


async def test_a_code_is_found_by_its_whole_text_by_whom_it_belongs_to(
    classroom: Classroom, noted: dict[str, Any]
) -> None:
    code = noted["plain"]
    for typed in (code["code"], code["code"].lower().replace("-", " ")):
        assert await found(classroom, q=typed) == [code["id"]]
    assert await found(classroom, q=code["code"][:-1]) == []
    assert await found(classroom, q=code["code"], state="expired") == []
    colleague = await classroom.school.person("instructor")
    assert (await colleague.get("/access-codes", params={"q": code["code"]})).json()["items"] == []


async def test_a_batch_names_who_redeemed_which_of_its_codes(
    classroom: Classroom, query_count: Callable[[], int]
) -> None:
    batch = await classroom.order(count=10, type="single_use")
    await redeem(await classroom.student(), await classroom.code())
    path = f"/access-codes/batches/{batch['batch_id']}/redemptions"
    students, costs = [], []
    page: dict[str, Any] = {}
    for codes in (batch["items"][:1], batch["items"][1:]):
        for code in codes:
            students.append(await classroom.student())
            assert (await redeem(students[-1], code)).status_code == 200
        before = query_count()
        page = await got(classroom.instructor, path)
        costs.append(query_count() - before)

    assert costs == [5, 5]
    told = [(item["code_id"], item["code"], item["user"]["id"]) for item in page["items"]]
    assert told == [
        (code["id"], code["code"], str(student.id))
        for code, student in zip(batch["items"][::-1], students[::-1], strict=True)
    ]
    assert (page["total"], "ip_address" in page["items"][0]) == (10, False)
    assert (await got(classroom.admin, f"{path}?limit=1&offset=9"))["items"][0]["ip_address"] == "127.0.0.1"
