"""What is kept of sign-ins and of refused ones goes after a while."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import Integer, bindparam, func, select

from kernel.ids import new_id
from kernel.tasks import NoPayload, enqueue
from kernel.testing import School
from plugins.auth.actions.retention import FORGET_SIGN_INS
from plugins.auth.tables import FailedLogin, Session
from tests.plugins.auth.people import fresh_email, make_user, sign_in

_REFUSED = select(FailedLogin.agent).order_by(FailedLogin.agent)
_SESSIONS = select(Session.id).where(Session.user_id == bindparam("user"))
_FORGET = select(func.auth.forget_old_failed_logins(bindparam("days", type_=Integer)))
_ADD_REFUSED = """
    INSERT INTO auth.failed_logins (tenant_id, id, reason, address, agent, created_at)
    VALUES ($1, $2, 'unknown_user', '203.0.113.9', $3, $4)
"""
_GROW_OLD = "UPDATE auth.sessions SET expires_at = $1 WHERE tenant_id = $2 AND id = $3"


async def add_refused(school: School, name: str, days: float) -> None:
    """Keep a refused sign-in of so many days ago, by a browser of this name."""
    async with school.deployment.operator_session(None, "test") as db:
        driver = await db.driver()
        await driver.execute(_ADD_REFUSED, school.id, new_id(), name, datetime.now(UTC) - timedelta(days=days))


async def end_session(school: School, session_id: UUID, days: float) -> None:
    """Let a session have ended so many days ago."""
    async with school.deployment.operator_session(None, "test") as db:
        driver = await db.driver()
        await driver.execute(_GROW_OLD, datetime.now(UTC) - timedelta(days=days), school.id, session_id)


async def test_old_sign_ins_are_forgotten_in_their_school(school: School, other_school: School) -> None:
    for each in (school, other_school):
        await add_refused(each, "old", 90.1)
        await add_refused(each, "young", 89.9)
    email = fresh_email(school)
    user_id = await make_user(school, email=email)
    client = await school.client()
    for _ in range(3):
        assert (await sign_in(client, email)).status_code == 200
    async with school.db() as db:
        oldest, old, living = await db.values(_SESSIONS, user=user_id)
    await end_session(school, oldest, 30.1)
    await end_session(school, old, 29.9)

    async with school.db() as db:
        await enqueue(db, FORGET_SIGN_INS, NoPayload())
    await school.settle()

    async with school.db() as db:
        assert await db.values(_REFUSED) == ["young"]
        assert set(await db.values(_SESSIONS, user=user_id)) == {old, living}
    async with other_school.db() as db:
        assert await db.values(_REFUSED) == ["old", "young"]


async def test_servers_forget_no_refused_sign_in(school: School) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with school.db() as db:
            await db.value(_FORGET, days=90)
