"""Asks a big school for everything of `asked`, inside this process, and has every statement explained.

Readings are asked in each way that they may be narrowed or sorted, of the values that the API's description names;
writings once, in their order; then what they have brought about happens: events, tasks, and all that a day's schedule
does.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
from litestar import Litestar
from litestar.routes import HTTPRoute

from benchmarks import tape
from benchmarks.asked import NOT_READ, NOT_SHOWN, NOT_WRITTEN, PAGES, READ_WHOLE, READINGS, WRITINGS, Writing
from benchmarks.plans import Planner
from benchmarks.school import caller
from benchmarks.servers import HOST
from kernel import totals
from kernel.app import create_app
from kernel.db import Database, Origin
from kernel.deployment import Deployment
from kernel.queue import KERNEL_TASKS, start_scheduled
from kernel.statements import plan_for
from kernel.testing.settling import FAILED, settle_tenant

API = "/api/v1"
_PLACE = re.compile(r"\{[^}]*\}")
_WRITES = ("post", "put", "patch", "delete")
_SAID = {"q": ("an",), "category": ("{category_slug}",), "language": ("en",), "instructor": ("{teacher}",)}
"""What is looked for where the description names no values."""
People = Mapping[str, httpx.AsyncClient]


async def asked(deployment: Deployment, people: People, ids: dict[str, str], plans: Planner) -> list[str]:
    """Ask for all of it; return what reads a whole table.

    Args:
        deployment: Whose default tenant is the school.
        people: Clients by role, signed in.
        ids: What places stand for; what is made is added.
        plans: Explains what was asked.

    Raises:
        ValueError: Something of the API or of the pages is not asked for, or refused.
    """
    app = create_app(deployment)
    description = app.openapi_schema.to_schema()
    check_complete(app, description)
    async with caller(deployment) as guest, _counted_once():
        scans = await _readings(deployment, people, ids, plans, description)
        scans += await _writings({**people, "guest": guest}, ids, plans)
    with tape.recording() as steps:
        await _a_day(deployment)
    # By this the helper of tests tells what failed; nobody else asks so.
    steps = [step for step in steps if step.sql != plan_for(FAILED).sql]
    scans += await plans.scans("in the background", steps)
    return [each for each in scans if each not in READ_WHOLE]


@asynccontextmanager
async def _counted_once() -> AsyncIterator[None]:
    """Keep what is counted of much throughout, not for seconds: so slow a machine may be."""
    good_for, totals.GOOD_FOR = totals.GOOD_FOR, timedelta(hours=1)
    try:
        yield
    finally:
        totals.GOOD_FOR = good_for


async def _readings(
    deployment: Deployment, people: People, ids: Mapping[str, str], plans: Planner, description: Mapping[str, Any]
) -> list[str]:
    scans: list[str] = []
    for role, reading in READINGS:
        for path in _ways(reading, description):
            # Not everybody may narrow it in every way.
            ask = partial(_got, people[role], API + path.format_map(ids), may_be_refused=path != reading)
            scans += await _explained(deployment, plans, f"{role} {path}", ask)
    for role, page in PAGES:
        ask = partial(_got, people[role], page.format_map(ids))
        scans += await _explained(deployment, plans, f"{role} {page}", ask)
    return scans


async def _writings(people: People, ids: dict[str, str], plans: Planner) -> list[str]:
    scans: list[str] = []
    for each in WRITINGS:
        with tape.recording() as steps:
            await _write(people, each, ids)
        scans += await plans.scans(f"{each.role} {each.method} {each.path}", steps)
    return scans


async def _explained(
    deployment: Deployment, plans: Planner, name: str, request: Callable[[], Awaitable[object]]
) -> list[str]:
    async def ask() -> None:
        deployment.kept.clear()
        await request()

    return await plans.scans(name, await tape.recorded(ask))


async def _got(client: httpx.AsyncClient, path: str, *, may_be_refused: bool = False) -> None:
    answer = await client.get(f"http://{HOST}{path}")
    if answer.status_code >= (500 if may_be_refused else 400):
        raise ValueError(f"growth: GET {path} is refused: {answer.status_code} {answer.text[:300]}")


async def _write(people: People, writing: Writing, ids: dict[str, str]) -> None:
    client = people[writing.role]
    body: Any = {"json": _filled_in(writing.body, ids)}
    if isinstance(writing.body, bytes):
        body = {"files": {"file": ("said.txt", writing.body)}}
    elif writing.body is None:
        body = {}
    answer = await client.request(writing.method, writing.path.format_map(ids), **body)
    if answer.is_error and answer.status_code != writing.refused:
        raise ValueError(
            f"growth: {writing.method} {writing.path} is refused: {answer.status_code} {answer.text[:300]}"
        )
    made = answer.json() if answer.content and not answer.is_error else {}
    if "access_token" in made:
        client.headers["Authorization"] = f"Bearer {made['access_token']}"
        ids["refresh_token"] = made["refresh_token"]
        client.cookies.clear()
    if writing.keep:
        made = made["items"][0] if "items" in made else made
        ids |= {writing.keep: made["id"], f"{writing.keep}_text": made.get("code", "")}


def _filled_in(body: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(body, dict):
        return {name: _filled_in(value, ids) for name, value in body.items()}
    if isinstance(body, list):
        return [_filled_in(each, ids) for each in body]
    return body.format_map(ids) if isinstance(body, str) else body


async def _a_day(deployment: Deployment) -> None:
    """Do what waits, and what the schedule of a day has the school's plugins do."""
    tenant = await deployment.tenants.by_slug(deployment.settings.default_tenant)
    await settle_tenant(deployment, tenant.id)
    database = Database(deployment.settings.worker_database_url, deployment=deployment, pool_size=1)
    try:
        for task in (*KERNEL_TASKS, *deployment.registry.tasks):
            if task.schedule is not None:
                async with database.transaction(Origin(tenant_id=None)) as db:
                    await start_scheduled(db, task)
    finally:
        await database.close()
    await settle_tenant(deployment, tenant.id)


def _ways(reading: str, description: Mapping[str, Any]) -> Iterator[str]:
    """Give a reading as it stands, and if it has no values yet, with each of those that it may have."""
    yield reading
    known = {_PLACE.sub("{}", path): item["get"] for path, item in description["paths"].items() if "get" in item}
    if "?" in reading or (operation := known.get(_PLACE.sub("{}", API + reading))) is None:
        return
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query":
            for value in _values(parameter["name"], parameter["schema"]):
                yield f"{reading}?{parameter['name']}={value}"


def _values(name: str, schema: Mapping[str, Any]) -> tuple[str, ...]:
    kinds = [each.get("type") for each in (schema, *schema.get("oneOf", ()))]
    if "enum" in schema:
        return tuple(each for each in schema["enum"] if each is not None)
    if "boolean" in kinds:
        return "true", "false"
    if name == "offset":
        return ("40",)
    return _SAID.get(name, ())


def check_complete(app: Litestar, description: Mapping[str, Any]) -> None:
    """See that all that can be asked for is asked for, or that it is said why not.

    Raises:
        ValueError: There is more.
    """
    known = {
        f"{verb.upper()} {path.removeprefix(API)}"
        for path, item in description["paths"].items()
        for verb in ("get", *_WRITES)
        if verb in item and API in path
    }
    known |= {f"GET {route.path}" for route in app.routes if isinstance(route, HTTPRoute) and API not in route.path}
    sent = [f"GET {path.partition('?')[0]}" for _, path in (*READINGS, *PAGES)]
    sent += [f"{each.method} {each.path}" for each in WRITINGS]
    left_out = {*(f"GET {path}" for path in (*NOT_READ, *NOT_SHOWN)), *NOT_WRITTEN}
    forgotten = [
        each
        for each in sorted(_PLACE.sub("{}", path) for path in known)
        if each not in left_out and not any(_is_one_of(path, each) for path in sent)
    ]
    if forgotten:
        raise ValueError(f"growth: nobody asks for {', '.join(forgotten)}")


def _is_one_of(path: str, pattern: str) -> bool:
    """Whether a path is of this form; where the form has a place it may name something."""
    return re.fullmatch(re.escape(pattern).replace(r"\{\}", "[^/]+"), path) is not None
