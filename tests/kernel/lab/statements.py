"""The lab's tables and statements; light ones, since table classes would stay in the metadata of every other test."""

from uuid import UUID

import msgspec
from sqlalchemy import Boolean, Integer, Text, Uuid, bindparam, column, false, func, insert, select, table, update
from sqlalchemy.dialects.postgresql import ARRAY, INT4MULTIRANGE, INT4RANGE, JSONB

things = table(
    "things",
    column("id", Uuid),
    column("name", Text),
    column("size", Integer),
    column("spec", JSONB),
    column("tags", ARRAY(Text)),
    column("span", INT4RANGE),
    column("spans", INT4MULTIRANGE),
    column("twin_id", Uuid),
    schema="lab",
)
attempts = table("attempts", column("id", Uuid), column("what", Text), schema="lab")
sessions = table(
    "sessions",
    column("id", Uuid),
    column("user_id", Uuid),
    column("role", Text),
    column("revoked", Boolean),
    schema="lab",
)


class Thing(msgspec.Struct, frozen=True):
    """A row of `lab.things`."""

    id: UUID
    name: str
    size: int


ADD_THING = insert(things).values(id=bindparam("id"), name=bindparam("name"), size=bindparam("size"))
ADD_TWIN = insert(things).values(id=bindparam("id"), name=bindparam("name"), twin_id=bindparam("twin_id"))
THING_NAMES = select(things.c.name).order_by(things.c.name)
THINGS_PAGE = (
    select(things.c.id, things.c.name, things.c.size)
    .order_by(things.c.name)
    .limit(bindparam("rows", type_=Integer))
    .offset(bindparam("skipped", type_=Integer))
)
THING_COUNT = select(func.count()).select_from(things)
THING_BY_ID = select(things.c.id, things.c.name, things.c.size).where(things.c.id == bindparam("thing_id", type_=Uuid))
GROW_THING = (
    update(things)
    .where(things.c.name == bindparam("wanted", type_=Text))
    .values(size=things.c.size + 1)
    .returning(things.c.size)
)
ADD_ATTEMPT = insert(attempts).values(id=func.gen_random_uuid(), what=bindparam("what"))
ATTEMPTS = select(attempts.c.what).order_by(attempts.c.what)
ADD_SESSION = insert(sessions).values(id=bindparam("id"), user_id=bindparam("user_id"), role=bindparam("role"))
REVOKE_SESSION = update(sessions).where(sessions.c.id == bindparam("wanted", type_=Uuid)).values(revoked=True)
LIVE_SESSION = select(
    sessions.c.user_id, sessions.c.role, false().label("is_operator"), false().label("second_factor")
).where(sessions.c.id == bindparam("wanted", type_=Uuid), ~sessions.c.revoked)
END_BACKEND = select(func.pg_terminate_backend(func.pg_backend_pid()))
SLEEP = select(func.pg_sleep(bindparam("seconds", type_=Integer)))
IN_RECOVERY = select(func.pg_is_in_recovery())
