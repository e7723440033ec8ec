"""PostgreSQL that ends, stands still, or is lost at the worst moment: 503, nothing lost, nothing twice, no restart."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from kernel.embedded import Stack
from kernel.testing import Person, School
from tests.faults.proxy import Proxy
from tests.kernel.probe.background import until
from tests.kernel.test_worker import crash_and_start

RECOVERY_BOUND_S = 10


def check_refusal(answer: httpx.Response) -> None:
    """A refusal says that it is for now, and when to come again."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0


async def _name(admin: Person, number: int) -> httpx.Response:
    """Make a category and repeat until there is an answer that is no 503, as a client should."""
    answer = await admin.post("/categories", json={"name": f"Category {number}"})
    if answer.status_code == 503:
        check_refusal(answer)
    return answer


async def _names(admin: Person) -> list[str]:
    answer = await admin.get("/categories?limit=100")
    return [each["name"] for each in answer.json()["items"]]


async def _crash_under_load(school: School, stack: Stack, *, clients: int, times: int) -> None:
    admin = await school.person("admin")
    said: Counter[int] = Counter()
    made: list[str] = []
    stop = asyncio.Event()

    async def client(number: int) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            name = f"{number}-{turn}"
            answer = await admin.post("/categories", json={"name": name})
            said[answer.status_code] += 1
            if answer.status_code == 503:
                check_refusal(answer)
            elif answer.status_code == 201:
                made.append(name)
            read = await admin.get("/categories?limit=1")
            said[read.status_code] += 1

    running = [asyncio.create_task(client(number)) for number in range(clients)]
    for _ in range(times):
        before = len(made)
        await until(lambda before=before: _has_more(made, before))  # type: ignore[misc]
        await asyncio.to_thread(crash_and_start, stack)
        async with asyncio.timeout(RECOVERY_BOUND_S):
            before = len(made)
            await until(lambda before=before: _has_more(made, before))  # type: ignore[misc]
    stop.set()
    await asyncio.gather(*running)

    assert set(said) <= {200, 201, 503}, said
    async with school.db() as db:
        rows = await (await db.driver()).fetch("SELECT name FROM courses.course_categories")
    stored = Counter(row["name"] for row in rows)
    assert set(made) <= set(stored), "an acknowledged write was lost"
    assert max(stored.values()) == 1


async def _has_more(made: list[str], before: int) -> bool:
    return len(made) > before + 3


async def test_a_crash_under_load_is_503_and_recovers_without_a_restart(school: School, own_stack: Stack) -> None:
    await _crash_under_load(school, own_stack, clients=4, times=1)


@pytest.mark.nightly
async def test_twenty_crashes_under_load_lose_nothing(school: School, own_stack: Stack) -> None:
    await _crash_under_load(school, own_stack, clients=8, times=20)


async def test_a_lost_answer_to_a_commit_is_told_and_the_repetition_gets_it(
    school: School, database_proxy: Proxy
) -> None:
    order = await _order(school)
    instructor, body = order
    commits = 0

    def lose(direction: str, data: bytes) -> bool:
        # The answer to the one transaction that writes codes: PostgreSQL has committed, and nobody hears of it.
        nonlocal commits
        if direction == "back" and b"COMMIT\x00" in data:
            commits += 1
            return True
        return False

    database_proxy.cut_when = lose
    lost = await instructor.post("/access-codes/generate", json=body, headers={"Idempotency-Key": "k"})
    database_proxy.cut_when = lambda _direction, _data: False
    again = await instructor.post("/access-codes/generate", json=body, headers={"Idempotency-Key": "k"})
    third = await instructor.post("/access-codes/generate", json=body, headers={"Idempotency-Key": "k"})

    assert (lost.status_code, lost.json()["code"], commits) == (503, "kernel.outcome_unknown", 1)
    assert (again.status_code, third.content) == (201, again.content)
    assert (await instructor.get("/access-codes")).json()["total"] == 3


async def _order(school: School) -> tuple[Person, dict[str, Any]]:
    admin, instructor = await school.person("admin"), await school.person("instructor")
    category = (await admin.post("/categories", json={"name": "Science"})).json()
    course = (await instructor.post("/courses", json={"title": "Light", "category_id": category["id"]})).json()
    return instructor, {"course_id": course["id"], "type": "single_use", "count": 3}


async def test_a_database_that_stands_still_is_given_up_in_time(school: School, database_proxy: Proxy) -> None:
    admin = await school.person("admin")
    assert (await admin.get("/categories")).status_code == 200
    database_proxy.freeze()
    try:
        answers = await asyncio.gather(*(admin.get("/users") for _ in range(3)))
    finally:
        database_proxy.cut()
        database_proxy.thaw()

    for answer in answers:
        check_refusal(answer)
    assert (await admin.get("/users")).status_code == 200


async def test_a_slow_network_changes_nothing_but_the_time(school: School, database_proxy: Proxy) -> None:
    database_proxy.delay_s = 0.02
    admin = await school.person("admin")

    answers = await asyncio.gather(*(admin.post("/categories", json={"name": f"c{n}"}) for n in range(20)))

    assert {answer.status_code for answer in answers} == {201}


async def test_connections_that_are_cut_in_the_middle_cost_one_503_each(school: School, database_proxy: Proxy) -> None:
    admin = await school.person("admin")
    database_proxy.cut_when = lambda direction, data: direction == "there" and b"Lost" in data

    refused = await admin.post("/categories", json={"name": "Lost"})
    database_proxy.cut_when = lambda _direction, _data: False

    check_refusal(refused)
    assert (await admin.post("/categories", json={"name": "Found"})).status_code == 201
    assert await _names(admin) == ["Found"]
