"""Authenticator apps and recovery codes: setting up, signing in with them, losing them."""

import asyncio
import re
from argparse import ArgumentParser
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import httpx
import pyotp
import pytest
from litestar import Litestar
from sqlalchemy import bindparam, select, update

from kernel import clock
from kernel.auth import public
from kernel.deployment import Deployment
from kernel.errors import NotFound
from kernel.keys import Keyring
from kernel.tables import AuditLog
from kernel.testing import PASSWORD, FakeClock, Mailbox, School, SchoolFactory
from plugins.auth import passwords
from plugins.auth.actions import codes
from plugins.auth.actions import second_step as second_step_action
from plugins.auth.actions.new_passwords import set_password
from plugins.auth.actions.sessions import end_sessions_of
from plugins.auth.cli import COMMANDS
from plugins.auth.tables import FailedLogin, RecoveryCode, TotpFactor, User
from tests.plugins.auth.conftest import Browser
from tests.plugins.auth.people import codes_of, fresh_email, living_sessions, make_user, sign_in, signed_in

_SECRET = select(TotpFactor.secret).where(TotpFactor.user_id == bindparam("user"))
_HASHES = select(RecoveryCode.code_hash).where(RecoveryCode.user_id == bindparam("user"))
_REASONS = select(FailedLogin.reason).where(FailedLogin.user_id == bindparam("user")).order_by(FailedLogin.id)
_AUDITED = select(AuditLog.new_values).where(AuditLog.entity_type == bindparam("table"), AuditLog.action == "INSERT")
_SET_STATUS = update(User).where(User.id == bindparam("user")).values(status=bindparam("new_status"))


def code_of(secret: str, *, steps: int = 0) -> str:
    """Return what an authenticator app shows, or showed or will show so many steps from now."""
    return pyotp.TOTP(secret).generate_otp(int(clock.now().timestamp()) // 30 + steps)


class Owner:
    """Somebody with an authenticator app, and a client that is signed in."""

    def __init__(self, school: School, client: httpx.AsyncClient, user: dict[str, Any], secret: str) -> None:
        self.school, self.client, self.secret = school, client, secret
        self.id, self.email = UUID(user["id"]), user["email"]
        self.recovery_codes: list[str] = []

    async def first_step(self) -> tuple[httpx.AsyncClient, str]:
        """Send the password from a new browser; return it and the token of the first step."""
        client = await self.school.client()
        answer = await sign_in(client, self.email)
        assert answer.status_code == 200, answer.text
        return client, answer.json()["mfa_token"]


async def second_step(client: httpx.AsyncClient, token: str, code: str) -> httpx.Response:
    """Send the code of the second step."""
    return await client.post("/auth/mfa", json={"mfa_token": token, "code": code})


async def enrolled(school: School, fake_clock: FakeClock, role: str = "student") -> Owner:
    """Make somebody with an authenticator app, whose present code has not been used."""
    client, answer = await signed_in(school, role)
    begun = (await client.post("/auth/mfa/totp", json={"password": PASSWORD})).json()
    owner = Owner(school, client, answer["user"], begun["secret"])
    confirmed = await client.post("/auth/mfa/totp/confirm", json={"code": code_of(owner.secret)})
    assert confirmed.status_code == 200, confirmed.text
    owner.recovery_codes = confirmed.json()["recovery_codes"]
    fake_clock.advance(seconds=60)
    return owner


async def reasons(owner: Owner) -> list[str]:
    """Return why sign-ins were refused."""
    async with owner.school.db() as db:
        return await db.values(_REASONS, user=owner.id)


# --- setting up ------------------------------------------------------------------------------------------------------


async def test_app_is_set_up_by_secret_address_and_picture(school: School) -> None:
    client, answer = await signed_in(school)
    begun = await client.post("/auth/mfa/totp", json={"password": PASSWORD})
    assert begun.status_code == 201
    body = begun.json()
    assert sorted(body) == ["otpauth_uri", "qr_svg", "secret"]
    parsed = pyotp.parse_uri(body["otpauth_uri"])
    assert (parsed.secret, parsed.issuer, parsed.name) == (body["secret"], "School", answer["user"]["email"])
    assert ET.fromstring(body["qr_svg"]).tag.endswith("svg")
    # Nothing is on yet.
    assert (await client.get("/auth/mfa")).json()["methods"] == []
    assert "access_token" in (await sign_in(await school.client(), answer["user"]["email"])).json()


async def test_an_account_with_an_unverified_address_sets_up_no_factor(school: School, mailbox: Mailbox) -> None:
    """Else whoever registers with somebody's address still comes in after its owner has reset the password."""
    stranger, email = await school.client(), fresh_email(school)
    registered = {"email": email, "password": PASSWORD, "first_name": "Mallory", "last_name": "M"}
    assert (await stranger.post("/auth/register", json=registered)).status_code == 202
    assert (await sign_in(stranger, email)).status_code == 200
    refused = [
        await stranger.post("/auth/mfa/totp", json={"password": PASSWORD}),
        await stranger.post("/auth/passkeys/options", json={"password": PASSWORD}),
    ]
    assert codes_of(*refused) == [(403, "auth.email_not_verified")] * 2

    link = (await mailbox.mail(email)).links[0]
    proved = await stranger.post("/auth/verify-email", json={"token": link.partition("#token=")[2]})
    begun = await stranger.post("/auth/mfa/totp", json={"password": PASSWORD})
    assert (proved.status_code, begun.status_code) == (204, 201)


async def test_first_code_switches_the_app_on_and_gives_ten_recovery_codes(
    school: School, fake_clock: FakeClock
) -> None:
    owner = await enrolled(school, fake_clock)
    assert len(set(owner.recovery_codes)) == 10
    assert (await owner.client.get("/auth/mfa")).json() == {
        "totp": True,
        "passkeys": 0,
        "recovery_codes_left": 10,
        "recovery_codes_low": False,
        "required": False,
        "methods": ["totp", "recovery_code"],
    }


async def test_wrong_first_code_names_its_field_and_switches_nothing_on(school: School) -> None:
    client, _ = await signed_in(school)
    assert codes_of(await client.post("/auth/mfa/totp/confirm", json={"code": "000000"})) == [
        (409, "auth.totp_not_begun")
    ]
    secret = (await client.post("/auth/mfa/totp", json={"password": PASSWORD})).json()["secret"]
    for code in (code_of(secret, steps=3), code_of(secret, steps=-3), "abcdef"):
        refused = await client.post("/auth/mfa/totp/confirm", json={"code": code})
        assert codes_of(refused) == [(400, "kernel.invalid")]
        assert [each["field"] for each in refused.json()["errors"]] == ["code"]
    assert (await client.get("/auth/mfa")).json()["totp"] is False


async def test_beginning_again_replaces_the_secret_until_it_is_confirmed(school: School, fake_clock: FakeClock) -> None:
    client, _ = await signed_in(school)
    first = (await client.post("/auth/mfa/totp", json={"password": PASSWORD})).json()["secret"]
    second = (await client.post("/auth/mfa/totp", json={"password": PASSWORD})).json()["secret"]
    assert first != second
    refused = await client.post("/auth/mfa/totp/confirm", json={"code": code_of(first)})
    taken = await client.post("/auth/mfa/totp/confirm", json={"code": code_of(second)})
    again = await client.post("/auth/mfa/totp", json={"password": PASSWORD})
    assert (refused.status_code, taken.status_code) == (400, 200)
    assert codes_of(again) == [(409, "auth.totp_on")]
    assert codes_of(await client.post("/auth/mfa/totp/confirm", json={"code": code_of(second, steps=1)})) == [
        (409, "auth.totp_not_begun")
    ]


@pytest.mark.parametrize("body", [{"password": "Wrong-one-77"}, {}, {"password": None}])
async def test_every_change_asks_for_the_password(school: School, fake_clock: FakeClock, body: dict[str, Any]) -> None:
    owner = await enrolled(school, fake_clock)
    answers = [
        await owner.client.post("/auth/mfa/totp", json=body),
        await owner.client.post("/auth/mfa/recovery-codes", json=body),
        await owner.client.request("DELETE", "/auth/mfa/totp", json=body),
    ]
    assert codes_of(*answers) == [(403, "auth.wrong_password")] * 3
    assert (await owner.client.get("/auth/mfa")).json()["recovery_codes_left"] == 10


async def test_setting_up_and_removing_end_the_other_sessions(school: School, fake_clock: FakeClock) -> None:
    client, answer = await signed_in(school)
    email = answer["user"]["email"]
    other = await school.client()
    await sign_in(other, email)
    secret = (await client.post("/auth/mfa/totp", json={"password": PASSWORD})).json()["secret"]
    assert (await other.get("/users/me")).status_code == 200
    await client.post("/auth/mfa/totp/confirm", json={"code": code_of(secret)})
    assert ((await client.get("/users/me")).status_code, (await other.get("/users/me")).status_code) == (200, 401)
    token = (await sign_in(other, email)).json()["mfa_token"]
    assert (await second_step(other, token, code_of(secret, steps=1))).status_code == 200
    removed = await client.request("DELETE", "/auth/mfa/totp", json={"password": PASSWORD})
    assert removed.status_code == 204
    assert ((await client.get("/users/me")).status_code, (await other.get("/users/me")).status_code) == (200, 401)


async def test_secret_and_codes_are_kept_unreadable(school: School, fake_clock: FakeClock) -> None:
    owner = await enrolled(school, fake_clock)
    async with school.db() as db:
        (sealed,) = await db.values(_SECRET, user=owner.id)
        hashes = await db.values(_HASHES, user=owner.id)
        audited = [*await db.values(_AUDITED, table="auth.totp_factors")]
        audited += await db.values(_AUDITED, table="auth.recovery_codes")
    kept = sealed + str(hashes) + str(audited)
    assert not [secret for secret in (owner.secret, *owner.recovery_codes) if secret in kept]
    assert len(hashes) == 10


# --- signing in ------------------------------------------------------------------------------------------------------


async def test_password_alone_gives_neither_session_nor_cookies(school: School, fake_clock: FakeClock) -> None:
    owner = await enrolled(school, fake_clock)
    before = await living_sessions(school, owner.id)
    client = await school.client()
    answer = await sign_in(client, owner.email)
    body = answer.json()
    assert sorted(body) == ["expires_in", "methods", "mfa_required", "mfa_token"]
    assert (body["mfa_required"], body["methods"], body["expires_in"]) == (True, ["totp", "recovery_code"], 300)
    assert answer.headers.get_list("set-cookie") == []
    assert await living_sessions(school, owner.id) == before
    for header in (f"Bearer {body['mfa_token']}",):
        assert (await client.get("/users/me", headers={"Authorization": header})).status_code == 401
    assert codes_of(await client.post("/auth/refresh", json={"refresh_token": body["mfa_token"]})) == [
        (401, "auth.refresh_invalid")
    ]


async def test_code_finishes_signing_in_as_a_login_does(school: School, fake_clock: FakeClock) -> None:
    owner = await enrolled(school, fake_clock)
    client, token = await owner.first_step()
    answer = await second_step(client, token, f" {code_of(owner.secret)[:3]} {code_of(owner.secret)[3:]}")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["user"]["id"], body["token_type"], body["expires_in"]) == (str(owner.id), "Bearer", 900)
    assert len(answer.headers.get_list("set-cookie")) == 2
    assert (await client.get("/users/me")).json()["id"] == str(owner.id)


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 200), (0, 200), (1, 200), (2, 401)])
async def test_code_of_the_step_before_or_after_counts_too(
    school: School, fake_clock: FakeClock, steps: int, status: int
) -> None:
    owner = await enrolled(school, fake_clock)
    client, token = await owner.first_step()
    answer = await second_step(client, token, code_of(owner.secret, steps=steps))
    assert answer.status_code == status


async def test_code_counts_once_and_so_does_every_older_one(school: School, fake_clock: FakeClock) -> None:
    owner = await enrolled(school, fake_clock)
    used = code_of(owner.secret)
    client, token = await owner.first_step()
    assert (await second_step(client, token, used)).status_code == 200
    client, token = await owner.first_step()
    for code in (used, code_of(owner.secret, steps=-1)):
        assert codes_of(await second_step(client, token, code)) == [(401, "auth.wrong_code")]
    assert (await second_step(client, token, code_of(owner.secret, steps=1))).status_code == 200
    assert await reasons(owner) == ["wrong_code", "wrong_code"]


async def test_code_that_confirmed_the_app_signs_nobody_in(school: School) -> None:
    client, answer = await signed_in(school)
    secret = (await client.post("/auth/mfa/totp", json={"password": PASSWORD})).json()["secret"]
    code = code_of(secret)
    await client.post("/auth/mfa/totp/confirm", json={"code": code})
    token = (await sign_in(client, answer["user"]["email"])).json()["mfa_token"]
    assert codes_of(await second_step(client, token, code)) == [(401, "auth.wrong_code")]


@pytest.mark.parametrize("turn", range(3))
async def test_same_code_sent_at_the_same_time_counts_once(school: School, fake_clock: FakeClock, turn: int) -> None:
    owner = await enrolled(school, fake_clock)
    steps = [await owner.first_step() for _ in range(6)]
    code = code_of(owner.secret)
    answers = await asyncio.gather(*(second_step(client, token, code) for client, token in steps))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 5


async def test_token_of_the_first_step_counts_once(school: School, fake_clock: FakeClock) -> None:
    owner = await enrolled(school, fake_clock)
    client, token = await owner.first_step()
    codes = [code_of(owner.secret, steps=steps) for steps in (0, 1)]
    assert (await second_step(client, token, codes[0])).status_code == 200
    assert codes_of(await second_step(client, token, codes[1])) == [(401, "auth.mfa_token_invalid")]
    # The code is not lost by that.
    client, token = await owner.first_step()
    assert (await second_step(client, token, codes[1])).status_code == 200


async def test_token_is_dead_after_five_tries(school: School, fake_clock: FakeClock) -> None:
    owner = await enrolled(school, fake_clock)
    client, token = await owner.first_step()
    wrong = [await second_step(client, token, "000000") for _ in range(5)]
    right = await second_step(client, token, code_of(owner.secret))
    assert codes_of(*wrong, right) == [(401, "auth.wrong_code")] * 5 + [(401, "auth.mfa_token_invalid")]


async def test_token_lives_for_five_minutes(school: School, fake_clock: FakeClock) -> None:
    owner = await enrolled(school, fake_clock)
    client, token = await owner.first_step()
    fake_clock.advance(seconds=299)
    assert codes_of(await second_step(client, token, "000000")) == [(401, "auth.wrong_code")]
    fake_clock.advance(seconds=2)
    assert codes_of(await second_step(client, token, code_of(owner.secret))) == [(401, "auth.mfa_token_invalid")]


async def test_token_is_bound_to_its_school_and_kind(
    school: School, other_school: School, fake_clock: FakeClock
) -> None:
    owner = await enrolled(school, fake_clock)
    _, token = await owner.first_step()
    elsewhere, signed = await signed_in(other_school)
    answers = [
        await second_step(elsewhere, wrong, code_of(owner.secret))
        for wrong in (token, signed["access_token"], signed["refresh_token"], "x", "")
    ]
    assert codes_of(*answers) == [(401, "auth.mfa_token_invalid")] * 5


async def test_codes_of_an_account_are_counted_over_all_tokens_and_addresses(
    new_school: SchoolFactory, fake_clock: FakeClock, browser: Browser
) -> None:
    school = await new_school(settings={"security": {"rate_limits": {"login_per_minute": 6}}})
    owner = await enrolled(school, fake_clock)
    tokens = [(await owner.first_step())[1] for _ in range(2)]
    clients = [await browser(school, address=f"203.0.113.{number}") for number in range(2)]
    tries = [await second_step(clients[turn % 2], tokens[turn % 2], "000000") for turn in range(7)]
    assert codes_of(*tries) == [(401, "auth.wrong_code")] * 6 + [(429, "kernel.rate_limited")]


async def test_guessing_a_password_does_not_shut_the_second_step(
    new_school: SchoolFactory, fake_clock: FakeClock, browser: Browser
) -> None:
    school = await new_school(settings={"security": {"rate_limits": {"login_per_minute": 5}}})
    owner = await enrolled(school, fake_clock)
    _, token = await owner.first_step()
    strangers = [await browser(school, address=f"203.0.113.{number}") for number in range(6)]
    guesses = [await sign_in(each, owner.email, "Wrong-one-77") for each in strangers]
    assert codes_of(guesses[-1]) == [(429, "kernel.rate_limited")]
    entered = await second_step(await browser(school, address="192.0.2.7"), token, code_of(owner.secret))
    assert entered.status_code == 200


@pytest.mark.parametrize("moment", ["before", "meanwhile"])
async def test_new_password_ends_what_the_old_one_has_begun(
    school: School, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    owner = await enrolled(school, fake_clock)
    client, token = await owner.first_step()

    async def reset() -> None:
        async with school.db() as db:
            await set_password(db, owner.id, await passwords.hash_password(db, "Another-Passw0rd"))
            await end_sessions_of(db, owner.id)

    async def overtaken(*given: Any) -> Any:
        used = await codes.use_code(*given)
        await reset()
        return used

    if moment == "before":
        await reset()
    else:
        monkeypatch.setattr(second_step_action, "use_code", overtaken)

    assert codes_of(await second_step(client, token, code_of(owner.secret))) == [(401, "auth.mfa_token_invalid")]
    options = await client.post("/auth/passkeys/sign-in/options", json={"mfa_token": token})
    assert codes_of(options) == [(401, "auth.mfa_token_invalid")]
    assert await living_sessions(school, owner.id) == []


async def test_suspended_between_the_steps_is_refused(school: School, fake_clock: FakeClock) -> None:
    owner = await enrolled(school, fake_clock)
    client, token = await owner.first_step()
    async with school.db() as db:
        await db.run(_SET_STATUS, user=owner.id, new_status="suspended")
    assert codes_of(await second_step(client, token, code_of(owner.secret))) == [(403, "auth.suspended")]


# --- recovery codes --------------------------------------------------------------------------------------------------


async def test_recovery_code_stands_in_once_however_it_is_typed(school: School, fake_clock: FakeClock) -> None:
    owner = await enrolled(school, fake_clock)
    code = owner.recovery_codes[0]
    client, token = await owner.first_step()
    assert (await second_step(client, token, code.lower().replace("-", " "))).status_code == 200
    assert (await client.get("/auth/mfa")).json()["recovery_codes_left"] == 9
    client, token = await owner.first_step()
    assert codes_of(await second_step(client, token, code)) == [(401, "auth.wrong_code")]
    assert (await second_step(client, token, owner.recovery_codes[1])).status_code == 200


async def test_recovery_code_of_somebody_else_does_not_count(school: School, fake_clock: FakeClock) -> None:
    owner, other = await enrolled(school, fake_clock), await enrolled(school, fake_clock)
    client, token = await owner.first_step()
    assert codes_of(await second_step(client, token, other.recovery_codes[0])) == [(401, "auth.wrong_code")]


async def test_few_recovery_codes_are_noticed_and_new_ones_replace_them(school: School, fake_clock: FakeClock) -> None:
    owner = await enrolled(school, fake_clock)
    for code in owner.recovery_codes[:7]:
        client, token = await owner.first_step()
        assert (await second_step(client, token, code)).status_code == 200
    state = (await owner.client.get("/auth/mfa")).json()
    assert (state["recovery_codes_left"], state["recovery_codes_low"]) == (3, True)
    renewed = (await owner.client.post("/auth/mfa/recovery-codes", json={"password": PASSWORD})).json()
    assert len(set(renewed["recovery_codes"]) - set(owner.recovery_codes)) == 10
    client, token = await owner.first_step()
    assert codes_of(await second_step(client, token, owner.recovery_codes[9])) == [(401, "auth.wrong_code")]
    assert (await second_step(client, token, renewed["recovery_codes"][0])).status_code == 200


async def test_recovery_codes_need_something_to_stand_in_for(school: School) -> None:
    client, _ = await signed_in(school)
    answer = await client.post("/auth/mfa/recovery-codes", json={"password": PASSWORD})
    assert codes_of(answer) == [(409, "auth.second_factor_off")]


# --- removing --------------------------------------------------------------------------------------------------------


async def test_removed_app_is_asked_for_no_more_and_its_codes_are_gone(school: School, fake_clock: FakeClock) -> None:
    owner = await enrolled(school, fake_clock)
    wrong = {"password": PASSWORD, "code": "000000"}
    refused = await owner.client.request("DELETE", "/auth/mfa/totp", json=wrong)
    assert (codes_of(refused), refused.json()["errors"][0]["field"]) == ([(400, "kernel.invalid")], "code")
    right = {"password": PASSWORD, "code": code_of(owner.secret)}
    assert (await owner.client.request("DELETE", "/auth/mfa/totp", json=right)).status_code == 204
    assert codes_of(await owner.client.request("DELETE", "/auth/mfa/totp", json={"password": PASSWORD})) == [
        (404, "kernel.not_found")
    ]
    state = (await owner.client.get("/auth/mfa")).json()
    assert (state["totp"], state["recovery_codes_left"], state["methods"]) == (False, 0, [])
    assert "access_token" in (await sign_in(await school.client(), owner.email)).json()


async def test_admin_resets_what_somebody_has_lost(school: School, fake_clock: FakeClock) -> None:
    owner = await enrolled(school, fake_clock)
    admin = await school.person("admin")
    student = await school.person("student")
    assert codes_of(await student.delete(f"/users/{owner.id}/mfa")) == [(403, "kernel.forbidden")]
    assert (await admin.delete(f"/users/{owner.id}/mfa")).status_code == 204
    assert await living_sessions(school, owner.id) == []
    assert (await owner.client.get("/users/me")).status_code == 401
    assert "access_token" in (await sign_in(await school.client(), owner.email)).json()
    assert codes_of(await admin.delete(f"/users/{admin.id}/mfa")) == [(403, "auth.own_account")]


async def test_admin_resets_no_operator(school: School) -> None:
    operator = await school.person("admin", is_operator=True)
    admin, other = await school.person("admin"), await school.person("admin", is_operator=True)
    assert codes_of(await admin.delete(f"/users/{operator.id}/mfa")) == [(403, "kernel.forbidden")]
    assert (await other.delete(f"/users/{operator.id}/mfa")).status_code == 204


async def test_nobody_resets_a_mightier_role(new_school: SchoolFactory) -> None:
    school = await new_school(settings={"roles": {"instructor": {"auth.user.manage": "any"}}})
    instructor, admin = await school.person("instructor"), await school.person("admin")
    student = await school.person("student")
    assert codes_of(await instructor.delete(f"/users/{admin.id}/mfa")) == [(403, "auth.beyond_own_role")]
    assert (await instructor.delete(f"/users/{student.id}/mfa")).status_code == 204


# --- required by the school ------------------------------------------------------------------------------------------


async def test_role_that_needs_a_second_factor_can_only_set_one_up(
    new_school: SchoolFactory, fake_clock: FakeClock
) -> None:
    school = await new_school(settings={"auth": {"mfa_required_for": ["admin"]}})
    email = fresh_email(school)
    await make_user(school, "admin", email=email)
    client = await school.client()
    assert (await sign_in(client, email)).json()["mfa_enrolment_required"] is True
    shut = [await client.get(path) for path in ("/users/me", "/users", "/access-codes")]
    assert codes_of(*shut) == [(403, "kernel.session_restricted")] * 3
    # At doors that are open to everybody it is nobody, who may not see the catalogue here.
    assert (await client.get("/courses")).status_code == 401
    assert (await client.get("/auth/mfa")).json()["required"] is True
    assert (await client.post("/auth/refresh")).status_code == 200
    assert (await client.get("/users/me")).status_code == 403
    secret = (await client.post("/auth/mfa/totp", json={"password": PASSWORD})).json()["secret"]
    assert (await client.post("/auth/mfa/totp/confirm", json={"code": code_of(secret)})).status_code == 200
    assert (await client.get("/users")).status_code == 200
    kept = await client.request("DELETE", "/auth/mfa/totp", json={"password": PASSWORD})
    assert codes_of(kept) == [(409, "auth.second_factor_needed")]
    assert (await client.get("/auth/mfa")).json()["totp"] is True
    assert (await client.post("/auth/logout")).status_code == 204
    token = (await sign_in(client, email)).json()["mfa_token"]
    signed = (await second_step(client, token, code_of(secret, steps=1))).json()
    assert "mfa_enrolment_required" not in signed
    assert (await client.get("/users")).status_code == 200


async def test_other_roles_need_no_second_factor(new_school: SchoolFactory) -> None:
    school = await new_school(settings={"auth": {"mfa_required_for": ["admin"]}})
    client, answer = await signed_in(school, "instructor")
    assert "mfa_enrolment_required" not in answer
    assert (await client.get("/users/me")).status_code == 200


async def test_session_is_restricted_as_soon_as_its_role_needs_a_second_factor(new_school: SchoolFactory) -> None:
    school = await new_school(settings={"auth": {"mfa_required_for": ["instructor"]}})
    admin = await school.person("admin")
    client, answer = await signed_in(school)
    assert (await client.get("/users/me")).status_code == 200
    await admin.patch(f"/users/{answer['user']['id']}", json={"role": "instructor"})
    assert codes_of(await client.get("/users/me")) == [(403, "kernel.session_restricted")]


# --- keys ------------------------------------------------------------------------------------------------------------


async def test_secrets_and_codes_outlive_the_key_under_which_they_were_used(
    school: School, deployment: Deployment, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await enrolled(school, fake_clock)
    old, newer = deployment.settings.secret_keys, "a newer key for tests, also long enough"
    monkeypatch.setattr(deployment, "keyring", Keyring([newer, *old]))
    client, token = await owner.first_step()
    assert (await second_step(client, token, code_of(owner.secret))).status_code == 200
    client, token = await owner.first_step()
    assert (await second_step(client, token, owner.recovery_codes[0])).status_code == 200
    monkeypatch.setattr(deployment, "keyring", Keyring([newer]))
    client, token = await owner.first_step()
    assert (await second_step(client, token, code_of(owner.secret, steps=1))).status_code == 200
    client, token = await owner.first_step()
    assert codes_of(await second_step(client, token, owner.recovery_codes[1])) == [(401, "auth.wrong_code")]


# --- notices ---------------------------------------------------------------------------------------------------------


async def test_owner_is_told_of_each_change(school: School, fake_clock: FakeClock, mailbox: Mailbox) -> None:
    owner = await enrolled(school, fake_clock)
    added = await mailbox.mail(owner.email)
    assert (added.subject, added.links) == ("A second factor was set up", [school.tenant.url("/forgot-password")])
    other = await school.client()
    token = (await sign_in(other, owner.email)).json()["mfa_token"]
    assert (await second_step(other, token, code_of(owner.secret))).status_code == 200
    await owner.client.post("/auth/mfa/recovery-codes", json={"password": PASSWORD})
    assert ((await owner.client.get("/users/me")).status_code, (await other.get("/users/me")).status_code) == (200, 401)
    await owner.client.request("DELETE", "/auth/mfa/totp", json={"password": PASSWORD})
    admin = await school.person("admin")
    await admin.delete(f"/users/{owner.id}/mfa")
    subjects = sorted(each.subject for each in await mailbox.mails(to=owner.email))
    assert subjects == [
        "A second factor was removed",
        "A second factor was set up",
        "New recovery codes were made",
        "Your second factors were taken away",
    ]


async def test_owner_is_told_when_recovery_codes_run_out(
    school: School, fake_clock: FakeClock, mailbox: Mailbox
) -> None:
    owner = await enrolled(school, fake_clock)
    for code in owner.recovery_codes[:7]:
        client, token = await owner.first_step()
        await second_step(client, token, code)
    mails = await mailbox.mails(to=owner.email)
    (low,) = [each for each in mails if each.subject == "Few recovery codes are left"]
    assert "3 are left" in low.text


# --- every door before the second factor ------------------------------------------------------------------------------

OPEN_BEFORE = {
    "auth_mfa_get",
    "auth_totp_begin",
    "auth_totp_confirm",
    "auth_totp_remove",
    "auth_recovery_codes",
    "auth_passkey_options",
    "auth_passkeys_create",
    "auth_passkeys_list",
    "auth_passkeys_update",
    "auth_passkeys_delete",
    "page_profile_security",  # where they are set up
}


async def test_every_door_but_those_that_set_one_up_is_shut_before_the_second_factor(
    new_school: SchoolFactory, litestar_app: Litestar
) -> None:
    school = await new_school(settings={"auth": {"mfa_required_for": ["admin"]}})
    email = fresh_email(school)
    await make_user(school, "admin", email=email)
    client = await school.client()
    assert (await sign_in(client, email)).json()["mfa_enrolment_required"] is True
    found: dict[str, set[str]] = {}
    for route in litestar_app.routes:
        for handler in getattr(route, "route_handlers", ()):
            # What has no guard is the description of the API, which says nothing of any school.
            if not handler.guards or public in handler.guards:
                continue
            path = re.sub(r"\{\w+:uuid\}", str(UUID(int=7)), route.path)
            for method in sorted(handler.http_methods - {"OPTIONS", "HEAD"}):
                body: dict[str, Any] | None = None if method == "GET" else {}
                answer = await client.request(method, f"http://{school.host}{path}", json=body)
                is_shut = answer.status_code == 403 and answer.json()["code"] == "kernel.session_restricted"
                found.setdefault("shut" if is_shut else "open", set()).add(handler.operation_id or path)
    assert found["open"] == OPEN_BEFORE
    assert len(found["shut"]) > 50


async def test_command_lets_the_only_administrator_in_again(school: School, fake_clock: FakeClock) -> None:
    owner = await enrolled(school, fake_clock, "admin")
    command = next(each for each in COMMANDS if each.name == "users reset-mfa")
    parser = ArgumentParser()
    command.configure(parser)
    async with school.db() as db:
        printed = await command.run(db, parser.parse_args(["--email", owner.email.upper()]))
    assert printed.startswith(f"{owner.email} signs in without a second factor")
    assert await living_sessions(school, owner.id) == []
    assert "access_token" in (await sign_in(await school.client(), owner.email)).json()
    with pytest.raises(NotFound):
        async with school.db() as db:
            await command.run(db, parser.parse_args(["--email", "nobody@school.test"]))
