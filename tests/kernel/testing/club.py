"""A plugin in one module, not installed and without a table: joining is told, welcomed later, and may go wrong."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from litestar import post
from litestar.handlers import HTTPRouteHandler

from kernel.auth import Actor, Permission, requires
from kernel.db import Db
from kernel.errors import Conflict
from kernel.events import Event, Listener, publish
from kernel.hookspecs import hookimpl
from kernel.plugin import Plugin
from kernel.routing import Body
from kernel.tasks import Task, enqueue

PLUGIN = Plugin(name="club", version="1.0.0", kernel=">=1,<2", requires=("auth",), summary="Has members.")
JOIN = Permission("club.join", "Join", {"student": "own"})


class Joined(Event, frozen=True, kw_only=True):
    """Somebody joined."""

    name: ClassVar[str] = "club.joined"

    user_id: UUID
    wish: str


class Welcomed(Event, frozen=True, kw_only=True):
    """Somebody was welcomed, when their time had come."""

    name: ClassVar[str] = "club.welcomed"

    user_id: UUID


class Guest(msgspec.Struct, frozen=True):
    """Whom to welcome."""

    user_id: UUID
    wish: str


async def welcome(db: Db, guest: Guest) -> None:
    """Welcome, unless that goes wrong."""
    if guest.wish == "a welcome that fails":
        raise ValueError("nobody is here")
    if guest.wish == "again":
        await enqueue(db, WELCOME, guest)
    await publish(db, Welcomed(user_id=guest.user_id))


WELCOME = Task(name="club.welcome", payload=Guest, handle=welcome)


async def plan_welcome(db: Db, event: Joined) -> None:
    """Welcome at once or in an hour, unless that goes wrong."""
    if event.wish == "nothing":
        raise ValueError("there is no such wish")
    delay = timedelta(hours=1 if event.wish == "later" else 0)
    await enqueue(db, WELCOME, Guest(event.user_id, event.wish), delay=delay)


class JoinRequest(Body, frozen=True):
    """A wish."""

    wish: str


@post("/club/members", guards=[requires(JOIN)], operation_id="club_join", status_code=204)
async def join(db: Db, actor: Actor, data: JoinRequest) -> None:
    """Join."""
    await publish(db, Joined(user_id=actor.id, wish=data.wish))
    if data.wish == "a refusal":
        raise Conflict("Refused.")


@hookimpl
def register_routes() -> Sequence[HTTPRouteHandler]:
    """Return the route."""
    return [join]


@hookimpl
def register_permissions() -> Sequence[Permission]:
    """Return the permission."""
    return [JOIN]


@hookimpl
def register_events() -> Sequence[type[Event]]:
    """Return the events."""
    return [Joined, Welcomed]


@hookimpl
def register_listeners() -> Sequence[Listener]:
    """Return the listener."""
    return [Listener(Joined, "club.plan_welcome", plan_welcome)]


@hookimpl
def register_tasks() -> Sequence[Task[Any]]:
    """Return the task."""
    return [WELCOME]
