"""Signing in by a real OpenID provider, over real HTTP: who gets in, into which account, and who does not."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import bindparam, func, select, update

from kernel.testing import PASSWORD, School
from kernel.testing.mailbox import Mailbox
from kernel.testing.schools import UNLIMITED, SchoolFactory
from plugins.auth.tables import User, UserIdentity
from tests.plugins.auth.conftest import Browser
from tests.plugins.auth.people import codes_of, fresh_email, make_user, sign_in
from tests.plugins.auth.surfing import (
    CLIENT,
    HTML,
    Landing,
    begin,
    come_back,
    landing,
    sign_in_at,
    sign_in_by_provider,
)

_RENAME = update(User).where(User.id == bindparam("user")).values(email=bindparam("email"))
_PROMOTE = update(User).where(User.id == bindparam("user")).values(is_operator=True)
_ACCOUNTS = select(User.email)
_IDENTITIES = select(func.count()).select_from(UserIdentity)


def settings_of(issuer: str, **chosen: Any) -> dict[str, Any]:
    real = {"name": "The real one", "issuer": issuer, **CLIENT, **chosen}
    return {"auth": {"providers": {"real": real}}}


@pytest.fixture
async def open_school(new_school: SchoolFactory, provider: str) -> School:
    """A school that takes everybody whom the provider knows."""
    return await new_school(settings_of(provider, trust_email=True, create_accounts=True))


async def me(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/users/me")
    assert answer.status_code == 200, answer.text
    account: dict[str, Any] = answer.json()
    return account


async def identities(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await client.get("/users/me/identities")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_somebody_new_gets_an_account_and_ends_where_they_wanted_to_go(
    open_school: School, browser: Browser
) -> None:
    email = fresh_email(open_school)
    client = await browser(open_school, scheme="https")

    answer = await sign_in_by_provider(client, email, next="/courses?q=a%20b")

    assert answer.headers["location"] == "/courses?q=a%20b"
    assert {"__Host-collegium_access", "__Host-collegium_refresh"} <= set(client.cookies)
    account = await me(client)
    assert (
        account["email"],
        account["first_name"],
        account["last_name"],
        account["role"],
        account["email_verified"],
    ) == (
        email,
        "Noor",
        "Haddad",
        "student",
        True,
    )


async def test_whoever_comes_again_finds_the_same_account(open_school: School, browser: Browser) -> None:
    email = fresh_email(open_school)
    first, second = await browser(open_school, scheme="https"), await browser(open_school, scheme="https")

    await sign_in_by_provider(first, email)
    await sign_in_by_provider(second, email)

    assert (await me(first))["id"] == (await me(second))["id"]
    assert [(card["provider"], card["provider_name"], card["email"]) for card in await identities(first)] == [
        ("real", "The real one", email)
    ]


async def test_the_subject_finds_the_account_and_not_the_address(open_school: School, browser: Browser) -> None:
    """After both sides changed the address, it is still the same person."""
    email = fresh_email(open_school)
    client = await browser(open_school, scheme="https")
    await sign_in_by_provider(client, email)
    before = await me(client)
    async with open_school.db() as db:
        await db.run(_RENAME, user=UUID(before["id"]), email=fresh_email(open_school))
    newcomer = await make_user(open_school, email=email)

    await sign_in_by_provider(client, email)

    assert (await me(client))["id"] == before["id"] != str(newcomer)


async def test_a_trusted_and_verified_address_opens_the_account_that_has_it(
    open_school: School, browser: Browser, mailbox: Mailbox
) -> None:
    email = fresh_email(open_school)
    user_id = await make_user(open_school, "instructor", email=email)
    client = await browser(open_school, scheme="https")

    await sign_in_by_provider(client, email.upper())

    assert ((await me(client))["id"], (await me(client))["role"]) == (str(user_id), "instructor")
    assert [mail.subject for mail in await mailbox.mails(to=email)] == ["You can sign in with The real one now"]


@pytest.mark.parametrize(
    ("chosen", "who", "has_account"),
    [
        ({"trust_email": True, "create_accounts": True}, "unverified-{}", False),
        ({"trust_email": True, "create_accounts": True}, "unverified-{}", True),
        ({"trust_email": True}, "{}", False),
        ({}, "{}", True),
        ({}, "{}", False),
        ({"trust_email": True, "create_accounts": True, "allowed_domains": ["other.example"]}, "{}", True),
    ],
    ids=["unverified", "unverified, has account", "no accounts", "not trusted", "neither", "other domain"],
)
async def test_who_does_not_get_in(
    new_school: SchoolFactory,
    provider: str,
    browser: Browser,
    chosen: dict[str, Any],
    who: str,
    has_account: bool,
) -> None:
    school = await new_school(settings_of(provider, **chosen))
    email = who.format(fresh_email(school))
    if has_account:
        await make_user(school, email=email)
    client = await browser(school, scheme="https")

    answer = await sign_in_by_provider(client, email, next="/courses")

    # One answer to all of them: it does not say whether there is an account.
    assert landing(answer) == Landing("/sign-in", {"error": "auth.no_account", "next": "/courses"})
    assert (await client.get("/users/me")).status_code == 401
    async with school.db() as db:
        assert await db.values(_ACCOUNTS) == ([email] if has_account else [])
        assert await db.value(_IDENTITIES) == 0


async def test_an_address_in_an_allowed_domain_gets_in(
    new_school: SchoolFactory, provider: str, browser: Browser
) -> None:
    school = await new_school(
        settings_of(
            provider, trust_email=True, create_accounts=True, allowed_domains=["north.example"], role="instructor"
        )
    )
    client = await browser(school, scheme="https")

    await sign_in_by_provider(client, "Noor@North.example")

    assert ((await me(client))["email"], (await me(client))["role"]) == ("noor@north.example", "instructor")


async def test_an_unverified_account_is_not_handed_to_the_owner_of_its_address(
    open_school: School, browser: Browser
) -> None:
    """Else whoever registered with somebody's address would share the account that the owner then uses."""
    email = fresh_email(open_school)
    stranger = await browser(open_school)
    registered = {"email": email, "password": PASSWORD, "first_name": "Mallory", "last_name": "M"}
    assert (await stranger.post("/auth/register", json=registered)).status_code == 202
    client = await browser(open_school, scheme="https")

    assert landing(await sign_in_by_provider(client, email)).query["error"] == "auth.no_account"


async def test_somebody_who_was_invited_may_come_by_the_provider(open_school: School, browser: Browser) -> None:
    admin = await open_school.person("admin")
    email = fresh_email(open_school)
    invited = {"email": email, "role": "instructor", "first_name": "Ines", "last_name": "Costa"}
    assert (await admin.post("/users", json=invited)).status_code == 201
    client = await browser(open_school, scheme="https")

    await sign_in_by_provider(client, email)

    account = await me(client)
    assert (account["first_name"], account["role"], account["email_verified"]) == ("Ines", "instructor", True)


async def test_a_new_account_is_not_asked_for_its_address_again(
    open_school: School, browser: Browser, mailbox: Mailbox
) -> None:
    email = fresh_email(open_school)
    await sign_in_by_provider(await browser(open_school, scheme="https"), email)

    await open_school.settle()

    assert await mailbox.mails(to=email) == []


async def test_operators_are_not_chosen_by_a_tenants_provider(open_school: School, browser: Browser) -> None:
    operator = await open_school.person("admin", is_operator=True)
    linked = await open_school.person("student")
    client = await browser(open_school, scheme="https")
    await sign_in_by_provider(client, linked.email)
    async with open_school.db() as db:
        await db.run(_PROMOTE, user=linked.id)

    by_email = await sign_in_by_provider(await browser(open_school, scheme="https"), operator.email)
    by_subject = await sign_in_by_provider(await browser(open_school, scheme="https"), linked.email)
    linking = await operator.post("/users/me/identities", json={"provider": "real", "password": PASSWORD})

    assert [landing(answer).query["error"] for answer in (by_email, by_subject)] == ["auth.no_account"] * 2
    assert codes_of(linking) == [(403, "auth.operators_stay_local")]


@pytest.mark.parametrize("status", ["suspended", "inactive"])
async def test_a_closed_account_stays_closed(open_school: School, browser: Browser, status: str) -> None:
    email = fresh_email(open_school)
    client = await browser(open_school, scheme="https")
    await sign_in_by_provider(client, email)
    user_id = (await me(client))["id"]
    admin = await open_school.person("admin")
    assert (await admin.patch(f"/users/{user_id}", json={"status": status})).status_code == 200

    answer = await sign_in_by_provider(client, email)

    assert landing(answer).query["error"] == f"auth.{status}"
    assert (await client.get("/users/me")).status_code == 401


async def test_whoever_declines_can_read_it(open_school: School, browser: Browser) -> None:
    client = await browser(open_school, scheme="https")
    url = await sign_in_at(await begin(client, next="/courses"), "", declines=True)

    answer = await come_back(client, url)

    assert "error=access_denied" in url
    assert landing(answer) == Landing("/sign-in", {"error": "auth.sign_in_declined", "next": "/courses"})


async def test_a_client_without_redirects_gets_json(open_school: School, browser: Browser) -> None:
    email = fresh_email(open_school)
    client = await browser(open_school, scheme="https")

    begun = await client.get("/auth/oauth/real/login", params={"mode": "json"})
    url = await sign_in_at(begun.json()["authorization_url"], email)
    answer = await client.get(url)
    replayed = await client.get(url)

    assert (begun.status_code, begun.headers["cache-control"]) == (200, "private, no-store")
    assert answer.headers["cache-control"] == "private, no-store"
    assert set(answer.json()) == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    assert answer.json()["user"]["email"] == email
    assert codes_of(replayed) == [(400, "auth.sign_in_expired")]


async def test_many_tabs_of_a_browser_sign_in_side_by_side(open_school: School, browser: Browser) -> None:
    client = await browser(open_school, scheme="https")
    email = fresh_email(open_school)
    urls = [await begin(client, next=f"/tab-{number}") for number in (1, 2)]

    answers = [await come_back(client, await sign_in_at(url, email)) for url in urls]

    assert [landing(answer).path for answer in answers] == ["/tab-1", "/tab-2"]


async def test_the_list_of_providers_says_no_more_than_the_sign_in_page_needs(
    open_school: School, other_school: School
) -> None:
    listed = await (await open_school.client()).get("/auth/providers")
    nothing = await (await other_school.client()).get("/auth/providers")

    card = {"id": "real", "name": "The real one", "kind": "oidc", "login_url": "/api/v1/auth/oauth/real/login"}
    assert listed.json() == {"items": [card], "total": 1, "limit": 100, "offset": 0}
    assert nothing.json()["items"] == []


async def test_the_end_is_a_path_of_this_site(open_school: School) -> None:
    client = await open_school.client()
    paths = [
        *("https://evil.example/", "//evil.example/", "/\\evil.example/", "\\\\evil.example", "evil", ""),
        *("/\tevil", "/a b", "javascript:alert(1)", "/é", "/a#b", "/" + "a" * 500),
    ]

    answers = [await client.get("/auth/oauth/real/login", params={"next": path}) for path in paths]

    fields = [[error["field"] for error in answer.json()["errors"]] for answer in answers]
    assert ({answer.status_code for answer in answers}, fields) == ({400}, [["next"]] * len(paths))


async def test_an_unknown_provider_is_said(open_school: School, browser: Browser) -> None:
    client = await browser(open_school, scheme="https")

    for_people = await client.get("/auth/oauth/none/login", headers=HTML)
    for_clients = await client.get("/auth/oauth/none/login")

    assert landing(for_people) == Landing("/sign-in", {"error": "auth.provider_unknown"})
    assert codes_of(for_clients) == [(404, "auth.provider_unknown")]


async def test_sign_ins_of_one_account_are_counted_apart_from_guesses_of_its_password(
    new_school: SchoolFactory, provider: str, browser: Browser
) -> None:
    chosen = settings_of(provider, trust_email=True)
    limits = {"security": {"rate_limits": {**UNLIMITED["security"]["rate_limits"], "login_per_minute": 5}}}
    school = await new_school({**chosen, **limits})
    email = fresh_email(school)
    await make_user(school, email=email)
    for number in range(6):
        wrong = await sign_in(await browser(school, address=f"192.0.2.{number}"), email, "wrong")
        assert wrong.status_code == (401 if number < 5 else 429)

    clients = [await browser(school, scheme="https", address=f"192.0.2.{number}") for number in range(10, 16)]
    *entered, refused = [await sign_in_by_provider(client, email) for client in clients]

    assert [landing(each).path for each in entered] == ["/"] * 5
    assert landing(refused).query["error"] == "kernel.rate_limited"
    assert int(refused.headers["retry-after"]) > 0


async def test_callbacks_of_one_address_are_counted_with_its_other_sign_ins(
    new_school: SchoolFactory, provider: str, browser: Browser
) -> None:
    limits = {"security": {"rate_limits": {**UNLIMITED["security"]["rate_limits"], "login_per_minute": 2}}}
    school = await new_school({**settings_of(provider), **limits})
    client = await browser(school)

    answers = [await client.get("/auth/oauth/real/callback") for _ in range(3)]
    for_people = await client.get("/auth/oauth/real/callback", headers=HTML)

    assert [answer.status_code for answer in answers] == [400, 400, 429]
    assert landing(for_people) == Landing("/sign-in", {"error": "kernel.rate_limited"})
