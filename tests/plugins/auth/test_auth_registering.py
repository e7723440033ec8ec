"""Registration: who gets in, and what nobody can find out by it."""

from typing import Any

import pytest
from sqlalchemy import bindparam, select

from kernel.testing import PASSWORD, School, SchoolFactory
from plugins.auth import passwords
from plugins.auth.api import UserRegistered
from plugins.auth.tables import User
from tests.plugins.auth.people import codes_of, fresh_email, make_user, sign_in

_USERS = select(User.email).where(User.email == bindparam("email"))


def person(mail: str, **changes: Any) -> dict[str, Any]:
    """Return the body of a registration."""
    return {"email": mail, "password": "Wiese-im-Mai-7", "first_name": "Anna", "last_name": "Bauer", **changes}


async def test_registration_makes_a_student_who_can_sign_in(school: School) -> None:
    client = await school.client()
    email = fresh_email(school)
    answer = await client.post("/auth/register", json=person(email.upper(), first_name=" Anna "))
    assert (answer.status_code, answer.json()) == (202, {"status": "check_your_mail"})
    assert answer.headers.get_list("set-cookie") == []
    user = (await sign_in(client, email, "Wiese-im-Mai-7")).json()["user"]
    shown = {name: user[name] for name in ("email", "role", "status", "email_verified", "first_name", "last_name")}
    assert shown == {
        "email": email,
        "role": "student",
        "status": "active",
        "email_verified": False,
        "first_name": "Anna",
        "last_name": "Bauer",
    }


async def test_taken_address_is_answered_alike_and_changes_nothing(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = 0
    hash_password = passwords.hash_password

    async def counted(*arguments: Any) -> Any:
        nonlocal hashed
        hashed += 1
        return await hash_password(*arguments)

    taken = fresh_email(school)
    await make_user(school, email=taken)
    monkeypatch.setattr(passwords, "hash_password", counted)
    client = await school.client(**{"X-Request-Id": "the-same-id"})
    free = await client.post("/auth/register", json=person(fresh_email(school)))
    again = await client.post("/auth/register", json=person(f" {taken.title()} ".strip()))
    assert (again.status_code, again.content) == (free.status_code, free.content)
    assert sorted(again.headers) == sorted(free.headers)
    assert hashed == 2
    assert (await sign_in(client, taken, PASSWORD)).json()["user"]["first_name"] == "Sami"
    assert (await sign_in(client, taken, "Wiese-im-Mai-7")).status_code == 401


async def test_one_address_is_two_accounts_in_two_schools(school: School, other_school: School) -> None:
    email = fresh_email(school)
    for each in (school, other_school):
        client = await each.client()
        assert (await client.post("/auth/register", json=person(email))).status_code == 202
        assert (await sign_in(client, email, "Wiese-im-Mai-7")).status_code == 200


async def test_registration_can_be_closed(new_school: SchoolFactory) -> None:
    school = await new_school(settings={"auth": {"registration_open": False}})
    client = await school.client()
    email = fresh_email(school)
    assert codes_of(await client.post("/auth/register", json=person(email))) == [(403, "auth.registration_closed")]
    async with school.db() as db:
        assert await db.values(_USERS, email=email) == []


async def test_bad_password_is_refused_with_a_message_for_each_broken_rule(school: School) -> None:
    client = await school.client()
    taken = fresh_email(school)
    await make_user(school, email=taken)
    for email in (taken, fresh_email(school)):
        answer = await client.post("/auth/register", json=person(email, password="annabauer"))
        assert codes_of(answer) == [(400, "auth.password_refused")]
        assert answer.json()["errors"] == [
            {"field": "password", "message": "Use at least one capital letter."},
            {"field": "password", "message": "Use at least one digit."},
            {"field": "password", "message": "Use at least one special character, such as ! or -."},
            {"field": "password", "message": "Do not use your name or your e-mail address."},
        ]


@pytest.mark.parametrize(
    ("password", "messages"),
    [
        ("Sunshine-2024!", ["This password is too common."]),
        ("School-123", ["Do not use little more than the name of this place."]),
        ("Person-123", ["Do not use your name or your e-mail address."]),
        ("Aa1-" * 33, ["Use at most 128 characters."]),
    ],
)
async def test_password_is_judged_by_list_school_and_person(school: School, password: str, messages: list[str]) -> None:
    client = await school.client()
    answer = await client.post("/auth/register", json=person(fresh_email(school), password=password))
    assert [each["message"] for each in answer.json()["errors"]] == messages


async def test_tenant_may_ask_for_length_alone(new_school: SchoolFactory) -> None:
    flags = dict.fromkeys(("require_uppercase", "require_lowercase", "require_number", "require_special"), False)
    school = await new_school(settings={"auth": {"password": {"min_length": 15, **flags}}})
    client = await school.client()
    for password, status in (("wiese im mai", 400), ("wiese im mai und im juni", 202)):
        answer = await client.post("/auth/register", json=person(fresh_email(school), password=password))
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"email": f"{'x' * 250}@a.de"}, "email"),
        ({"first_name": "   "}, "first_name"),
        ({"last_name": "x" * 101}, "last_name"),
        # Else our mail would carry a stranger's words to whomever they name.
        ({"first_name": "Prize: https://evil.test"}, "first_name"),
        ({"last_name": "WWW.evil.test"}, "last_name"),
        ({"last_name": "evil.test/prize"}, "last_name"),
        ({"last_name": "write@evil.test"}, "last_name"),
        ({"password": 12345678}, "password"),
        ({"role": "admin"}, "role"),
        ({"is_operator": True}, "is_operator"),
        ({"tenant_id": "x"}, "tenant_id"),
    ],
)
async def test_wrong_or_unknown_field_is_named(school: School, change: dict[str, Any], field: str) -> None:
    client = await school.client()
    answer = await client.post("/auth/register", json=person(fresh_email(school), **change))
    assert codes_of(answer) == [(400, "kernel.invalid")]
    assert [each["field"] for each in answer.json()["errors"]] == [field]


async def test_registration_is_told_to_whoever_listens(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []

    async def published(_db: Any, event: Any) -> None:
        told.append(event)

    monkeypatch.setattr("plugins.auth.actions.new_accounts.publish", published)
    client = await school.client()
    email = fresh_email(school)
    for _ in range(2):
        await client.post("/auth/register", json=person(email))
    # Once to everybody; the second time to ourselves, for the mail that tells the owner.
    assert [event.name for event in told] == ["auth.user.registered", "auth.mail.requested"]
    assert isinstance(told[0], UserRegistered)
    assert (told[0].personal.email, told[0].personal.first_name) == (email, "Anna")
