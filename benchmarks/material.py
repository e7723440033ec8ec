"""What the servers are asked: requests that are ready to send, and the tapes by which the bare stack answers them."""

import asyncio
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

import httpx
import msgspec

from benchmarks import tape
from benchmarks.load import request_bytes
from benchmarks.pairs import Requests, repeated
from benchmarks.school import Student, caller, found_school, redemptions, settle
from kernel.app import opened
from kernel.deployment import Deployment
from kernel.settings import Settings

ME_PATH = "/users/me"
COURSES_PATH = "/courses?limit=20"
REDEEM_PATH = "/access-codes/redeem"
_API = "/api/v1"
_FOR_THE_TAPE = 2


def prepare(
    settings: Settings, tapes: Path, *, signed_in: bool, redeemed: int, tell: Callable[[str], None]
) -> Mapping[str, Requests]:
    """Return what makes the requests of each scenario, and write the tapes.

    Args:
        settings: Of the lab.
        tapes: The file to write.
        signed_in: Whether any scenario needs the school at all; filling it takes a while.
        redeemed: How many codes will be redeemed.
        tell: Gets a few words before each thing that takes time.
    """
    requests: dict[str, Requests] = {"health": repeated([request_bytes("GET", "/health/live")])}
    recorded: tape.Tapes = {}
    if signed_in:
        tell("Filling the school")
        recorded = asyncio.run(_fill(settings, requests, redeemed))
    tape.save(recorded, tapes)
    return requests


async def _fill(settings: Settings, requests: dict[str, Requests], redeemed: int) -> tape.Tapes:
    async with opened(settings) as deployment:
        school = await found_school(deployment)
        pairs = iter(await redemptions(deployment, school, redeemed + _FOR_THE_TAPE))
        async with caller(deployment) as client:
            student = school.students[0]
            tapes = {
                "courses": await tape.recorded(lambda: _get(deployment, client, student, COURSES_PATH)),
                "me": await tape.recorded(lambda: _get(deployment, client, student, ME_PATH)),
                "redeem": await tape.recorded(lambda: _redeem(client, *next(pairs))),
            }
    await settle(settings.owner_database_url)
    lists = [request_bytes("GET", _API + COURSES_PATH, token=each.token) for each in school.students]
    orders = iter([_order(student, code) for student, code in pairs])
    requests["courses"] = repeated(lists)
    requests["me"] = repeated([request_bytes("GET", _API + ME_PATH, token=each.token) for each in school.students])
    requests["redeem"] = lambda count: list(islice(orders, count))
    return tapes


def _order(student: Student, code: str) -> bytes:
    return request_bytes("POST", _API + REDEEM_PATH, token=student.token, body=msgspec.json.encode({"code": code}))


async def _get(deployment: Deployment, client: httpx.AsyncClient, student: Student, path: str) -> None:
    # A kept answer would ask the database nothing.
    deployment.kept.clear()
    answer = await client.get(path, headers={"Authorization": f"Bearer {student.token}"})
    answer.raise_for_status()


async def _redeem(client: httpx.AsyncClient, student: Student, code: str) -> None:
    headers = {"Authorization": f"Bearer {student.token}"}
    answer = await client.post(REDEEM_PATH, json={"code": code}, headers=headers)
    answer.raise_for_status()
