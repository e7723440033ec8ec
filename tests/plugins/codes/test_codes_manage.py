"""Listing, changing and deactivating codes, and seeing who redeemed them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from kernel import clock
from tests.plugins.codes.conftest import Classroom, make_course, redeem


async def listed(classroom: Classroom, query: str) -> list[str]:
    answer = await classroom.instructor.get(f"/access-codes?{query}")
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total"] == len(page["items"])
    return [item["id"] for item in page["items"]]


async def change(classroom: Classroom, code: dict[str, Any], **body: Any) -> tuple[int, dict[str, Any]]:
    answer = await classroom.instructor.patch(f"/access-codes/{code['id']}", json=body)
    return answer.status_code, answer.json()


async def test_the_list_filters_by_target_batch_and_state(classroom: Classroom) -> None:
    second_course, _ = await make_course(classroom.instructor, "Shelves")
    for_course = await classroom.code()
    for_video = await classroom.code(video_id=str(classroom.video_id))
    for_second = await classroom.code(course_id=str(second_course))
    off = await classroom.code()
    assert (await change(classroom, off, is_active=False))[0] == 200

    assert await listed(classroom, "") == [off["id"], for_second["id"], for_video["id"], for_course["id"]]
    assert await listed(classroom, f"course_id={second_course}") == [for_second["id"]]
    assert await listed(classroom, f"video_id={classroom.video_id}") == [for_video["id"]]
    assert await listed(classroom, f"batch_id={for_course['batch_id']}") == [for_course["id"]]
    assert await listed(classroom, "is_active=false") == [off["id"]]
    assert await listed(classroom, f"course_id={classroom.course_id}&is_active=true") == [
        for_video["id"],
        for_course["id"],
    ]


async def test_the_list_pages(classroom: Classroom) -> None:
    batch = await classroom.order(count=5)

    page = (await classroom.instructor.get("/access-codes?limit=2&offset=3")).json()

    expected = sorted((item["id"] for item in batch["items"]), reverse=True)[3:5]
    assert [item["id"] for item in page["items"]] == expected
    assert (page["total"], page["limit"], page["offset"]) == (5, 2, 3)


async def test_the_list_costs_the_same_for_one_and_for_thirty(
    classroom: Classroom, query_count: Callable[[], int]
) -> None:
    costs = []
    for more in (1, 29):
        await classroom.order(count=more)
        before = query_count()
        assert len((await classroom.instructor.get("/access-codes?limit=100")).json()["items"]) in (1, 30)
        costs.append(query_count() - before)

    assert costs == [3, 3], "the page, how many there are, and the note in the audit log"


async def test_redemptions_name_who_and_when(classroom: Classroom) -> None:
    code = await classroom.code()
    students = [await classroom.student() for _ in range(2)]
    for student in students:
        assert (await redeem(student, code)).status_code == 200

    page = (await classroom.instructor.get(f"/access-codes/{code['id']}/redemptions")).json()

    assert page["total"] == 2
    assert [item["user"]["id"] for item in page["items"]] == [str(student.id) for student in reversed(students)]
    assert [set(item) for item in page["items"]] == [{"id", "user", "redeemed_at"}] * 2


async def test_redemptions_tell_addresses_to_administrators_alone(classroom: Classroom) -> None:
    code = await classroom.code()
    assert (await redeem(await classroom.student(), code)).status_code == 200

    page = (await classroom.admin.get(f"/access-codes/{code['id']}/redemptions")).json()

    assert [item["ip_address"] for item in page["items"]] == ["127.0.0.1"]


async def test_redemptions_cost_the_same_for_one_and_for_ten(
    classroom: Classroom, query_count: Callable[[], int]
) -> None:
    code = await classroom.code()
    costs = []
    for more in (1, 9):
        for _ in range(more):
            assert (await redeem(await classroom.student(), code)).status_code == 200
        before = query_count()
        page = (await classroom.instructor.get(f"/access-codes/{code['id']}/redemptions")).json()
        assert len(page["items"]) in (1, 10)
        costs.append(query_count() - before)

    assert costs == [4, 4]


async def test_a_change_is_answered_and_kept(classroom: Classroom) -> None:
    code = await classroom.code()
    moment = (clock.now() + timedelta(days=3)).replace(microsecond=0).isoformat().replace("+00:00", "Z")

    status, changed = await change(classroom, code, is_active=False, expires_at=moment, max_uses=5, label="Autumn")

    assert status == 200
    expected = {"is_active": False, "expires_at": moment, "max_uses": 5, "label": "Autumn"}
    assert {name: changed[name] for name in expected} == expected
    assert changed == await classroom.detail(code)
    assert changed["code"] == code["code"]


async def test_null_takes_expiry_and_label_away_and_absence_leaves_them(classroom: Classroom) -> None:
    code = await classroom.code(label="Spring", expires_at=(clock.now() + timedelta(days=3)).isoformat())

    assert (await change(classroom, code))[1] == await classroom.detail(code)
    _, changed = await change(classroom, code, label=None, expires_at=None)

    assert (changed["label"], changed["expires_at"], changed["max_uses"]) == (None, None, 20)


async def test_the_maximum_does_not_sink_below_the_uses(classroom: Classroom) -> None:
    code = await classroom.code()
    for _ in range(2):
        assert (await redeem(await classroom.student(), code)).status_code == 200

    status, problem = await change(classroom, code, max_uses=1)
    assert (status, problem["code"]) == (409, "codes.uses_already_taken")
    assert (await change(classroom, code, max_uses=2))[0] == 200
    assert (await redeem(await classroom.student(), code)).json()["code"] == "codes.exhausted"


@pytest.mark.parametrize("type_", ["single_use", "unlimited"])
async def test_only_multi_use_codes_take_a_maximum(classroom: Classroom, type_: str) -> None:
    status, problem = await change(classroom, await classroom.code(type=type_), max_uses=3)

    assert (status, problem["code"]) == (400, "codes.terms_invalid")


async def test_other_changes_are_refused(classroom: Classroom) -> None:
    code = await classroom.code()
    before = await classroom.detail(code)
    refused: list[tuple[str, dict[str, Any]]] = [
        ("codes.terms_invalid", {"expires_at": "2020-01-01T00:00:00Z"}),
        ("kernel.invalid", {"max_uses": None}),
        ("kernel.invalid", {"is_active": None}),
        ("kernel.invalid", {"type": "unlimited"}),
        ("kernel.invalid", {"current_uses": 0}),
        ("kernel.invalid", {"paused_until": "2099-01-01T00:00:00Z"}),
        ("kernel.invalid", {"failures_from": None}),
        ("kernel.invalid", {"allowed_emails": []}),
    ]

    for reason, body in refused:
        status, problem = await change(classroom, code, **body)
        assert (status, problem["code"]) == (400, reason), body
    assert await classroom.detail(code) == before


async def test_deactivating_twice_is_no_different(classroom: Classroom) -> None:
    code = await classroom.code()

    for _ in range(2):
        answer = await classroom.instructor.delete(f"/access-codes/{code['id']}")
        assert (answer.status_code, answer.content) == (204, b"")
    assert (await classroom.detail(code))["is_active"] is False
