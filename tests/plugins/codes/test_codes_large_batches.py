"""Many codes, made in the background: what the batch says meanwhile, and what ends it early."""

from typing import Any

from kernel.testing import Recorder
from plugins.codes.actions import large_batches
from plugins.codes.events import CodesGenerated
from tests.plugins.codes.conftest import Classroom, redeem


async def begin(classroom: Classroom, **terms: Any) -> dict[str, Any]:
    order = {"course_id": str(classroom.course_id), "type": "single_use", **terms}
    answer = await classroom.instructor.post("/access-codes/batches", json=order)
    assert answer.status_code == 202, answer.text
    begun: dict[str, Any] = answer.json()
    return begun


async def batch_of(classroom: Classroom, begun: dict[str, Any]) -> dict[str, Any]:
    details = (await classroom.instructor.get(f"/access-codes/batches/{begun['batch_id']}")).json()
    card: dict[str, Any] = details["batch"]
    return card


async def codes_of(classroom: Classroom, begun: dict[str, Any]) -> list[dict[str, Any]]:
    page = (await classroom.instructor.get(f"/access-codes?batch_id={begun['batch_id']}&limit=100")).json()
    codes: list[dict[str, Any]] = page["items"]
    return codes


async def test_a_task_makes_what_is_missing(classroom: Classroom, recorder: Recorder, monkeypatch: Any) -> None:
    monkeypatch.setattr(large_batches, "_SLICE", 3)
    terms = {"label": "Fair", "allowed_domains": ["school.example"], "access_days": 9, "count": 8}
    begun = await begin(classroom, **terms)
    first = await batch_of(classroom, begun)
    assert (first["count"], first["missing"]) == (8, 7)

    await classroom.school.settle()

    task = (await classroom.instructor.get(f"/tasks/{begun['task_id']}")).json()
    assert (task["status"], task["progress"]["done"], task["progress"]["total"]) == ("done", 8, 8)
    assert task["result"] == {"batch_id": begun["batch_id"]}
    card = await batch_of(classroom, begun)
    assert (card["count"], card["missing"], card["active"]) == (8, 0, 8)
    codes = await codes_of(classroom, begun)
    assert len({code["code"] for code in codes}) == 8
    assert {(code["label"], code["access_days"], code["type"]) for code in codes} == {("Fair", 9, "single_use")}
    details = await classroom.detail(codes[0])
    assert details["allowed_domains"] == ["school.example"]
    assert [event.count for event in recorder.of(CodesGenerated)] == [8]


async def test_what_is_switched_off_is_not_filled_up(classroom: Classroom) -> None:
    begun = await begin(classroom, count=5)
    answer = await classroom.instructor.delete(f"/access-codes/batches/{begun['batch_id']}")
    assert answer.status_code == 204

    await classroom.school.settle()

    assert [code["state"] for code in await codes_of(classroom, begun)] == ["inactive"]
    assert (await batch_of(classroom, begun))["missing"] == 0


async def test_one_code_needs_no_task_to_be_whole(classroom: Classroom, recorder: Recorder) -> None:
    begun = await begin(classroom, count=1)
    (code,) = await codes_of(classroom, begun)
    assert (await redeem(await classroom.student(), code)).status_code == 200
    await classroom.school.settle()
    assert len(await codes_of(classroom, begun)) == 1
    assert [event.count for event in recorder.of(CodesGenerated)] == [1]


async def test_terms_that_do_not_fit_are_refused_at_once(classroom: Classroom) -> None:
    order = {"course_id": str(classroom.course_id), "type": "multi_use"}
    answer = await classroom.instructor.post("/access-codes/batches", json=order)
    assert (answer.status_code, answer.json()["code"]) == (400, "codes.terms_invalid")
