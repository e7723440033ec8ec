"""Who may do what, route by route: anonymous, student, instructor, other instructor, administrator, other school."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import httpx
import pytest

from kernel.testing import School
from plugins.codes.routes import ROUTES
from tests.plugins.codes.conftest import Classroom, ClassroomFactory

Clients = Mapping[str, httpx.AsyncClient]
VIEWED = {"admin": 200, "owner": 200, "other": 404, "student": 403, "anonymous": 401, "foreign": 404}
MAY: Mapping[str, Mapping[str, int]] = {
    "POST generate": {**VIEWED, "admin": 201, "owner": 201},
    "POST redeem": {"admin": 403, "owner": 403, "other": 403, "student": 200, "anonymous": 401, "foreign": 403},
    "POST check": {"admin": 403, "owner": 403, "other": 403, "student": 200, "anonymous": 401, "foreign": 403},
    "GET list": {**VIEWED, "other": 200, "foreign": 200},
    "GET export": {**VIEWED, "other": 200, "foreign": 200},
    "GET usage": {**VIEWED, "other": 200, "foreign": 200},
    "GET batches": {**VIEWED, "other": 200, "foreign": 200},
    "POST batches": {**VIEWED, "admin": 202, "owner": 202},
    "GET batch": VIEWED,
    "DELETE batch": {**VIEWED, "admin": 204, "owner": 204},
    "GET batch-redemptions": VIEWED,
    "GET code": VIEWED,
    "GET redemptions": VIEWED,
    "GET attempts": VIEWED,
    "GET log": {**VIEWED, "owner": 403, "other": 403, "foreign": 200},
    "PATCH code": VIEWED,
    "DELETE code": {**VIEWED, "admin": 204, "owner": 204},
}
PATHS = {
    "generate": "/access-codes/generate",
    "redeem": "/access-codes/redeem",
    "check": "/access-codes/check",
    "list": "/access-codes",
    "export": "/access-codes/export",
    "usage": "/access-codes/usage",
    "batches": "/access-codes/batches",
    "batch": "/access-codes/batches/{batch_id}",
    "batch-redemptions": "/access-codes/batches/{batch_id}/redemptions",
    "attempts": "/access-codes/{code_id}/attempts",
    "log": "/access-codes/attempts",
    "redemptions": "/access-codes/{code_id}/redemptions",
    "code": "/access-codes/{code_id}",
}


@pytest.fixture
async def clients(classroom: Classroom, other_school: School, new_classroom: ClassroomFactory) -> Clients:
    """Everybody who knocks; `foreign` is an administrator of another school that has codes of its own."""
    foreign = await new_classroom(other_school)
    await foreign.order(count=2)
    return {
        "admin": classroom.admin.client,
        "owner": classroom.instructor.client,
        "other": (await classroom.school.person("instructor")).client,
        "student": (await classroom.student()).client,
        "anonymous": await classroom.school.client(),
        "foreign": foreign.admin.client,
    }


async def knock(client: httpx.AsyncClient, route: str, course_id: UUID, code: dict[str, Any]) -> httpx.Response:
    """Send the request of one row of the table."""
    method, _, what = route.partition(" ")
    path = PATHS[what].format(code_id=code["id"], batch_id=code["batch_id"])
    bodies: dict[str, dict[str, Any]] = {
        "POST generate": {"course_id": str(course_id), "type": "single_use"},
        "POST batches": {"course_id": str(course_id), "type": "single_use"},
        "POST redeem": {"code": code["code"]},
        "POST check": {"code": code["code"]},
        "PATCH code": {"label": "Changed"},
    }
    return await client.request(method, path, json=bodies.get(route))


@pytest.mark.parametrize("route", MAY)
async def test_each_route_lets_in_whom_the_table_says(classroom: Classroom, clients: Clients, route: str) -> None:
    answers = {
        who: (await knock(client, route, classroom.course_id, await classroom.code())).status_code
        for who, client in clients.items()
    }

    assert answers == MAY[route]


def test_every_route_stands_in_the_table() -> None:
    rows = {(method, PATHS[what]) for method, what in (route.split() for route in MAY)}
    routes = {
        (method, path.replace(":uuid", ""))
        for handler in ROUTES
        for path in handler.paths
        for method in handler.http_methods
    }
    assert rows == routes


async def test_a_video_of_somebody_else_takes_no_codes(classroom: Classroom, clients: Clients) -> None:
    order = {"video_id": str(classroom.video_id), "type": "single_use"}

    answers = {
        who: (await client.post("/access-codes/generate", json=order)).status_code for who, client in clients.items()
    }

    assert answers == MAY["POST generate"]


@pytest.mark.parametrize("route", ["PATCH code", "DELETE code", "DELETE batch"])
async def test_a_refused_change_changes_nothing(classroom: Classroom, clients: Clients, route: str) -> None:
    code = await classroom.code(label="As it was")
    before = await classroom.detail(code)

    for who in ("other", "student", "anonymous", "foreign"):
        await knock(clients[who], route, classroom.course_id, code)

    assert await classroom.detail(code) == before


async def test_the_list_holds_what_each_may_see(classroom: Classroom, clients: Clients) -> None:
    codes = [(await classroom.code())["id"] for _ in range(2)]

    seen = {who: (await clients[who].get("/access-codes")).json() for who in ("admin", "owner", "other", "foreign")}

    assert [item["id"] for item in seen["admin"]["items"]] == codes[::-1]
    assert seen["owner"] == seen["admin"]
    assert (seen["other"]["items"], seen["other"]["total"]) == ([], 0)
    assert seen["foreign"]["total"] == 2
    assert not set(codes) & {item["id"] for item in seen["foreign"]["items"]}


async def test_batches_documents_and_counts_hold_what_each_may_see(classroom: Classroom, clients: Clients) -> None:
    batch = await classroom.order(count=3)

    async def seen(who: str) -> tuple[int, int, int]:
        page = (await clients[who].get("/access-codes/batches")).json()
        document = (await clients[who].get(f"/access-codes/export?batch_id={batch['batch_id']}")).text
        usage = (await clients[who].get(f"/access-codes/usage?batch_id={batch['batch_id']}")).json()
        ids = [item["id"] for item in page["items"]]
        assert page["total"] == len(ids)
        return ids.count(batch["batch_id"]), document.count("\r\n") - 1, usage["codes"]["unused"]

    assert {who: await seen(who) for who in ("admin", "owner", "other", "foreign")} == {
        "admin": (1, 3, 3),
        "owner": (1, 3, 3),
        "other": (0, 0, 0),
        "foreign": (0, 0, 0),
    }


async def test_an_administrators_code_belongs_to_the_courses_instructor(classroom: Classroom) -> None:
    order = {"course_id": str(classroom.course_id), "type": "single_use"}
    made = (await classroom.admin.post("/access-codes/generate", json=order)).json()["items"][0]

    assert (await classroom.detail(made))["code"] == made["code"]
    assert made["created_by"] == str(classroom.admin.id)
