"""Pages against what of the API shows the same: each audience's most visited ones, in the small demonstration.

A page's twin is the calls that a client would make to draw it, for the same person (how they are chosen stands in
`tests/plugins/portal/twins.py`); a page that needs three calls is compared with all three. Both sides are ours, on one
server. Pages are asked for as a browser does, and packed for it; the API packs nothing. How the catalogue stands
against the bare stack is the scenario `catalogue`; how soon pages are seen stands in `paint`.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks import paint
from benchmarks.cores import Cores
from benchmarks.lab import running_lab
from benchmarks.load import PAGE_HEADERS, request_bytes
from benchmarks.pairs import Side, measure, repeated
from benchmarks.report import Finding, compared
from benchmarks.school import demo_people, lift_limits, settle
from benchmarks.servers import HOST, Server, Start, environment_of, free_port, running, serve_words
from kernel.app import opened
from kernel.serve import seed_demo
from kernel.settings import Settings
from tests.plugins.portal.pages import Reader
from tests.plugins.portal.places import find_places
from tests.plugins.portal.twins import TWINS, Twin

NAMES = ("pages", "paint")
LEAST_SHARE = 0.4
_PER_ROUND, _WARM_UP, _CONNECTIONS = 100, 40, 8
_API = "/api/v1"
MEASURED: Mapping[Reader, Sequence[str]] = {
    "student": (
        "/",
        "/courses",
        "/courses/{course}",
        "/courses/{course}/curriculum",
        "/courses/{course}/reviews",
        "/search?q=open",
        "/dashboard",
        "/my/courses",
        "/learn/{course}/{server_video}",
        "/learn/{course}/materials",
        "/my/file",
        "/profile",
        "/profile/preferences",
    ),
    "instructor": (
        "/dashboard",
        "/teach/courses",
        "/teach/courses/{published}/curriculum",
        "/teach/courses/{published}/analytics",
        "/teach/courses/{published}/students",
        "/teach/students",
        "/teach/codes",
        "/teach/codes/batches/{batch}",
    ),
    "admin": (
        "/dashboard",
        "/admin/users",
        "/admin/users/{student}",
        "/users/{student}/file",
        "/admin/courses",
        "/admin/categories",
        "/admin/review",
        "/admin/review/{submitted}",
        "/admin/roles",
        "/admin/settings",
        "/admin/mail-templates",
        "/admin/plugins",
        "/admin/tenants",
        "/admin/tasks",
        "/admin/audit",
    ),
}
"""Which of the pages that have a twin; every audience's own, and each kind: lists, forms, charts, trees, a player."""


class _Pair(msgspec.Struct, frozen=True):
    """A page and its twin, as they are sent."""

    name: str
    page: bytes
    calls: Sequence[bytes]


class _Demonstration(msgspec.Struct, frozen=True):
    """What is asked of it."""

    places: Mapping[str, str]
    pairs: Sequence[_Pair]


def every_audience(
    folder: Path, cores: Cores, *, names: Sequence[str], rounds: int, tell: Callable[[str], None]
) -> Iterator[Finding]:
    """Make the demonstration, serve it, and yield how each page stands beside its twin, and how soon pages are seen."""
    (folder / "pages").mkdir()
    with running_lab(folder / "pages", tell) as settings:
        tell("pages: filling the demonstration")
        made = asyncio.run(_filled(settings))
        port = free_port()
        start = Start(serve_words(port), environment_of(settings), folder / "pages.log", cores.server)
        with running(start, port) as server:
            if "pages" in names:
                yield from _beside_their_twins(server, made.pairs, rounds, tell)
            if "paint" in names and paint.is_possible():
                yield paint.first_paints(f"http://{HOST}:{port}", made.places, tell)


def _beside_their_twins(
    server: Server, pairs: Sequence[_Pair], rounds: int, tell: Callable[[str], None]
) -> Iterator[Finding]:
    for pair in pairs:
        ours = Side(server, repeated([pair.page]), connections=_CONNECTIONS)
        twin = Side(server, repeated(pair.calls), calls=len(pair.calls), connections=_CONNECTIONS)
        tell_of = partial(_tell_of, tell, pair.name)
        measured = measure(ours, twin, rounds=rounds, per_round=_PER_ROUND, warm_up=_WARM_UP, tell=tell_of)
        yield compared(pair.name, measured, target=LEAST_SHARE)


async def _filled(settings: Settings) -> _Demonstration:
    async with opened(settings) as deployment:
        await seed_demo(deployment)
        await lift_limits(deployment)
        await settle(settings.owner_database_url)
        async with demo_people(deployment) as people:
            places = await find_places(partial(_asked, people))
            return _Demonstration(places, [_pair(twin, places, people) for twin in _measured()])


def _measured() -> Iterator[Twin]:
    known = {(each.reader, each.page): each for each in TWINS}
    for reader, pages in MEASURED.items():
        for page in pages:
            yield known[reader, page]


async def _asked(people: Mapping[str, httpx.AsyncClient], reader: Reader, path: str) -> Any:
    return (await people[reader].get(path)).raise_for_status().json()


def _pair(twin: Twin, places: Mapping[str, str], people: Mapping[str, httpx.AsyncClient]) -> _Pair:
    token = people[twin.reader].headers["Authorization"].removeprefix("Bearer ")
    page = request_bytes("GET", twin.page.format_map(places), token=token, headers=PAGE_HEADERS)
    calls = [request_bytes("GET", _API + each.format_map(places), token=token) for each in twin.calls]
    return _Pair(f"{twin.reader} {twin.page}", page, calls)


def _tell_of(tell: Callable[[str], None], name: str, text: str) -> None:
    tell(f"pages: {name}: {text}")
