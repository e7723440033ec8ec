"""Accounts by mail, through a real SMTP server: addresses proved and changed, passwords recovered, invitations."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pyotp
import pytest
from sqlalchemy import bindparam, select

from kernel import clock
from kernel.testing import PASSWORD, FakeClock, Mailbox, Person, School, SchoolFactory
from kernel.testing.mailbox import ReceivedMail
from plugins.auth.actions import mail_tokens
from plugins.auth.actions.mail_tokens import LIFETIMES
from plugins.auth.actions.sessions import end_sessions_of
from plugins.auth.mails import TEMPLATES
from plugins.auth.tables import UserToken
from tests.plugins.auth.conftest import Browser
from tests.plugins.auth.people import codes_of, fresh_email, living_sessions, make_user, sign_in, signed_in

NEW = "Wiese-im-Mai-7"
_HASHES = select(UserToken.token_hash).where(UserToken.user_id == bindparam("user"))


def token_of(mail: ReceivedMail) -> str:
    """Return the secret behind the `#` of the mail's link."""
    page, _, token = mail.links[0].partition("#token=")
    assert page.startswith("http")
    return token


def person(email: str) -> dict[str, Any]:
    """Return the body of a registration."""
    return {"email": email, "password": NEW, "first_name": "Anna", "last_name": "Bauer"}


@pytest.fixture
async def client(school: School) -> httpx.AsyncClient:
    """A client that nobody is signed in to."""
    return await school.client()


async def test_registration_mails_a_link_that_proves_the_address(new_school: SchoolFactory, mailbox: Mailbox) -> None:
    school = await new_school(settings={"auth": {"require_verified_email": True}})
    client, email = await school.client(), fresh_email(school)
    await client.post("/auth/register", json=person(email))
    assert codes_of(await sign_in(client, email, NEW)) == [(403, "auth.email_not_verified")]

    mail = await mailbox.mail(email)
    assert mail.links[0].startswith(f"{school.tenant.url('/verify-email')}#token=")
    assert (await client.post("/auth/verify-email", json={"token": token_of(mail)})).status_code == 204
    assert (await sign_in(client, email, NEW)).json()["user"]["email_verified"] is True
    # Once: the link of a mail that somebody else finds later opens nothing.
    again = await client.post("/auth/verify-email", json={"token": token_of(mail)})
    assert codes_of(again) == [(400, "auth.token_invalid")]


async def test_mail_tells_the_owner_of_a_taken_address(
    school: School, client: httpx.AsyncClient, mailbox: Mailbox
) -> None:
    verified, unverified = fresh_email(school), fresh_email(school)
    await make_user(school, email=verified)
    await client.post("/auth/register", json=person(unverified))
    await mailbox.mail(unverified)
    await client.post("/auth/register", json=person(verified))
    mail = await mailbox.mail(verified)
    assert mail.subject == "You have an account already"
    assert "/reset-password#token=" in mail.links[0]
    # Whoever has not proved the address gets no second mail so soon, and the first link stays good.
    await client.post("/auth/register", json=person(unverified))
    mails = await mailbox.mails(unverified)
    assert [each.subject for each in mails] == ["Confirm your e-mail address"]
    assert (await client.post("/auth/verify-email", json={"token": token_of(mails[0])})).status_code == 204


async def test_verification_is_mailed_again_and_the_older_link_ends(
    school: School, client: httpx.AsyncClient, mailbox: Mailbox, fake_clock: FakeClock
) -> None:
    email = fresh_email(school)
    await client.post("/auth/register", json=person(email))
    first = await mailbox.mail(email)
    fake_clock.advance(minutes=6)
    answer = await client.post("/auth/resend-verification", json={"email": email.upper()})
    assert (answer.status_code, answer.json()) == (202, {"status": "check_your_mail"})
    second = await mailbox.mail(email)
    old = await client.post("/auth/verify-email", json={"token": token_of(first)})
    assert codes_of(old) == [(400, "auth.token_invalid")]
    assert (await client.post("/auth/verify-email", json={"token": token_of(second)})).status_code == 204
    # There is nothing to verify any more, which the answer does not say.
    fake_clock.advance(minutes=6)
    assert (await client.post("/auth/resend-verification", json={"email": email})).status_code == 202
    assert len(await mailbox.mails(email)) == 2


async def test_forgotten_password_is_chosen_anew_and_every_session_ends(school: School, mailbox: Mailbox) -> None:
    browser, answer = await signed_in(school)
    email, user_id = answer["user"]["email"], answer["user"]["id"]
    stranger = await school.client()
    asked = await stranger.post("/auth/forgot-password", json={"email": email})
    unknown = await stranger.post("/auth/forgot-password", json={"email": fresh_email(school)})
    assert (asked.status_code, asked.content) == (unknown.status_code, unknown.content)
    token = token_of(await mailbox.mail(email))

    # A password that is refused costs no link.
    weak = await stranger.post("/auth/reset-password", json={"token": token, "password": "sami"})
    assert (codes_of(weak), weak.json()["errors"][0]["field"]) == ([(400, "auth.password_refused")], "password")
    reset = await stranger.post("/auth/reset-password", json={"token": token, "password": NEW})
    assert (reset.status_code, reset.headers.get_list("set-cookie")) == (204, [])
    assert await living_sessions(school, user_id) == []
    assert (await browser.get("/users/me")).status_code == 401
    assert (await sign_in(stranger, email, PASSWORD)).status_code == 401
    assert (await sign_in(stranger, email, NEW)).status_code == 200
    assert (await mailbox.mail(email)).subject == "Your password was changed"


async def test_reset_proves_the_address_and_keeps_the_second_factor(
    school: School, client: httpx.AsyncClient, mailbox: Mailbox
) -> None:
    email = fresh_email(school)
    await client.post("/auth/register", json=person(email))
    await client.post("/auth/forgot-password", json={"email": email})
    mails = await mailbox.mails(email)
    reset = next(mail for mail in mails if "reset-password" in mail.links[0])
    await client.post("/auth/reset-password", json={"token": token_of(reset), "password": NEW})
    assert (await sign_in(client, email, NEW)).json()["user"]["email_verified"] is True


async def test_link_ends_with_its_time(
    school: School, client: httpx.AsyncClient, mailbox: Mailbox, fake_clock: FakeClock
) -> None:
    email = fresh_email(school)
    await make_user(school, email=email)
    await client.post("/auth/forgot-password", json={"email": email})
    token = token_of(await mailbox.mail(email))
    fake_clock.advance(minutes=61)
    answer = await client.post("/auth/reset-password", json={"token": token, "password": NEW})
    assert codes_of(answer) == [(400, "auth.token_invalid")]
    assert {
        "verification": timedelta(hours=24), "reset": timedelta(hours=1), "invitation": timedelta(days=7),
    } == LIFETIMES  # fmt: skip


async def test_link_opens_nothing_else(school: School, other_school: School, mailbox: Mailbox) -> None:
    client, elsewhere, email = await school.client(), await other_school.client(), fresh_email(school)
    await make_user(school, email=email)
    await client.post("/auth/forgot-password", json={"email": email})
    token = token_of(await mailbox.mail(email))
    tries = [
        await client.post("/auth/verify-email", json={"token": token}),
        await client.post("/auth/accept-invitation", json={"token": token, "password": NEW}),
        await elsewhere.post("/auth/reset-password", json={"token": token, "password": NEW}),
        await client.post("/auth/reset-password", json={"token": token[:-1] + "x", "password": NEW}),
    ]
    assert codes_of(*tries) == [(400, "auth.token_invalid")] * 4
    assert (await client.get("/users/me", headers={"Authorization": f"Bearer {token}"})).status_code == 401
    assert (await client.post("/auth/reset-password", json={"token": token, "password": NEW})).status_code == 204


async def test_of_many_that_bring_a_link_at_once_one_succeeds(school: School, mailbox: Mailbox) -> None:
    client, email = await school.client(), fresh_email(school)
    await make_user(school, email=email)
    await client.post("/auth/forgot-password", json={"email": email})
    body = {"token": token_of(await mailbox.mail(email)), "password": NEW}
    answers = await asyncio.gather(*(client.post("/auth/reset-password", json=body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [204] + [400] * 7


async def test_secret_is_kept_as_a_hash_and_masked_in_the_log(school: School, mailbox: Mailbox) -> None:
    client, email = await school.client(), fresh_email(school)
    user_id = await make_user(school, email=email)
    await client.post("/auth/forgot-password", json={"email": email})
    token = token_of(await mailbox.mail(email))
    assert len(token) == 43  # 256 bits
    async with school.db() as db:
        assert await db.values(_HASHES, user=user_id) == [mail_tokens._hash(token)]
    admin = await school.person("admin")
    assert token not in (await admin.get(f"/users/{user_id}/export")).text


@pytest.mark.parametrize("status", ["suspended", "inactive"])
async def test_account_that_is_not_active_gets_no_mail(school: School, mailbox: Mailbox, status: str) -> None:
    client, admin, email = await school.client(), await school.person("admin"), fresh_email(school)
    user_id = await make_user(school, email=email)
    await admin.patch(f"/users/{user_id}", json={"status": status})
    assert (await client.post("/auth/forgot-password", json={"email": email})).status_code == 202
    await client.post("/auth/register", json=person(email))
    assert await mailbox.mails(email) == []


async def test_invited_person_chooses_a_password_and_is_in(school: School, mailbox: Mailbox) -> None:
    admin, client, email = await school.person("admin"), await school.client(), fresh_email(school)
    body = {"email": email, "role": "instructor", "first_name": "Ivo", "last_name": "Novak"}
    made = await admin.post("/users", json=body)
    assert (made.status_code, made.json()["email_verified"]) == (201, False)
    assert codes_of(await sign_in(client, email, NEW)) == [(401, "auth.bad_credentials")]
    first = token_of(await mailbox.mail(email))
    assert (await admin.post(f"/users/{made.json()['id']}/invite")).status_code == 204
    second = token_of((await mailbox.mails(email))[-1])

    old = await client.post("/auth/accept-invitation", json={"token": first, "password": NEW})
    assert codes_of(old) == [(400, "auth.token_invalid")]
    accepted = await client.post("/auth/accept-invitation", json={"token": second, "password": NEW})
    assert (accepted.status_code, accepted.json()["user"]["email_verified"]) == (200, True)
    assert (await client.get("/users/me")).json()["role"] == "instructor"
    assert codes_of(await admin.post(f"/users/{made.json()['id']}/invite")) == [(409, "auth.already_joined")]


async def test_invitation_is_refused_to_whoever_was_suspended_meanwhile(school: School, mailbox: Mailbox) -> None:
    admin, client, email = await school.person("admin"), await school.client(), fresh_email(school)
    body = {"email": email, "role": "student", "first_name": "Ivo", "last_name": "Novak"}
    made = (await admin.post("/users", json=body)).json()
    token = token_of(await mailbox.mail(email))
    await admin.patch(f"/users/{made['id']}", json={"status": "suspended"})
    answer = await client.post("/auth/accept-invitation", json={"token": token, "password": NEW})
    assert codes_of(answer) == [(403, "auth.suspended")]


async def test_address_changes_once_the_new_one_is_proved(school: School, mailbox: Mailbox) -> None:
    browser, answer = await signed_in(school)
    old, new = answer["user"]["email"], fresh_email(school)
    wrong = await browser.post("/users/me/email", json={"email": new, "password": "wrong"})
    assert codes_of(wrong) == [(403, "auth.wrong_password")]
    asked = await browser.post("/users/me/email", json={"email": new, "password": PASSWORD})
    assert asked.status_code == 202
    token = token_of(await mailbox.mail(new))
    assert (await browser.get("/users/me")).json()["email"] == old

    assert (await browser.post("/auth/verify-email", json={"token": token})).status_code == 204
    assert (await browser.get("/users/me")).status_code == 401
    assert codes_of(await sign_in(browser, old)) == [(401, "auth.bad_credentials")]
    assert (await sign_in(browser, new)).json()["user"]["email_verified"] is True
    notice = await mailbox.mail(old)
    assert notice.subject == "Your e-mail address was changed"
    assert new not in notice.text


async def test_address_of_somebody_else_cannot_be_taken(school: School, mailbox: Mailbox) -> None:
    browser, _ = await signed_in(school)
    taken, free = fresh_email(school), fresh_email(school)
    await make_user(school, email=taken)
    answers = [
        await browser.post("/users/me/email", json={"email": email, "password": PASSWORD}) for email in (taken, free)
    ]
    assert answers[0].content == answers[1].content
    assert (await mailbox.mail(taken)).subject == "Your e-mail address belongs to your account"
    # Somebody registers with the address while the link to it is on its way.
    token = token_of(await mailbox.mail(free))
    await make_user(school, email=free)
    assert codes_of(await browser.post("/auth/verify-email", json={"token": token})) == [(409, "auth.email_taken")]


async def test_password_is_changed_by_the_current_one_and_other_devices_are_out(
    school: School, mailbox: Mailbox
) -> None:
    browser, answer = await signed_in(school)
    email = answer["user"]["email"]
    phone = await school.client()
    await sign_in(phone, email)
    body = {"current_password": "wrong", "new_password": NEW}
    assert codes_of(await browser.put("/users/me/password", json=body)) == [(403, "auth.wrong_password")]
    weak = await browser.put("/users/me/password", json={"current_password": PASSWORD, "new_password": "aziz"})
    assert (codes_of(weak), weak.json()["errors"][0]["field"]) == ([(400, "auth.password_refused")], "new_password")
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert (await browser.put("/users/me/password", json=body)).status_code == 204
    assert (await browser.get("/users/me")).status_code == 200
    assert (await phone.get("/users/me")).status_code == 401
    assert (await sign_in(phone, email, NEW)).status_code == 200
    assert (await mailbox.mail(email)).subject == "Your password was changed"


async def test_changed_password_ends_a_reset_that_is_under_way(school: School, mailbox: Mailbox) -> None:
    browser, answer = await signed_in(school)
    await browser.post("/auth/forgot-password", json={"email": answer["user"]["email"]})
    token = token_of(await mailbox.mail(answer["user"]["email"]))
    await browser.put("/users/me/password", json={"current_password": PASSWORD, "new_password": NEW})
    late = await browser.post("/auth/reset-password", json={"token": token, "password": NEW})
    assert codes_of(late) == [(400, "auth.token_invalid")]


@pytest.mark.parametrize("path", ["/auth/forgot-password", "/auth/resend-verification", "/auth/register"])
async def test_asking_does_the_same_work_whether_or_not_there_is_an_account(
    school: School, query_count: Any, path: str
) -> None:
    client, known = await school.client(), fresh_email(school)
    await make_user(school, email=known)
    counts, answers = [], []
    for email in (known, fresh_email(school)):
        before = query_count()
        body = person(email) if path == "/auth/register" else {"email": email}
        answers.append(await client.post(path, json=body, headers={"X-Request-Id": "the-same-id"}))
        counts.append(query_count() - before)
    assert answers[0].content == answers[1].content
    # A new account needs a profile too, beside a hash that takes a hundred times as long.
    assert counts[1] - counts[0] == (1 if path == "/auth/register" else 0)


async def test_mails_to_one_address_are_limited_wherever_they_are_asked_from(
    new_school: SchoolFactory, browser: Browser
) -> None:
    rates = {"login_per_minute": 3, "api_per_minute": 1000}
    school = await new_school(settings={"security": {"rate_limits": rates}})
    statuses = []
    for number in range(4):
        client = await browser(school, address=f"203.0.113.{number}")
        answer = await client.post("/auth/forgot-password", json={"email": "victim@example.org"})
        statuses.append(answer.status_code)
    assert statuses == [202, 202, 202, 429]
    # Nobody is kept from signing in by that.
    client = await browser(school, address="203.0.113.9")
    assert (await sign_in(client, "victim@example.org")).status_code == 401


async def test_links_of_a_closed_account_open_nothing(school: School, mailbox: Mailbox) -> None:
    admin, client = await school.person("admin"), await school.client()
    browser, answer = await signed_in(school)
    email, new = answer["user"]["email"], fresh_email(school)
    await client.post("/auth/forgot-password", json={"email": email})
    reset = token_of(await mailbox.mail(email))
    await browser.post("/users/me/email", json={"email": new, "password": PASSWORD})
    change = token_of(await mailbox.mail(new))
    await admin.delete(f"/users/{answer['user']['id']}")
    answers = [
        await client.post("/auth/reset-password", json={"token": reset, "password": NEW}),
        await client.post("/auth/verify-email", json={"token": change}),
    ]
    assert codes_of(*answers) == [(400, "auth.token_invalid")] * 2


async def test_address_that_was_never_proved_is_told_nothing_when_it_is_replaced(
    school: School, client: httpx.AsyncClient, mailbox: Mailbox
) -> None:
    old, new = fresh_email(school), fresh_email(school)
    await client.post("/auth/register", json=person(old))
    await sign_in(client, old, NEW)
    await client.post("/users/me/email", json={"email": new, "password": NEW})
    await client.post("/auth/verify-email", json={"token": token_of(await mailbox.mail(new))})
    assert (await sign_in(client, new, NEW)).status_code == 200
    assert [mail.subject for mail in await mailbox.mails(old)] == ["Confirm your e-mail address"]


async def test_own_address_needs_no_link(school: School, mailbox: Mailbox) -> None:
    browser, answer = await signed_in(school)
    email = answer["user"]["email"]
    assert (await browser.post("/users/me/email", json={"email": email, "password": PASSWORD})).status_code == 202
    assert await mailbox.mails(email) == []


async def test_address_that_no_mail_can_reach_holds_nothing_up(school: School, mailbox: Mailbox) -> None:
    client = await school.client()
    assert (await client.post("/auth/register", json=person("a,b@x_y.test"))).status_code == 202
    assert await school.settle() == []
    assert await mailbox.mails("a,b@x_y.test") == []


async def test_invited_person_who_asks_for_a_password_is_invited_again(
    school: School, admin: Person, mailbox: Mailbox, fake_clock: FakeClock
) -> None:
    email = fresh_email(school)
    await admin.post("/users", json={"email": email, "role": "student", "first_name": "Ivo", "last_name": "Novak"})
    fake_clock.advance(days=8)
    client = await school.client()
    await client.post("/auth/forgot-password", json={"email": email})
    newest = await mailbox.mail(email)
    assert newest.subject == "Your account at School"
    accepted = await client.post("/auth/accept-invitation", json={"token": token_of(newest), "password": NEW})
    assert accepted.status_code == 200


def test_every_mail_is_worded_in_both_languages() -> None:
    assert {template.name: sorted(template.subject) for template in TEMPLATES} == {
        template.name: ["ar", "en"] for template in TEMPLATES
    }


async def test_nobody_words_what_operators_are_mailed(school: School, mailbox: Mailbox) -> None:
    """A tenant's administrator could else lead somebody astray who may enter every tenant."""
    admin, operator = await school.person("admin"), await school.person("student", is_operator=True)
    student = await school.person("student")
    own = {"subject": "Sign in at once", "body": "https://evil.test"}
    for name in ("auth.password_changed", "auth.second_factor_added"):
        assert (await admin.put(f"/mail-templates/{name}", json=own)).status_code == 200
    for person in (operator, student):
        secret = (await person.post("/auth/mfa/totp", json={"password": PASSWORD})).json()["secret"]
        code = pyotp.TOTP(secret).generate_otp(int(clock.now().timestamp()) // 30)
        assert (await person.post("/auth/mfa/totp/confirm", json={"code": code})).status_code == 200
        change = {"current_password": PASSWORD, "new_password": NEW}
        assert (await person.put("/users/me/password", json=change)).status_code == 204

    await mailbox.mails()
    told = [sorted(mail.subject for mail in await mailbox.mails(each.email)) for each in (operator, student)]

    assert told == [["A second factor was set up", "Your password was changed"], ["Sign in at once"] * 2]


async def test_whoever_was_put_out_gets_no_link_for_another_address(school: School, mailbox: Mailbox) -> None:
    """A thief may have asked for it just before the owner chose a new password."""
    thief, wanted = await school.person("student"), fresh_email(school)
    asked = await thief.post("/users/me/email", json={"email": wanted, "password": PASSWORD})
    assert asked.status_code == 202, asked.text

    async with school.db() as db:
        await end_sessions_of(db, thief.id)

    assert await mailbox.mails(wanted) == []
