"""What the servers are asked: requests that are ready to send, and the tapes by which the bare stack answers them."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from itertools import count, islice
from pathlib import Path
from uuid import UUID

import httpx
import msgspec

from benchmarks import tape
from benchmarks.load import PAGE_HEADERS, request_bytes
from benchmarks.pairs import Requests, repeated
from benchmarks.school import VIDEO_SECONDS, School, Student, caller, found_school, redemptions, settle
from kernel.app import opened
from kernel.deployment import Deployment
from kernel.settings import Settings

ME_PATH = "/users/me"
COURSES_PATH = "/courses?limit=20"
CATALOGUE_PAGE = "/courses"
REDEEM_PATH = "/access-codes/redeem"
_API = "/api/v1"
_FOR_THE_TAPE = 2
BEACON_S = 10
"""How much of a video a player reports at once."""


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
            curriculum_path = f"/courses/{school.watched_course}/sections"
            # Another one than those that are measured, so that it begins at nothing for them.
            seen = (school.lessons[0], 0)
            tapes = {
                "courses": await tape.recorded(lambda: _get(deployment, client, student, COURSES_PATH)),
                "curriculum": await tape.recorded(lambda: _get(deployment, client, student, curriculum_path)),
                "progress": await tape.recorded(lambda: _report(client, student, *seen)),
                "me": await tape.recorded(lambda: _get(deployment, client, student, ME_PATH)),
                "redeem": await tape.recorded(lambda: _redeem(client, *next(pairs))),
            }
    await settle(settings.owner_database_url)
    lists = [request_bytes("GET", _API + COURSES_PATH, token=each.token) for each in school.students]
    beacons = _beacons(school)
    curricula = [request_bytes("GET", _API + curriculum_path, token=each.token) for each in school.students]
    requests["curriculum"] = repeated(curricula)
    requests["progress"] = lambda count: list(islice(beacons, count))
    orders = iter([_order(student, code) for student, code in pairs])
    requests["courses"] = repeated(lists)
    requests["catalogue"] = repeated(
        [request_bytes("GET", CATALOGUE_PAGE, token=each.token, headers=PAGE_HEADERS) for each in school.students]
    )
    requests["me"] = repeated([request_bytes("GET", _API + ME_PATH, token=each.token) for each in school.students])
    requests["redeem"] = lambda count: list(islice(orders, count))
    return tapes


def _beacons(school: School) -> Iterator[bytes]:
    """Yield reports of the next seconds of a video, of all students in turn, without an end.

    Each student goes from video to video; none of them is ever watched enough to be completed.
    """
    for turn in count(1):
        video_id = school.lessons[turn % len(school.lessons)]
        place = turn // len(school.lessons)
        assert (place + 1) * BEACON_S < VIDEO_SECONDS * 0.8, "the videos are too short for so many reports"
        for student in school.students:
            path = f"{_API}/videos/{video_id}/progress"
            yield request_bytes("POST", path, token=student.token, body=msgspec.json.encode(_beacon(place)))


def _beacon(place: int) -> dict[str, object]:
    until = (place + 1) * BEACON_S
    return {"position": until, "ranges": [[place * BEACON_S, until]], "total_seconds": VIDEO_SECONDS}


async def _report(client: httpx.AsyncClient, student: Student, video_id: UUID, place: int) -> None:
    headers = {"Authorization": f"Bearer {student.token}"}
    answer = await client.post(f"/videos/{video_id}/progress", json=_beacon(place), headers=headers)
    answer.raise_for_status()


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
