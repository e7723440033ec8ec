"""Accounts of tests, and clients of theirs that keep cookies as a browser does."""

from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import bindparam, select

from kernel.ids import new_id
from kernel.testing import PASSWORD, School
from plugins.auth.api import create_user
from plugins.auth.tables import Session

_SESSIONS = select(Session.id).where(Session.user_id == bindparam("user"), Session.revoked_at.is_(None))


def fresh_email(school: School) -> str:
    """Return an address that nobody has."""
    return f"person-{new_id().hex[-12:]}@{school.host}"


async def make_user(
    school: School,
    role: str = "student",
    *,
    email: str | None = None,
    first_name: str = "Sami",
    last_name: str = "Aziz",
) -> UUID:
    """Make an account with the tests' password and return its id."""
    address = email or fresh_email(school)
    async with school.db() as db:
        return await create_user(
            db, email=address, password=PASSWORD, role=role, first_name=first_name, last_name=last_name
        )


async def sign_in(client: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    """Send address and password."""
    return await client.post("/auth/login", json={"email": email, "password": password})


async def signed_in(school: School, role: str = "student") -> tuple[httpx.AsyncClient, dict[str, Any]]:
    """Return a client with the cookies of a new account, and what signing in answered."""
    email = fresh_email(school)
    await make_user(school, role, email=email)
    client = await school.client()
    answer = await sign_in(client, email)
    assert answer.status_code == 200, answer.text
    return client, answer.json()


async def living_sessions(school: School, user_id: UUID | str) -> list[UUID]:
    """Return the sessions of a user that have not been ended."""
    async with school.db() as db:
        return await db.values(_SESSIONS, user=UUID(str(user_id)))


def codes_of(*answers: httpx.Response) -> list[tuple[int, str]]:
    """Return status and error code of each refusal."""
    return [(answer.status_code, answer.json()["code"]) for answer in answers]
