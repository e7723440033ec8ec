"""The manifest and hooks of the lab."""

import asyncio
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from kernel.auth import Actor, Permission, public, requires, signed_in
from kernel.commands import Command
from kernel.db import Db
from kernel.errors import Conflict, NotFound
from kernel.hookspecs import hookimpl
from kernel.idempotency import idempotent
from kernel.identity import Identity, SessionState
from kernel.ids import new_id
from kernel.plugin import Plugin
from kernel.replicas import reads_only
from kernel.routing import OPEN_TO_RESTRICTED, Body, Limit, Offset, Page, limited, rows_for
from kernel.settings import SettingsSpec
from kernel.tenancy import Tenant
from tests.kernel.lab import statements
from tests.kernel.lab.statements import Thing

PLUGIN = Plugin(name="lab", version="1.0.0", kernel=">=1,<2", summary="One of everything.", essential=True)
READ = Permission("lab.thing.read", "Read things", {"student": "own", "admin": "any"})
MAKE = Permission("lab.thing.make", "Make things", {"admin": "any"})


class Whereabouts(msgspec.Struct, frozen=True):
    """What a handler is told about its caller."""

    tenant: str
    user_id: UUID | None
    role: str
    address: str
    request_id: str


class ThingRequest(Body, frozen=True):
    """A thing to make."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    size: Annotated[int, Meta(ge=0)] = 0


class Part(Body, frozen=True):
    """Something inside a body."""

    label: str
    count: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 1


class Echo(Body, frozen=True):
    """A body with everything that can be wrong in one."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    parts: tuple[Part, ...] = ()
    main: Part | None = None
    labels: dict[str, int] = msgspec.field(default_factory=dict)


class LabSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a tenant chooses."""

    colour: Annotated[str, Meta(pattern="^#[0-9a-f]{6}$")] = "#000000"
    rooms: int = 1


class SecretSpilt(Exception):
    """A fault whose text nobody outside may read."""


class Refused(Conflict):
    """A refusal after which something must be recorded."""

    code = "lab.refused"
    title = "The lab refuses."


class Accounts:
    """Sessions in the table of the lab."""

    async def session_state(self, db: Db, session_id: UUID) -> SessionState | None:
        """Return the session if it is there and not revoked."""
        return await db.row(SessionState, statements.LIVE_SESSION, wanted=session_id)

    def is_restricted(self, tenant: Tenant, session: SessionState) -> bool:
        """Say that novices must pledge first."""
        return session.role == "novice"

    async def create_user(
        self,
        db: Db,
        *,
        email: str,
        password: str,
        role: str,
        first_name: str,
        last_name: str,
        is_operator: bool = False,
    ) -> UUID:
        """Return an id: the lab keeps no accounts."""
        return new_id()


@get("/lab/open", guards=[public], operation_id="lab_open")
async def open_to_all(db: Db, actor: Actor) -> Whereabouts:
    """Say who asks."""
    return Whereabouts(db.tenant.slug, actor.user_id, actor.role, actor.address, db.origin.request_id)


@get("/lab/me", guards=[signed_in], operation_id="lab_me")
async def me(db: Db, actor: Actor) -> Whereabouts:
    """Say who asks, if somebody does."""
    return Whereabouts(db.tenant.slug, actor.id, actor.role, actor.address, db.origin.request_id)


@get("/lab/pledge", guards=[signed_in], opt=OPEN_TO_RESTRICTED, operation_id="lab_pledge")
async def pledge(db: Db, actor: Actor) -> Whereabouts:
    """Say who asks, also to whoever has not pledged yet."""
    return Whereabouts(db.tenant.slug, actor.id, actor.role, actor.address, db.origin.request_id)


@get("/lab/where", guards=[public], opt=reads_only(), operation_id="lab_where")
async def where(db: Db, and_write: bool = False, and_record: bool = False) -> str:
    """Say which server reads; write something all the same, or record it."""
    if and_write:
        await db.run(statements.ADD_ATTEMPT, what="writing")
    if and_record:
        db.record_always(statements.ADD_ATTEMPT, what="recording")
    return "replica" if await db.value(statements.IN_RECOVERY) else "primary"


@get("/lab/things", guards=[requires(READ)], opt=reads_only(), operation_id="lab_things")
async def things(db: Db, limit: Limit = 20, offset: Offset = 0) -> Page[Thing]:
    """List the things, <b>all</b> of them."""
    items = await db.rows(Thing, statements.THINGS_PAGE, rows=rows_for(limit), skipped=offset)
    return Page(items, await db.value(statements.THING_COUNT), rows_for(limit), offset)


@get("/lab/things/{thing_id:uuid}", guards=[requires(READ)], operation_id="lab_thing")
async def thing(db: Db, thing_id: UUID) -> Thing:
    """Return one thing."""
    found = await db.row(Thing, statements.THING_BY_ID, thing_id=thing_id)
    if found is None:
        raise NotFound
    return found


@post("/lab/things", guards=[requires(MAKE)], opt=idempotent(), operation_id="lab_make")
async def make(db: Db, data: ThingRequest) -> Thing:
    """Make a thing."""
    made = Thing(new_id(), data.name, data.size)
    await db.run(statements.ADD_THING, id=made.id, name=made.name, size=made.size)
    return made


@post("/lab/things/slowly", guards=[requires(MAKE)], opt=idempotent(), status_code=204, operation_id="lab_make_slowly")
async def make_slowly(db: Db, data: ThingRequest) -> None:
    """Make a thing after giving the connection back meanwhile."""
    await db.value(statements.THING_COUNT)
    await db.release()
    made = new_id()
    await db.run(statements.ADD_THING, id=made, name=f"{data.name} {made}", size=data.size)


@post("/lab/echo", guards=[public], operation_id="lab_echo", status_code=200)
async def echo(data: Echo) -> Echo:
    """Return the body."""
    return data


@post("/lab/login", guards=[public], opt=limited("login"), operation_id="lab_login", status_code=200)
async def login(data: Echo) -> Echo:
    """Stand where a sign-in would."""
    return data


@post("/lab/redeem", guards=[signed_in], opt=limited("redeem"), operation_id="lab_redeem", status_code=200)
async def redeem(data: Echo) -> Echo:
    """Stand where a redemption would."""
    return data


@get("/lab/fault", guards=[public], operation_id="lab_fault")
async def fault() -> Whereabouts:
    """Fail in a way that nobody foresaw."""
    raise SecretSpilt("the password is swordfish")


@post("/lab/refusals", guards=[public], opt=idempotent(), operation_id="lab_refuse")
async def refuse(db: Db, data: ThingRequest) -> Thing:
    """Write a thing and an attempt, then refuse."""
    await db.run(statements.ADD_THING, id=new_id(), name=data.name, size=0)
    db.record_always(statements.ADD_ATTEMPT, what=data.name)
    raise Refused


@post("/lab/severed", guards=[public], operation_id="lab_sever", status_code=200)
async def sever(db: Db) -> int:
    """End the backend of its own transaction."""
    return int(await db.value(statements.END_BACKEND))


@post("/lab/sleep", guards=[public], operation_id="lab_sleep", status_code=200)
async def sleep(db: Db, data: ThingRequest) -> None:
    """Write a thing and let the database sleep for as many seconds as its size."""
    await db.run(statements.ADD_THING, id=new_id(), name=data.name, size=data.size)
    await db.value(statements.SLEEP, seconds=data.size)


@get("/lab/stubborn", guards=[public], operation_id="lab_stubborn")
async def stubborn() -> dict[str, str]:
    """Answer only once the time is over."""
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    return {"came": "late"}


@get("/lab/free", guards=[public], operation_id="lab_free")
async def free(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Read the query itself."""
    return dict(request.query_params)


@hookimpl
def register_routes() -> Sequence[HTTPRouteHandler]:
    """Return the routes."""
    return [
        open_to_all,
        me,
        pledge,
        where,
        things,
        thing,
        make,
        make_slowly,
        echo,
        login,
        redeem,
        fault,
        refuse,
        sever,
        sleep,
        free,
        stubborn,
    ]


@hookimpl
def register_permissions() -> Sequence[Permission]:
    """Return the permissions."""
    return [READ, MAKE]


@hookimpl
def register_settings() -> Sequence[SettingsSpec]:
    """Return the settings."""
    return [SettingsSpec("lab", LabSettings, "Lab")]


@hookimpl
def register_identity() -> Identity:
    """Return the keeper of sessions."""
    return Accounts()


def add_arguments(parser: ArgumentParser) -> None:
    """Add the argument of the command."""
    parser.add_argument("name")


async def make_by_command(db: Db, options: Namespace) -> str:
    """Make a thing from the command line."""
    await db.run(statements.ADD_THING, id=new_id(), name=options.name, size=1)
    return f"{db.tenant.slug} has {await db.value(statements.THING_COUNT)}."


@hookimpl
def register_commands() -> Sequence[Command]:
    """Return the command."""
    return [Command("things make", "make a thing", add_arguments, make_by_command)]
