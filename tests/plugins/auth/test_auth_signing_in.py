"""Signing in: who is let in, what the others learn, and what is kept of them."""

import asyncio
import threading
from typing import Any
from uuid import UUID

import bcrypt
import msgspec
import pytest
from sqlalchemy import bindparam, select, update

from kernel.deployment import Deployment
from kernel.keys import Keyring
from kernel.tables import AuditLog
from kernel.testing import PASSWORD, School, SchoolFactory
from plugins.auth import passwords
from plugins.auth.actions.new_passwords import set_password
from plugins.auth.actions.sessions import end_sessions_of
from plugins.auth.hashing_threads import HashingThreads
from plugins.auth.tables import FailedLogin, User
from tests.plugins.auth.conftest import Browser
from tests.plugins.auth.people import codes_of, fresh_email, living_sessions, make_user, sign_in, signed_in

_FAILURES = select(FailedLogin.reason, FailedLogin.user_id, FailedLogin.address, FailedLogin.agent).order_by(
    FailedLogin.id
)
_SET_STATUS = update(User).where(User.id == bindparam("user")).values(status=bindparam("new_status"))
_PASSWORD = select(User.password_hash, User.password_key_id).where(User.id == bindparam("user"))
_AUDITED = select(AuditLog.new_values).where(AuditLog.entity_type == "auth.users").order_by(AuditLog.id)


class Failure(msgspec.Struct):
    """A row of auth.failed_logins."""

    reason: str
    user_id: UUID | None
    address: str
    agent: str


class Stored(msgspec.Struct):
    """How a password is stored."""

    password_hash: str
    password_key_id: str


async def failures(school: School) -> list[Failure]:
    """Return what is kept of refused sign-ins."""
    async with school.db() as db:
        return await db.rows(Failure, _FAILURES)


async def test_no_session_of_the_old_password_outlives_a_new_one(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever knows the old password may be signing in at the very moment at which its owner chooses another."""
    email = fresh_email(school)
    user_id = await make_user(school, email=email)
    async with school.db() as db:
        renewed = await passwords.hash_password(db, "Another-Passw0rd")
    is_password = passwords.is_password

    async def overtaken(*given: Any) -> bool:
        is_right = await is_password(*given)
        async with school.db() as db:
            await set_password(db, user_id, renewed)
            await end_sessions_of(db, user_id)
        return is_right

    monkeypatch.setattr(passwords, "is_password", overtaken)

    assert codes_of(await sign_in(await school.client(), email)) == [(401, "auth.bad_credentials")]
    assert await living_sessions(school, user_id) == []


async def test_signing_in_answers_user_and_tokens(school: School) -> None:
    email = fresh_email(school)
    user_id = await make_user(school, "instructor", email=email)
    client = await school.client()
    answer = await sign_in(client, email.title())
    assert answer.status_code == 200
    body = answer.json()
    assert sorted(body) == ["access_token", "expires_in", "refresh_token", "token_type", "user"]
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert (body["user"]["id"], body["user"]["email"], body["user"]["role"]) == (str(user_id), email, "instructor")
    assert not [name for name in body["user"] if "password" in name or name == "is_operator"]
    assert body["user"]["last_login"] is not None
    bare = await school.client(Authorization=f"Bearer {body['access_token']}")
    assert (await bare.get("/users/me")).json()["id"] == str(user_id)
    assert len(await living_sessions(school, user_id)) == 1


async def test_refusal_does_not_say_whether_the_account_exists(school: School) -> None:
    email = fresh_email(school)
    await make_user(school, email=email)
    client = await school.client(**{"X-Request-Id": "the-same-id"})
    known = await sign_in(client, email, "Wrong-one-77")
    unknown = await sign_in(client, fresh_email(school), "Wrong-one-77")
    assert codes_of(known, unknown) == [(401, "auth.bad_credentials")] * 2
    assert known.content == unknown.content
    assert sorted(known.headers) == sorted(unknown.headers)
    assert known.headers.get_list("set-cookie") == []


async def test_refusal_costs_one_hash_and_as_many_statements_whether_or_not_the_account_exists(
    school: School, monkeypatch: pytest.MonkeyPatch, query_count: Any
) -> None:
    email = fresh_email(school)
    await make_user(school, email=email)
    client = await school.client()
    hashed: list[Any] = []
    run = passwords.threads.run

    async def counted(tenant_id: UUID, work: Any, *arguments: Any) -> Any:
        hashed.append((work, arguments[1][:7]))
        return await run(tenant_id, work, *arguments)

    monkeypatch.setattr(passwords.threads, "run", counted)
    costs = []
    for each in (email, fresh_email(school)):
        hashed.clear()
        before = query_count()
        await sign_in(client, each, "Wrong-one-77")
        costs.append((list(hashed), query_count() - before))
    assert costs[0] == costs[1]
    assert costs[0][0] == [(bcrypt.checkpw, b"$2b$04$")]


async def test_refused_sign_ins_are_kept_without_the_address_that_was_typed(school: School) -> None:
    email = fresh_email(school)
    user_id = await make_user(school, email=email)
    client = await school.client(**{"User-Agent": "Test/1.0"})
    await sign_in(client, email, "Wrong-one-77")
    await sign_in(client, "my-password-by-mistake", "Wrong-one-77")
    kept = await failures(school)
    assert [(each.reason, each.user_id) for each in kept] == [("wrong_password", user_id), ("unknown_user", None)]
    assert {(each.address, each.agent) for each in kept} == {("127.0.0.1", "Test/1.0")}


@pytest.mark.parametrize(("status", "code"), [("suspended", "auth.suspended"), ("inactive", "auth.inactive")])
async def test_status_is_told_only_to_whoever_knows_the_password(school: School, status: str, code: str) -> None:
    email = fresh_email(school)
    user_id = await make_user(school, email=email)
    async with school.db() as db:
        await db.run(_SET_STATUS, user=user_id, new_status=status)
    client = await school.client()
    wrong, right = await sign_in(client, email, "Wrong-one-77"), await sign_in(client, email)
    assert codes_of(wrong, right) == [(401, "auth.bad_credentials"), (403, code)]
    assert [each.reason for each in await failures(school)] == ["wrong_password", status]
    assert await living_sessions(school, user_id) == []


async def test_address_must_be_verified_where_the_tenant_says_so(new_school: SchoolFactory) -> None:
    school = await new_school(settings={"auth": {"require_verified_email": True}})
    client = await school.client()
    person = {"email": fresh_email(school), "password": PASSWORD, "first_name": "Sami", "last_name": "Aziz"}
    assert (await client.post("/auth/register", json=person)).status_code == 202
    assert codes_of(await sign_in(client, person["email"])) == [(403, "auth.email_not_verified")]
    assert [each.reason for each in await failures(school)] == ["email_not_verified"]
    await signed_in(school)


async def test_account_is_tried_five_times_a_minute_from_wherever(new_school: SchoolFactory, browser: Browser) -> None:
    limited = await new_school(settings={"security": {"rate_limits": {"login_per_minute": 5}}})
    email = fresh_email(limited)
    await make_user(limited, email=email)
    clients = [await browser(limited, address=f"203.0.113.{number}") for number in range(2)]
    answers = [await sign_in(clients[turn % 2], email, "Wrong-one-77") for turn in range(5)]
    assert {answer.status_code for answer in answers} == {401}
    refused = await sign_in(clients[0], f"{email.upper()}")
    assert codes_of(refused) == [(429, "kernel.rate_limited")]
    assert int(refused.headers["Retry-After"]) <= 60
    assert (await sign_in(clients[1], fresh_email(limited))).status_code == 401


async def test_address_of_a_caller_is_limited_over_all_accounts(new_school: SchoolFactory) -> None:
    school = await new_school(settings={"security": {"rate_limits": {"login_per_minute": 5}}})
    client = await school.client()
    answers = [await sign_in(client, fresh_email(school)) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]


async def test_no_connection_is_held_while_a_password_is_hashed(
    school: School, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = fresh_email(school)
    await make_user(school, email=email)
    client = await school.client()
    threads, go = HashingThreads(1, 100), threading.Event()
    monkeypatch.setattr(passwords, "threads", threads)
    blocker = asyncio.create_task(threads.run(school.tenant.id, go.wait))
    await asyncio.sleep(0)
    person = {"email": fresh_email(school), "password": PASSWORD, "first_name": "Sami", "last_name": "Aziz"}
    answers = [
        asyncio.create_task(sign_in(client, email)),
        asyncio.create_task(sign_in(client, fresh_email(school))),
        asyncio.create_task(client.post("/auth/register", json=person)),
    ]
    try:
        async with asyncio.timeout(20):
            while threads.load < 4:  # noqa: ASYNC110 - what runs in threads sets no event of the loop
                await asyncio.sleep(0.001)
        held = deployment.database.primary.in_use
    finally:
        go.set()
    assert held == 0
    assert [answer.status_code for answer in await asyncio.gather(*answers)] == [200, 401, 202]
    await blocker


async def test_full_queue_of_passwords_is_a_503(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    threads, go = HashingThreads(1, 0), threading.Event()
    monkeypatch.setattr(passwords, "threads", threads)
    blocker = asyncio.create_task(threads.run(school.tenant.id, go.wait))
    await asyncio.sleep(0)
    client = await school.client()
    try:
        answer = await sign_in(client, fresh_email(school))
    finally:
        go.set()
    assert codes_of(answer) == [(503, "auth.busy")]
    assert answer.headers["Retry-After"] == "5"
    await blocker


async def test_password_is_hashed_anew_when_key_or_cost_have_changed(
    school: School, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = fresh_email(school)
    user_id = await make_user(school, email=email)
    old = deployment.settings.secret_keys
    client = await school.client()

    async def stored() -> Stored:
        async with school.db() as db:
            row = await db.row(Stored, _PASSWORD, user=user_id)
        assert row is not None
        return row

    before = await stored()
    await sign_in(client, email)
    assert await stored() == before
    monkeypatch.setattr(deployment, "keyring", Keyring(["a newer key for tests, also long enough", *old]))
    assert (await sign_in(client, email, "Wrong-one-77")).status_code == 401
    assert await stored() == before
    assert (await sign_in(client, email)).status_code == 200
    newer = await stored()
    assert newer.password_key_id == deployment.keyring.newest_kid != before.password_key_id
    monkeypatch.setattr(deployment, "settings", msgspec.structs.replace(deployment.settings, password_hash_cost=5))
    assert (await sign_in(client, email)).status_code == 200
    newest = await stored()
    assert (newest.password_hash[:7], newest.password_key_id) == ("$2b$05$", newer.password_key_id)
    assert (await sign_in(client, email)).status_code == 200


async def test_password_is_in_no_audit_row(school: School) -> None:
    email = fresh_email(school)
    await make_user(school, email=email)
    async with school.db() as db:
        rows = await db.values(_AUDITED)
    assert [(row["email"], row["password_hash"]) for row in rows] == [(email, "***")]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"email": "a@b.c", "password": "x", "otp": "1"}, ["otp"]),
        ({"email": "a@b.c"}, ["password"]),
        ({"email": "a@b.c", "password": "x" * 129}, ["password"]),
        ({"email": "a@b.c", "password": None}, ["password"]),
    ],
)
async def test_wrong_or_unknown_field_is_named(school: School, body: dict[str, Any], fields: list[str]) -> None:
    client = await school.client()
    answer = await client.post("/auth/login", json=body)
    assert codes_of(answer) == [(400, "kernel.invalid")]
    assert [each["field"] for each in answer.json()["errors"]] == fields


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"email":"\\ud800","password":"x"}', b'{"email":"a\\u0000","password":"x"}']
)
async def test_hostile_body_is_a_400(school: School, content: bytes) -> None:
    client = await school.client()
    answer = await client.post("/auth/login", content=content, headers={"Content-Type": "application/json"})
    assert codes_of(answer) == [(400, "kernel.invalid")]


async def test_account_of_another_school_does_not_exist_here(school: School, other_school: School) -> None:
    email = fresh_email(school)
    await make_user(school, email=email)
    assert codes_of(await sign_in(await other_school.client(), email)) == [(401, "auth.bad_credentials")]
