"""Generating: what is made, and which orders are refused."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from kernel import clock
from plugins.codes.tables import AccessCode, CodeBatch
from tests.plugins.codes.conftest import Classroom, redeem

_CODES = select(func.count()).select_from(AccessCode)
_LABELS = select(CodeBatch.label)
_COUNTS = select(CodeBatch.count)
SHAPE = re.compile(r"[A-HJ-NP-Z2-9]{4}(-[A-HJ-NP-Z2-9]{4}){2}")


async def order(classroom: Classroom, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = await classroom.instructor.post("/access-codes/generate", json=body)
    return answer.status_code, answer.json()


async def test_a_batch_is_answered_with_its_codes(classroom: Classroom) -> None:
    batch = await classroom.order(count=3, max_uses=7, label="Spring fair")

    codes = [item.pop("code") for item in batch["items"]]
    assert all(SHAPE.fullmatch(code) for code in codes)
    assert len(set(codes)) == 3
    for item in batch["items"]:
        item.pop("id")
        item.pop("created_at")
        assert item == {
            "kind": "course",
            "course_id": str(classroom.course_id),
            "video_id": None,
            "type": "multi_use",
            "max_uses": 7,
            "current_uses": 0,
            "expires_at": None,
            "access_days": None,
            "is_active": True,
            "paused_until": None,
            "state": "unused",
            "label": "Spring fair",
            "batch_id": batch["batch_id"],
            "created_by": str(classroom.instructor.id),
        }
    async with classroom.school.db() as db:
        assert await db.values(_LABELS) == ["Spring fair"]
        assert await db.values(_COUNTS) == [3]


async def test_what_was_answered_is_what_is_listed(classroom: Classroom) -> None:
    batch = await classroom.order(count=5)

    listed = (await classroom.instructor.get(f"/access-codes?batch_id={batch['batch_id']}")).json()

    assert (listed["total"], listed["limit"], listed["offset"]) == (5, 20, 0)
    assert listed["items"] == sorted(batch["items"], key=lambda item: item["id"], reverse=True)


@pytest.mark.parametrize(("type_", "max_uses"), [("single_use", 1), ("multi_use", 20), ("unlimited", None)])
async def test_the_type_says_how_often(classroom: Classroom, type_: str, max_uses: int | None) -> None:
    assert (await classroom.code(type=type_))["max_uses"] == max_uses


async def test_a_video_code_names_its_course_too(classroom: Classroom) -> None:
    code = await classroom.code(video_id=str(classroom.video_id))

    assert (code["kind"], code["course_id"], code["video_id"]) == (
        "video",
        str(classroom.course_id),
        str(classroom.video_id),
    )


async def test_bindings_are_kept_in_lower_case(classroom: Classroom) -> None:
    code = await classroom.code(allowed_emails=["Ada@Example.com"], allowed_domains=["School.Example"])

    detail = await classroom.detail(code)

    assert (detail["allowed_emails"], detail["allowed_domains"]) == (["ada@example.com"], ["school.example"])


async def test_ten_thousand_codes_are_one_order(classroom: Classroom) -> None:
    batch = await classroom.order(type="single_use", count=10_000)

    assert len({item["code"] for item in batch["items"]}) == 10_000
    async with classroom.school.db() as db:
        assert await db.value(_CODES) == 10_000
    assert (await redeem(await classroom.student(), batch["items"][-1])).status_code == 200


UNFIT: list[tuple[str, dict[str, Any]]] = [
    ("max_uses", {"type": "multi_use"}),
    ("max_uses", {"type": "single_use", "max_uses": 1}),
    ("max_uses", {"type": "unlimited", "max_uses": 5}),
    ("course_id", {"video_id": str(uuid4())}),
    ("course_id", {"course_id": None}),
    ("expires_at", {"expires_at": "2020-01-01T00:00:00Z"}),
    ("expires_at", {"expires_at": "9999-12-31T23:59:59-23:00"}),
]
OUT_OF_BOUNDS: list[tuple[str, dict[str, Any]]] = [
    ("type", {"type": "forever"}),
    ("count", {"count": 0}),
    ("count", {"count": 10_001}),
    ("max_uses", {"max_uses": 0, "type": "multi_use"}),
    ("max_uses", {"max_uses": 2**31, "type": "multi_use"}),
    ("expires_at", {"expires_at": "2030-01-01T00:00:00"}),
    ("label", {"label": ""}),
    ("label", {"label": "x" * 201}),
    ("allowed_emails[0]", {"allowed_emails": ["ada"]}),
    ("allowed_emails", {"allowed_emails": ["a@b"] * 1001}),
    ("allowed_domains[0]", {"allowed_domains": ["@example.com"]}),
    ("current_uses", {"current_uses": 5}),
    ("created_by", {"created_by": str(uuid4())}),
    ("tenant_id", {"tenant_id": str(uuid4())}),
]


@pytest.mark.parametrize(("code", "orders"), [("codes.terms_invalid", UNFIT), ("kernel.invalid", OUT_OF_BOUNDS)])
async def test_a_wrong_order_names_the_field_and_makes_nothing(
    classroom: Classroom, code: str, orders: list[tuple[str, dict[str, Any]]]
) -> None:
    whole = {"course_id": str(classroom.course_id), "type": "single_use"}

    for field, change in orders:
        status, problem = await order(classroom, **{**whole, **change})
        fields = [each["field"] for each in problem["errors"]]
        assert (status, problem["code"], fields) == (400, code, [field]), change
    async with classroom.school.db() as db:
        assert await db.value(_CODES) == 0


async def test_an_expiry_is_kept_to_the_moment(classroom: Classroom) -> None:
    moment = (clock.now() + timedelta(days=30)).replace(microsecond=0)

    code = await classroom.code(expires_at=moment.isoformat())

    assert code["expires_at"] == moment.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("target", ["course_id", "video_id"])
async def test_a_target_that_is_not_there_is_not_found(classroom: Classroom, target: str) -> None:
    status, _ = await order(classroom, **{target: str(uuid4()), "type": "single_use"})

    assert status == 404
