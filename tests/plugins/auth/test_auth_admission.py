"""The one door of signing in, and proving again who one is."""

from uuid import UUID

import pytest
from sqlalchemy import bindparam, select, update

from kernel.auth import Actor
from kernel.errors import RateLimited, Unauthenticated
from kernel.testing import PASSWORD, FakeClock, School, SchoolFactory
from plugins.auth.actions.admission import SignedIn, admit
from plugins.auth.actions.reauthentication import confirm_password
from plugins.auth.actions.sessions import end_other_sessions
from plugins.auth.errors import AccountSuspended, BadCredentials, EmailNotVerified, SignInAgain, WrongPassword
from plugins.auth.tables import FailedLogin, Session, User
from tests.plugins.auth.people import codes_of, fresh_email, living_sessions, make_user, sign_in

_METHOD = select(Session.method).where(Session.user_id == bindparam("user"))
_REASONS = select(FailedLogin.reason).where(FailedLogin.user_id == bindparam("user"))
_SET_STATUS = update(User).where(User.id == bindparam("user")).values(status=bindparam("new_status"))
_DROP_PASSWORD = update(User).where(User.id == bindparam("user")).values(password_hash=None, password_key_id=None)
_UNVERIFY = update(User).where(User.id == bindparam("user")).values(email_verified=False)


async def acting(school: School, user_id: UUID) -> Actor:
    """Return the actor of a session that the user opens now."""
    async with school.db() as db:
        admitted = await admit(db, user_id, method="oauth")
    assert isinstance(admitted, SignedIn)
    claims = school.deployment.tokens.verify(admitted.tokens.access_token)
    return Actor(school.id, user_id, role=claims.role, session_id=claims.session)


async def reasons(school: School, user_id: UUID) -> list[str]:
    """Return why the user was refused."""
    async with school.db() as db:
        return await db.values(_REASONS, user=user_id)


async def test_admitting_opens_a_session_and_keeps_how(school: School) -> None:
    user_id = await make_user(school)
    async with school.db() as db:
        admitted = await admit(db, user_id, method="oauth")
    assert isinstance(admitted, SignedIn)
    assert admitted.user.id == user_id
    assert admitted.user.last_login is not None
    async with school.db() as db:
        assert await db.values(_METHOD, user=user_id) == ["oauth"]


async def test_nobody_closed_is_admitted_whichever_way_they_come(school: School) -> None:
    user_id = await make_user(school)
    async with school.db() as db:
        await db.run(_SET_STATUS, user=user_id, new_status="suspended")
    with pytest.raises(AccountSuspended):
        async with school.db() as db:
            await admit(db, user_id, method="oauth")
    assert await reasons(school, user_id) == ["suspended"]
    assert await living_sessions(school, user_id) == []


async def test_unverified_address_is_refused_whichever_way_they_come(new_school: SchoolFactory) -> None:
    school = await new_school(settings={"auth": {"require_verified_email": True}})
    user_id = await make_user(school)
    async with school.db() as db:
        await db.run(_UNVERIFY, user=user_id)
    with pytest.raises(EmailNotVerified):
        async with school.db() as db:
            await admit(db, user_id, method="oauth")


async def test_user_of_another_school_is_admitted_nowhere_else(school: School, other_school: School) -> None:
    user_id = await make_user(school)
    with pytest.raises(BadCredentials):
        async with other_school.db() as db:
            await admit(db, user_id, method="oauth")


async def test_account_without_a_password_is_refused_like_a_wrong_one(school: School) -> None:
    email = fresh_email(school)
    user_id = await make_user(school, email=email)
    async with school.db() as db:
        await db.run(_DROP_PASSWORD, user=user_id)
    client = await school.client()
    answers = [await sign_in(client, email, password) for password in (PASSWORD, "")]
    assert codes_of(*answers) == [(401, "auth.bad_credentials")] * 2
    assert await reasons(school, user_id) == ["wrong_password"] * 2


async def test_password_confirms_who_one_is(school: School) -> None:
    user_id = await make_user(school)
    actor = await acting(school, user_id)
    async with school.db() as db:
        await confirm_password(db, actor, PASSWORD)
    for wrong in ("Wrong-one-77", None):
        with pytest.raises(WrongPassword):
            async with school.db() as db:
                await confirm_password(db, actor, wrong)
    assert await reasons(school, user_id) == ["wrong_password"]


async def test_confirming_counts_as_much_as_signing_in(new_school: SchoolFactory) -> None:
    school = await new_school(settings={"security": {"rate_limits": {"login_per_minute": 5}}})
    email = fresh_email(school)
    user_id = await make_user(school, email=email)
    actor = await acting(school, user_id)
    client = await school.client()
    assert codes_of(await sign_in(client, email, "Wrong-one-77")) == [(401, "auth.bad_credentials")]
    for _ in range(4):
        with pytest.raises(WrongPassword):
            async with school.db() as db:
                await confirm_password(db, actor, "Wrong-one-77")
    with pytest.raises(RateLimited):
        async with school.db() as db:
            await confirm_password(db, actor, PASSWORD)
    assert codes_of(await sign_in(client, email)) == [(429, "kernel.rate_limited")]


async def test_without_a_password_a_fresh_sign_in_confirms(school: School, fake_clock: FakeClock) -> None:
    user_id = await make_user(school)
    async with school.db() as db:
        await db.run(_DROP_PASSWORD, user=user_id)
    actor = await acting(school, user_id)
    fake_clock.advance(minutes=9, seconds=50)
    async with school.db() as db:
        await confirm_password(db, actor, None)
    fake_clock.advance(seconds=10)
    with pytest.raises(SignInAgain):
        async with school.db() as db:
            await confirm_password(db, actor, "anything")


async def test_other_sessions_end_and_this_one_stays(school: School) -> None:
    user_id = await make_user(school)
    stranger = await make_user(school)
    first, second = await acting(school, user_id), await acting(school, user_id)
    theirs = await acting(school, stranger)
    async with school.db() as db:
        await end_other_sessions(db, second)
    assert await living_sessions(school, user_id) == [second.session_id]
    assert await living_sessions(school, stranger) == [theirs.session_id]
    with pytest.raises(Unauthenticated):
        async with school.db() as db:
            await end_other_sessions(db, Actor(school.id, user_id))
    assert first.session_id != second.session_id
