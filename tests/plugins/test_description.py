"""The whole API against its own description, and against what nobody should send (T5)."""

import copy
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from kernel.deployment import Deployment
from kernel.testing import Person, School
from tests.plugins.described import bad_requests, cases_of, check, send
from tests.plugins.test_other_tenant import first_ids

__all__ = ["first_ids"]

METHODS = ("get", "post", "put", "patch", "delete")
STREAMS = {"media_read", "media_upload_video", "media_upload_image", "media_upload_file", "media_upload_archive"}
"""Not JSON: their own tests try them (tests/plugins/media)."""
READINESS = "/health/ready"
SLOW_S = 2.0
"""Twice what T5 allows, since the machine of the tests does other things too."""


class Caller:
    """Somebody who calls every operation, and signs in anew when one of them has ended the session."""

    def __init__(self, school: School, role: str) -> None:
        self._school = school
        self._role = role
        self._person: Person | None = None
        self._nobody: httpx.AsyncClient | None = None

    async def client(self, *, refused: bool = False) -> httpx.AsyncClient:
        """Return a client whose credential is good, as far as it was not refused just now."""
        if not self._role:
            self._nobody = self._nobody or await self._school.client()
            return self._nobody
        if self._person is None or (refused and (await self._person.get("/users/me")).status_code != 200):
            self._person = await self._school.person(self._role, is_operator=self._role == "admin")
        return self._person.client


async def _document(school: School) -> dict[str, Any]:
    client = await school.client()
    document: dict[str, Any] = (await client.get(f"http://{school.host}/schema/openapi.json")).json()
    return document


@pytest.mark.parametrize("role", ["", "student", "admin"])
async def test_every_answer_is_as_the_description_says(school: School, first_ids: Mapping[str, str], role: str) -> None:
    await _walk(school, first_ids, role, examples=2)


@pytest.mark.nightly
@pytest.mark.parametrize("role", ["", "student", "instructor", "admin"])
async def test_every_answer_is_as_the_description_says_many_times(
    school: School, first_ids: Mapping[str, str], role: str
) -> None:
    await _walk(school, first_ids, role, examples=100)


async def _walk(school: School, ids: Mapping[str, str], role: str, *, examples: int) -> None:
    caller, wrong, seen = Caller(school, role), [], set()
    document = await _document(school)
    client = await caller.client()
    for cases in cases_of(document, examples=examples):
        for number, case in enumerate(cases):
            answer = await send(case, client, ids if number % 2 else {})
            if case.operation.path == READINESS and answer.status_code == 503:
                # A part took its three seconds to answer, as on a busy machine it may: whoever asks then asks again.
                answer = await send(case, client, {})
            client = await caller.client(refused=answer.status_code == 401)
            seen.add(case.operation.label)
            wrong += [problem] if (problem := check(case, answer)) else []
    assert not wrong, "\n".join(wrong)
    assert len(seen) == sum(len(operations) for operations in document["paths"].values())


async def test_no_bad_request_ends_in_a_fault_of_ours(school: School, first_ids: Mapping[str, str]) -> None:
    await _spoil(school, first_ids, "admin", every=11)


@pytest.mark.nightly
@pytest.mark.parametrize("role", ["", "student", "admin"])
async def test_not_one_bad_request_of_all_ends_in_a_fault_of_ours(
    school: School, first_ids: Mapping[str, str], role: str
) -> None:
    await _spoil(school, first_ids, role, every=1)


async def _spoil(school: School, ids: Mapping[str, str], role: str, *, every: int) -> None:
    caller, wrong = Caller(school, role), []
    document, client = await _document(school), await caller.client()
    good = {cases[0].operation.label: cases[0].body for cases in cases_of(document, examples=1) if cases}
    for number, (path, method, operation) in enumerate(_operations(document)):
        bad = bad_requests(f"http://{school.host}{path}", operation, document, ids, good.get(f"{method} {path}"))
        for what, request in list(bad)[number % every :: every]:
            started = time.perf_counter()
            answer = await client.request(method, **request)
            took_s = time.perf_counter() - started
            client = await caller.client(refused=answer.status_code == 401)
            if answer.status_code >= 500 or took_s > SLOW_S:
                wrong.append(f"{operation['operationId']} {what}: {answer.status_code} in {took_s:.1f} s")
    assert not wrong, "\n".join(wrong)


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations and operations[method]["operationId"] not in STREAMS:
                yield path, method.upper(), operations[method]


def test_every_handler_can_be_mounted_again(deployment: Deployment) -> None:
    """Litestar copies handlers when it mounts them; what it has read of their parameters must bear that."""
    registry = deployment.registry
    for handlers in (*registry.routes.values(), *registry.root_routes.values()):
        for handler in handlers:
            names = set(handler.parsed_fn_signature.parameters)
            assert set(copy.deepcopy(handler).parsed_fn_signature.parameters) == names
