"""Idempotency-Key: repeated, doubled, crashed, expired; the effect is there once and the answer stays the same."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import httpx
import msgspec
import pytest

from kernel.app import opened
from kernel.idempotency import prune
from kernel.queue import KERNEL_TASKS
from kernel.settings import Settings
from kernel.testing import School
from tests.kernel.conftest import LAB, Process, SignedIn, annex, sign_in
from tests.kernel.fakes import fake, refusal, route


@pytest.fixture
async def admin(school: School) -> SignedIn:
    return await sign_in(school, "admin")


async def _make(
    client: httpx.AsyncClient, who: SignedIn, key: str | None, name: str = "a", path: str = "/lab/things"
) -> httpx.Response:
    headers = who.headers | ({"Idempotency-Key": key} if key is not None else {})
    return await client.post(path, json={"name": name}, headers=headers)


async def _fetch(school: School, statement: str) -> list[Any]:
    async with school.db() as db:
        return [tuple(row) for row in await (await db.driver()).fetch(statement)]


async def _names(school: School) -> list[str]:
    return [name for (name,) in await _fetch(school, "SELECT name FROM lab.things ORDER BY name")]


async def test_a_repeated_request_gets_the_first_answer_and_does_nothing(
    school: School, client: httpx.AsyncClient, admin: SignedIn
) -> None:
    first = await _make(client, admin, "k")
    again = await _make(client, admin, '"k"')

    assert (first.status_code, first.headers["content-type"]) == (201, "application/json")
    assert (again.status_code, again.content, again.headers["content-type"]) == (
        201,
        first.content,
        "application/json",
    )
    assert await _names(school) == ["a"]


async def test_an_empty_answer_is_given_again_too(school: School, client: httpx.AsyncClient, admin: SignedIn) -> None:
    answers = [await _make(client, admin, "k", path="/lab/things/slowly") for _ in range(2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    assert len(await _names(school)) == 1


async def test_without_a_key_or_with_another_it_is_done_again(
    school: School, client: httpx.AsyncClient, admin: SignedIn
) -> None:
    for name, key in zip("abcd", ("k", "l", None, None), strict=True):
        assert (await _make(client, admin, key, name)).status_code == 201

    assert await _names(school) == ["a", "b", "c", "d"]


async def test_a_key_belongs_to_one_request_of_one_person_of_one_school(
    lab: Process, school: School, client: httpx.AsyncClient, admin: SignedIn
) -> None:
    await _make(client, admin, "k")

    other_body = await _make(client, admin, "k", "b")
    other_route = await _make(client, admin, "k", path="/lab/things/slowly")
    other_person = await _make(client, await sign_in(school, "admin"), "k", "c")
    elsewhere = await lab.school()
    other_school = await _make(await lab.client(elsewhere), await sign_in(elsewhere, "admin"), "k", "d")

    for answer in (other_body, other_route):
        assert (answer.status_code, answer.json()["code"]) == (409, "kernel.idempotency_mismatch")
    assert (other_person.status_code, other_school.status_code) == (201, 201)
    assert (await _names(school), await _names(elsewhere)) == (["a", "c"], ["d"])


async def test_a_refusal_is_not_kept(school: School, client: httpx.AsyncClient, admin: SignedIn) -> None:
    for _ in range(2):
        answer = await _make(client, admin, "k", path="/lab/refusals")
        assert (answer.status_code, answer.json()["code"]) == (409, "lab.refused")

    assert await _fetch(school, "SELECT what FROM lab.attempts") == [("a",), ("a",)]
    assert await _fetch(school, "SELECT key FROM kernel.idempotency_keys") == []
    assert (await _make(client, admin, "k")).status_code == 201


@pytest.mark.parametrize("path", ["/lab/things", "/lab/things/slowly"])
async def test_many_at_once_on_two_processes_have_one_effect(
    lab: Process, second_lab: Process, school: School, admin: SignedIn, path: str
) -> None:
    clients = [await process.client(school) for process in (lab, second_lab)]

    answers = await asyncio.gather(*(_make(clients[number % 2], admin, "k", path=path) for number in range(12)))

    # One that lost the race after giving its connection back is asked to come again, and then gets the answer.
    done = {(answer.status_code, answer.content) for answer in answers if answer.status_code != 503}
    again = await _make(clients[0], admin, "k", path=path)
    assert done == {(again.status_code, again.content)}
    assert again.status_code in (201, 204)
    assert "slowly" in path or not [answer for answer in answers if answer.status_code == 503]
    assert len(await _names(school)) == 1


async def test_what_is_kept_can_be_read_with_the_key_alone(
    school: School, client: httpx.AsyncClient, admin: SignedIn
) -> None:
    await _make(client, admin, "k", "swordfish")

    ((kept,),) = await _fetch(school, "SELECT to_jsonb(k)::text FROM kernel.idempotency_keys k")
    assert "swordfish" not in kept


async def test_an_answer_under_a_removed_secret_is_gone_and_the_effect_stays_single(
    lab_settings: Settings, school: School, client: httpx.AsyncClient, admin: SignedIn
) -> None:
    await _make(client, admin, "k")
    await _fetch(school, "UPDATE kernel.idempotency_keys SET fingerprint = 'feed0000.00'")

    answer = await _make(client, admin, "k")
    assert (answer.status_code, answer.json()["code"]) == (409, "kernel.answer_gone")
    assert await _names(school) == ["a"]


async def test_an_answer_under_an_older_secret_is_given_again(
    lab_settings: Settings, school: School, client: httpx.AsyncClient, admin: SignedIn
) -> None:
    first = await _make(client, admin, "k")
    rotated = msgspec.structs.replace(lab_settings, secret_keys=("n" * 32, *lab_settings.secret_keys))

    async with opened(rotated, [LAB, annex()]) as deployment, AsyncExitStack() as stack:
        process = Process(deployment, stack)
        again = await _make(await process.client(school), admin, "k")

    assert (again.status_code, again.content) == (201, first.content)


async def test_an_answer_too_large_to_keep_is_not_given_again_and_nothing_is_done_twice(
    school: School, client: httpx.AsyncClient, admin: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernel.idempotency._MOST_KEPT", 10)
    first, again = await _make(client, admin, "k"), await _make(client, admin, "k")

    assert (first.status_code, again.status_code, again.json()["code"]) == (201, 409, "kernel.answer_gone")
    assert await _names(school) == ["a"]


async def test_a_key_is_free_again_after_a_day(school: School, client: httpx.AsyncClient, admin: SignedIn) -> None:
    await _make(client, admin, "k")
    await _make(client, admin, "l", "z")
    await _fetch(school, "UPDATE kernel.idempotency_keys SET created_at = now() - interval '25 hours' WHERE key = 'k'")

    assert (await _make(client, admin, "k", "b")).status_code == 201
    assert (await _make(client, admin, "k", "b")).status_code == 201
    assert await _names(school) == ["a", "b", "z"]

    await _fetch(school, "UPDATE kernel.idempotency_keys SET created_at = now() - interval '25 hours' WHERE key = 'l'")
    async with school.db() as db:
        await prune(db)
    assert await _fetch(school, "SELECT key FROM kernel.idempotency_keys") == [("k",)]
    assert "kernel.prune" in {task.name for task in KERNEL_TASKS}


@pytest.mark.parametrize("key", ["a key", "ä", "k" * 201])
async def test_a_key_of_other_characters_is_refused(client: httpx.AsyncClient, admin: SignedIn, key: str) -> None:
    headers = {name.encode(): value.encode() for name, value in admin.headers.items()}
    answer = await client.post("/lab/things", json={"name": "a"}, headers={**headers, b"Idempotency-Key": key.encode()})

    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["errors"]] == ["Idempotency-Key"]


async def test_a_stranger_has_no_keys(school: School, client: httpx.AsyncClient) -> None:
    for _ in range(2):
        answer = await client.post("/lab/refusals", json={"name": "a"}, headers={"Idempotency-Key": "k"})
        assert answer.status_code == 409
    assert await _fetch(school, "SELECT key FROM kernel.idempotency_keys") == []


def test_a_route_that_keeps_keys_needs_a_transaction() -> None:
    without = route()
    without.opt["idempotent"] = True

    assert refusal(fake(register_routes=[without])).endswith("and asks for no db, where its key would be kept.")
