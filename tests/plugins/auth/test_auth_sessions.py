"""Sessions: refreshed once, ended at once, whatever comes at the same time or again."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import bindparam, select, update

from kernel.db import Db
from kernel.deployment import Deployment
from kernel.events import Event
from kernel.gate import session_key
from kernel.keys import Keyring
from kernel.testing import FakeClock, School
from plugins.auth.api import SessionsChanged
from plugins.auth.listeners import forget_sessions
from plugins.auth.tables import Session, User
from tests.plugins.auth.people import codes_of, fresh_email, living_sessions, make_user, sign_in, signed_in

_KEPT = select(Session.refresh_hash).where(Session.user_id == bindparam("user"))
_END = update(Session).where(Session.id == bindparam("session")).values(revoked_at=Session.created_at)
_SET_STATUS = update(User).where(User.id == bindparam("user")).values(status=bindparam("new_status"))


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    """Exchange a refresh token as a client without cookies does."""
    return await client.post("/auth/refresh", json={"refresh_token": token})


async def me(client: httpx.AsyncClient, token: str) -> httpx.Response:
    """Ask who a token means."""
    return await client.get("/users/me", headers={"Authorization": f"Bearer {token}"})


async def session_of(school: School, answer: dict[str, Any]) -> UUID:
    """Return the only session of whoever signed in."""
    (session_id,) = await living_sessions(school, answer["user"]["id"])
    return session_id


async def test_refresh_gives_new_tokens_for_the_same_session(school: School, fake_clock: FakeClock) -> None:
    client, first = await signed_in(school)
    client.cookies.clear()
    fake_clock.advance(minutes=16)
    assert codes_of(await me(client, first["access_token"])) == [(401, "kernel.unauthenticated")]
    answer = await refresh(client, first["refresh_token"])
    second = answer.json()
    assert answer.status_code == 200
    assert sorted(second) == ["access_token", "expires_in", "refresh_token", "token_type"]
    assert second["refresh_token"] != first["refresh_token"]
    assert (await me(client, second["access_token"])).json()["id"] == first["user"]["id"]
    assert len(await living_sessions(school, first["user"]["id"])) == 1


async def test_token_from_the_body_is_answered_in_the_body_and_one_from_a_cookie_by_cookies(school: School) -> None:
    client, first = await signed_in(school)
    by_body = await refresh(client, first["refresh_token"])
    assert by_body.headers.get_list("set-cookie") == []
    before = dict(client.cookies)
    bodies: list[dict[str, Any]] = [{}, {"json": {}}, {"json": {"refresh_token": None}}]
    for body in bodies:
        by_cookie = await client.post("/auth/refresh", **body)
        assert (by_cookie.status_code, by_cookie.json()) == (200, {"token_type": "Bearer", "expires_in": 900})
        assert len(by_cookie.headers.get_list("set-cookie")) == 2
    assert dict(client.cookies).keys() == before.keys()
    assert client.cookies["collegium_refresh"] != before["collegium_refresh"]


async def test_immediate_predecessor_gets_the_same_successor_for_ten_seconds(
    school: School, fake_clock: FakeClock
) -> None:
    client, first = await signed_in(school)
    second = (await refresh(client, first["refresh_token"])).json()["refresh_token"]
    fake_clock.advance(seconds=9)
    assert (await refresh(client, first["refresh_token"])).json()["refresh_token"] == second
    fake_clock.advance(seconds=2)
    again = await refresh(client, first["refresh_token"])
    assert codes_of(again, await refresh(client, second)) == [(401, "auth.session_revoked")] * 2


async def test_older_token_ends_the_session_at_once_although_it_is_refused(school: School) -> None:
    client, first = await signed_in(school)
    second = (await refresh(client, first["refresh_token"])).json()
    third = (await refresh(client, second["refresh_token"])).json()
    other = (await sign_in(await school.client(), first["user"]["email"])).json()
    assert (await me(client, third["access_token"])).status_code == 200
    assert codes_of(await refresh(client, first["refresh_token"])) == [(401, "auth.session_revoked")]
    answers = [await me(client, third["access_token"]), await refresh(client, third["refresh_token"])]
    assert codes_of(*answers) == [(401, "kernel.unauthenticated"), (401, "auth.session_revoked")]
    assert (await me(client, other["access_token"])).status_code == 200


@pytest.mark.parametrize("turn", range(3))
async def test_tabs_that_refresh_at_the_same_time_all_succeed_with_one_successor(school: School, turn: int) -> None:
    client, first = await signed_in(school)
    answers = await asyncio.gather(*(refresh(client, first["refresh_token"]) for _ in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    (successor,) = {answer.json()["refresh_token"] for answer in answers}
    assert (await refresh(client, successor)).status_code == 200
    assert codes_of(await refresh(client, first["refresh_token"])) == [(401, "auth.session_revoked")]


async def test_session_slides_for_seven_days_and_ends_after_thirty(school: School, fake_clock: FakeClock) -> None:
    client, answer = await signed_in(school)
    token = answer["refresh_token"]
    for _ in range(4):
        fake_clock.advance(days=6, hours=23)
        token = (await refresh(client, token)).json()["refresh_token"]
    fake_clock.advance(days=2, hours=5)
    assert codes_of(await refresh(client, token)) == [(401, "auth.refresh_invalid")]


async def test_unused_session_ends_after_seven_days(school: School, fake_clock: FakeClock) -> None:
    client, answer = await signed_in(school)
    fake_clock.advance(days=7, seconds=1)
    assert codes_of(await refresh(client, answer["refresh_token"])) == [(401, "auth.refresh_invalid")]
    assert len(await living_sessions(school, answer["user"]["id"])) == 1


async def test_cookies_live_no_longer_than_their_session(school: School, fake_clock: FakeClock) -> None:
    client, _ = await signed_in(school)
    for _ in range(3):
        fake_clock.advance(days=6, hours=23)
        assert (await client.post("/auth/refresh")).status_code == 200
    fake_clock.advance(days=6, hours=23)
    answer = await client.post("/auth/refresh")
    ages = [
        part for cookie in answer.headers.get_list("set-cookie") for part in cookie.split("; ") if "Max-Age" in part
    ]
    assert ages[0] == "Max-Age=900"
    assert 2 * 86400 < int(ages[1].partition("=")[2]) <= 2 * 86400 + 4 * 3600


async def test_what_is_no_token_changes_nothing(school: School, other_school: School) -> None:
    client, answer = await signed_in(school)
    token = answer["refresh_token"]
    tries = ["x", answer["access_token"], token[:-4] + "AAAA", token[:30] + "AAAA" + token[34:]]
    refused = [await refresh(client, each) for each in tries]
    refused.append(await refresh(await other_school.client(), token))
    refused.append(await (await school.client()).post("/auth/refresh"))
    assert codes_of(*refused) == [(401, "auth.refresh_invalid")] * 6
    assert (await refresh(client, token)).status_code == 200


async def test_refresh_goes_on_with_a_new_key_and_ends_with_the_old_one(
    school: School, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, first = await signed_in(school)
    old, new = deployment.settings.secret_keys[0], "a newer key for tests, also long enough"
    monkeypatch.setattr(deployment, "keyring", Keyring([new, old]))
    second = (await refresh(client, first["refresh_token"])).json()["refresh_token"]
    assert (await refresh(client, first["refresh_token"])).json()["refresh_token"] == second
    monkeypatch.setattr(deployment, "keyring", Keyring([new]))
    assert codes_of(await refresh(client, first["refresh_token"])) == [(401, "auth.refresh_invalid")]
    assert (await refresh(client, second)).status_code == 200


async def test_database_holds_no_token(school: School) -> None:
    _, answer = await signed_in(school)
    async with school.db() as db:
        (kept,) = await db.values(_KEPT, user=UUID(answer["user"]["id"]))
    assert len(kept) == 32
    assert kept.hex() not in answer["refresh_token"]


async def test_signing_out_ends_the_session_at_once_and_forgets_the_cookies(school: School) -> None:
    client, answer = await signed_in(school)
    other = (await sign_in(await school.client(), answer["user"]["email"])).json()
    assert (await client.get("/users/me")).status_code == 200
    gone = await client.post("/auth/logout")
    assert (gone.status_code, gone.content) == (204, b"")
    assert dict(client.cookies) == {}
    answers = [await me(client, answer["access_token"]), await refresh(client, answer["refresh_token"])]
    assert codes_of(*answers) == [(401, "kernel.unauthenticated"), (401, "auth.session_revoked")]
    assert (await me(client, other["access_token"])).status_code == 200
    assert (await client.post("/auth/logout")).status_code == 204


@pytest.mark.parametrize("way", ["cookie", "body", "expired bearer and body", "bearer"])
async def test_signing_out_needs_either_token(school: School, fake_clock: FakeClock, way: str) -> None:
    client, answer = await signed_in(school)
    arguments: dict[str, Any] = {}
    if way == "cookie":
        fake_clock.advance(minutes=16)
        del client.cookies["collegium_access"]
    else:
        client.cookies.clear()
    if "body" in way:
        arguments["json"] = {"refresh_token": answer["refresh_token"]}
    if "bearer" in way:
        arguments["headers"] = {"Authorization": f"Bearer {answer['access_token']}"}
    if "expired" in way:
        fake_clock.advance(minutes=16)
    assert (await client.post("/auth/logout", **arguments)).status_code == 204
    assert await living_sessions(school, answer["user"]["id"]) == []


async def test_nobody_signs_anybody_else_out(school: School, other_school: School) -> None:
    _, answer = await signed_in(school)
    stranger = await other_school.client(Authorization=f"Bearer {answer['access_token']}")
    for body in ({}, {"refresh_token": answer["refresh_token"]}, {"refresh_token": "x"}):
        assert (await stranger.post("/auth/logout", json=body)).status_code == 204
    assert len(await living_sessions(school, answer["user"]["id"])) == 1


async def test_session_that_redis_lost_is_found_in_the_database(school: School, deployment: Deployment) -> None:
    client, answer = await signed_in(school)
    key = session_key(school.id, await session_of(school, answer))
    assert await deployment.redis.delete(key) == 1
    assert (await client.get("/users/me")).status_code == 200
    assert await deployment.redis.exists(key) == 1


async def test_session_that_redis_kept_too_long_is_forgotten_by_the_listener(
    school: School, deployment: Deployment
) -> None:
    client, answer = await signed_in(school)
    session_id = await session_of(school, answer)
    async with school.db() as db:
        await db.run(_END, session=session_id)
    assert (await client.get("/users/me")).status_code == 200
    async with school.db() as db:
        await forget_sessions(db, SessionsChanged(user_id=UUID(answer["user"]["id"]), session_ids=(session_id,)))
    assert (await client.get("/users/me")).status_code == 401


async def test_reader_who_comes_late_does_not_revive_a_session(school: School, deployment: Deployment) -> None:
    client, answer = await signed_in(school)
    session_id = await session_of(school, answer)
    identity = deployment.registry.identity
    assert identity is not None
    async with school.db() as db:
        read_before = await identity.session_state(db, session_id)
    assert read_before is not None
    await client.post("/auth/logout")
    await deployment.gate.keep_session(school.id, session_id, read_before)
    assert codes_of(await me(client, answer["access_token"])) == [(401, "kernel.unauthenticated")]


async def test_end_of_a_session_is_published_with_ids_alone(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Event] = []

    async def published(_db: Db, event: Event) -> None:
        told.append(event)

    monkeypatch.setattr("plugins.auth.actions.sessions.publish", published)
    client, answer = await signed_in(school)
    session_id = await session_of(school, answer)
    for _ in range(2):
        await client.post("/auth/logout", json={"refresh_token": answer["refresh_token"]})
    assert told == [SessionsChanged(user_id=UUID(answer["user"]["id"]), session_ids=(session_id,))]


async def test_suspended_user_cannot_refresh(school: School) -> None:
    admin = await school.person("admin")
    client, answer = await signed_in(school)
    suspended = await admin.patch(f"/users/{answer['user']['id']}", json={"status": "suspended"})
    assert suspended.status_code == 200
    assert codes_of(await refresh(client, answer["refresh_token"])) == [(401, "auth.session_revoked")]


async def test_newest_token_of_a_user_who_may_not_sign_in_is_refused_and_ends_nothing(school: School) -> None:
    client, answer = await signed_in(school)
    user_id = UUID(answer["user"]["id"])
    async with school.db() as db:
        await db.run(_SET_STATUS, user=user_id, new_status="inactive")
    assert codes_of(await refresh(client, answer["refresh_token"])) == [(401, "auth.refresh_invalid")]
    assert len(await living_sessions(school, user_id)) == 1


async def test_sign_in_and_suspension_at_the_same_time_leave_no_living_session(school: School) -> None:
    admin = await school.person("admin")
    for _ in range(5):
        email = fresh_email(school)
        user_id = await make_user(school, email=email)
        client = await school.client()
        tried, _ = await asyncio.gather(
            sign_in(client, email), admin.patch(f"/users/{user_id}", json={"status": "suspended"})
        )
        assert tried.status_code in (200, 401, 403)
        assert await living_sessions(school, user_id) == []
        assert (await client.get("/users/me")).status_code == 401
