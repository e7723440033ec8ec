"""Linking one's account to a provider and taking the link away; the second factor after a provider; plain OAuth 2."""

import asyncio
from typing import Any

import httpx
import pyotp
import pytest
from sqlalchemy import bindparam, update

from kernel.auth import Actor
from kernel.ids import new_id
from kernel.testing import PASSWORD, School
from kernel.testing.clocks import FakeClock
from kernel.testing.mailbox import Mailbox
from kernel.testing.schools import SchoolFactory
from plugins.auth.actions.federation import begin_linking
from plugins.auth.errors import SignInExpired
from plugins.auth.schemas.identities import LinkRequest
from plugins.auth.tables import User
from tests.plugins.auth.authenticator import Authenticator
from tests.plugins.auth.conftest import Browser
from tests.plugins.auth.forger import CLIENT_ID, Forger
from tests.plugins.auth.people import codes_of, fresh_email, make_user, sign_in
from tests.plugins.auth.surfing import (
    CLIENT,
    Landing,
    begin,
    come_back,
    landing,
    query_of,
    sign_in_at,
    sign_in_by_provider,
)

_PROMOTE = update(User).where(User.email == bindparam("address")).values(is_operator=True)


@pytest.fixture
async def linkable(new_school: SchoolFactory, provider: str) -> School:
    """A school whose provider opens only accounts that somebody has linked."""
    return await new_school({"auth": {"providers": {"real": {"issuer": provider, **CLIENT}}}})


async def owner_of(school: School, browser: Browser, role: str = "student") -> tuple[httpx.AsyncClient, str]:
    """Return a browser that somebody is signed in to by password, and their address."""
    email = fresh_email(school)
    await make_user(school, role, email=email)
    client = await browser(school, scheme="https")
    assert (await sign_in(client, email)).status_code == 200
    return client, email


async def link(client: httpx.AsyncClient, at_provider: str, **body: Any) -> httpx.Response:
    """Link the account to whoever signs in at the provider."""
    asked = {"provider": "real", "password": PASSWORD, "next": "/account", **body}
    begun = await client.post("/users/me/identities", json=asked)
    assert begun.status_code == 200, begun.text
    return await come_back(client, await sign_in_at(begun.json()["authorization_url"], at_provider))


async def linked(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get("/users/me/identities")).json()["items"]
    return items


async def test_a_linked_account_is_opened_by_its_provider_whatever_the_address(
    linkable: School, browser: Browser, mailbox: Mailbox
) -> None:
    client, email = await owner_of(linkable, browser)
    elsewhere = f"unverified-{new_id().hex}@elsewhere.example"

    answer = await link(client, elsewhere)
    other = await browser(linkable, scheme="https")
    entered = await sign_in_by_provider(other, elsewhere)

    assert (landing(answer), landing(entered).path) == (Landing("/account", {}), "/")
    assert (await other.get("/users/me")).json()["email"] == email
    assert [(each["provider"], each["email"]) for each in await linked(client)] == [("real", elsewhere)]
    (notice,) = await mailbox.mails(to=email)
    assert notice.subject == "You can sign in with real now"


async def test_linking_asks_for_the_password(linkable: School, browser: Browser) -> None:
    client, _ = await owner_of(linkable, browser)

    without = await client.post("/users/me/identities", json={"provider": "real"})
    wrong = await client.post("/users/me/identities", json={"provider": "real", "password": "wrong"})
    unknown = await client.post("/users/me/identities", json={"provider": "none", "password": PASSWORD})
    stranger = await (await browser(linkable)).post("/users/me/identities", json={"provider": "real"})

    assert codes_of(without, wrong, unknown, stranger) == [
        (403, "auth.wrong_password"),
        (403, "auth.wrong_password"),
        (404, "auth.provider_unknown"),
        (401, "kernel.unauthenticated"),
    ]


async def test_an_account_with_an_unverified_address_links_nothing(linkable: School, browser: Browser) -> None:
    """Else whoever registers with somebody's address comes in again after its owner has reset the password."""
    client = await browser(linkable)
    email = fresh_email(linkable)
    registered = {"email": email, "password": PASSWORD, "first_name": "Mallory", "last_name": "M"}
    assert (await client.post("/auth/register", json=registered)).status_code == 202
    assert (await sign_in(client, email)).status_code == 200

    answer = await client.post("/users/me/identities", json={"provider": "real", "password": PASSWORD})

    assert codes_of(answer) == [(403, "auth.email_not_verified")]


async def test_a_link_belongs_to_one_account(linkable: School, browser: Browser) -> None:
    at_provider = fresh_email(linkable)
    first, _ = await owner_of(linkable, browser)
    second, _ = await owner_of(linkable, browser)

    answers = [await link(client, at_provider) for client in (first, first, second)]

    assert [landing(answer) for answer in answers] == [
        Landing("/account", {}),
        Landing("/account", {}),
        Landing("/account", {"error": "auth.identity_taken"}),
    ]
    assert [len(await linked(client)) for client in (first, second)] == [1, 0]


async def test_nobody_links_their_sign_in_to_a_victims_account(linkable: School, browser: Browser) -> None:
    """The attacker begins, signs in at the provider, and lets the victim's browser open the callback."""
    attacker, _ = await owner_of(linkable, browser)
    victim, _ = await owner_of(linkable, browser)
    asked = {"provider": "real", "password": PASSWORD, "next": "/account"}
    begun = (await attacker.post("/users/me/identities", json=asked)).json()
    url = await sign_in_at(begun["authorization_url"], fresh_email(linkable))

    answer = await come_back(victim, url)

    assert landing(answer).query["error"] == "auth.sign_in_expired"
    assert (await linked(victim), await linked(attacker)) == ([], [])


async def test_linking_ends_with_the_session_that_wished_it(linkable: School, browser: Browser) -> None:
    client, _ = await owner_of(linkable, browser)
    begun = (await client.post("/users/me/identities", json={"provider": "real", "password": PASSWORD})).json()
    url = await sign_in_at(begun["authorization_url"], fresh_email(linkable))
    assert (await client.post("/auth/logout")).status_code == 204

    assert landing(await come_back(client, url)).query["error"] == "auth.sign_in_expired"


async def test_whoever_becomes_an_operator_meanwhile_links_nothing(linkable: School, browser: Browser) -> None:
    client, email = await owner_of(linkable, browser)
    begun = (await client.post("/users/me/identities", json={"provider": "real", "password": PASSWORD})).json()
    url = await sign_in_at(begun["authorization_url"], fresh_email(linkable))
    async with linkable.db() as db:
        await db.run(_PROMOTE, address=email)

    assert landing(await come_back(client, url)).query["error"] == "auth.operators_stay_local"
    assert await linked(client) == []


async def test_only_a_session_links(linkable: School) -> None:
    """Background work acts for people too, and has no browser to come back to."""
    actor = Actor(linkable.id, await make_user(linkable), "student")
    async with linkable.db() as db:
        with pytest.raises(SignInExpired):
            await begin_linking(db, actor, LinkRequest(provider="real", password=PASSWORD), browser="b")


async def test_a_client_without_redirects_links_by_json(linkable: School, browser: Browser) -> None:
    client, _ = await owner_of(linkable, browser)

    answer = await link(client, fresh_email(linkable), mode="json")

    assert (answer.status_code, len(await linked(client))) == (204, 1)


async def test_the_last_way_in_stays(
    new_school: SchoolFactory, provider: str, browser: Browser, fake_clock: FakeClock
) -> None:
    real = {"issuer": provider, **CLIENT, "trust_email": True, "create_accounts": True}
    gone = {"issuer": "https://gone.example", "client_id": "x"}
    school = await new_school({"auth": {"providers": {"real": real, "gone": gone}}})
    client = await browser(school, scheme="https")
    await sign_in_by_provider(client, fresh_email(school))
    (first,) = await linked(client)

    only = await client.delete(f"/users/me/identities/{first['id']}")
    # Without a password it is a fresh sign-in that proves who it is.
    await link(client, fresh_email(school), password=None)
    with_another = await client.delete(f"/users/me/identities/{first['id']}")
    again = await client.delete(f"/users/me/identities/{first['id']}")
    fake_clock.advance(minutes=11)
    too_late = await client.post("/users/me/identities", json={"provider": "real"})

    assert codes_of(only) == [(409, "auth.last_way_in")]
    assert with_another.status_code == 204
    assert codes_of(again, too_late) == [(404, "kernel.not_found"), (403, "auth.sign_in_again")]


async def test_a_passkey_is_a_way_in_too_and_may_be_the_last(
    new_school: SchoolFactory, provider: str, browser: Browser
) -> None:
    real = {"issuer": provider, **CLIENT, "trust_email": True, "create_accounts": True}
    school = await new_school({"auth": {"providers": {"real": real}}})
    client = await browser(school, scheme="https")
    await sign_in_by_provider(client, fresh_email(school))
    options = (await client.post("/auth/passkeys/options", json={})).json()["public_key"]
    credential = Authenticator(school.tenant.url("")).make(options)
    made = (await client.post("/auth/passkeys", json={"name": "Phone", "credential": credential})).json()
    (card,) = await linked(client)

    unlinked = await client.delete(f"/users/me/identities/{card['id']}")
    last = await client.request("DELETE", f"/auth/passkeys/{made['passkey']['id']}", json={})

    assert (unlinked.status_code, codes_of(last)) == (204, [(409, "auth.last_way_in")])


async def test_a_link_can_go_when_there_is_a_password(linkable: School, browser: Browser) -> None:
    client, _ = await owner_of(linkable, browser)
    at_provider = fresh_email(linkable)
    await link(client, at_provider)
    (card,) = await linked(client)
    stranger, _ = await owner_of(linkable, browser)

    foreign = await stranger.delete(f"/users/me/identities/{card['id']}")
    own = await client.delete(f"/users/me/identities/{card['id']}")
    afterwards = await sign_in_by_provider(await browser(linkable, scheme="https"), at_provider)

    assert (foreign.status_code, own.status_code, await linked(client)) == (404, 204, [])
    assert landing(afterwards).query["error"] == "auth.no_account"


async def test_two_links_that_go_at_once_leave_one(new_school: SchoolFactory, provider: str, browser: Browser) -> None:
    real = {"issuer": provider, **CLIENT, "trust_email": True, "create_accounts": True}
    school = await new_school({"auth": {"providers": {"real": real}}})
    client = await browser(school, scheme="https")
    await sign_in_by_provider(client, fresh_email(school))
    await link(client, fresh_email(school), password=None)
    paths = [f"/users/me/identities/{each['id']}" for each in await linked(client)]

    answers = await asyncio.gather(*(client.delete(path) for path in paths))

    assert sorted(answer.status_code for answer in answers) == [204, 409]
    assert len(await linked(client)) == 1


async def test_somebody_new_who_comes_twice_at_once_gets_one_account(
    new_school: SchoolFactory, forger: Forger, browser: Browser
) -> None:
    forged = {"issuer": forger.issuer, "client_id": CLIENT_ID, "trust_email": True, "create_accounts": True}
    school = await new_school({"auth": {"providers": {"forged": forged}}})
    clients = [await browser(school, scheme="https") for _ in range(4)]
    asked = [query_of(await begin(client, "forged")) for client in clients]
    # Each nonce must come back with its own code; codes are exchanged in any order.
    forger.nonces = {f"code-{number}": each["nonce"] for number, each in enumerate(asked)}

    answers = await asyncio.gather(
        *(
            client.get("/auth/oauth/forged/callback", params={"code": f"code-{number}", "state": each["state"]})
            for number, (client, each) in enumerate(zip(clients, asked, strict=True))
        )
    )

    assert {answer.headers["location"] for answer in answers} == {"/"}
    ids = {(await client.get("/users/me")).json()["id"] for client in clients}
    assert (len(ids), len(await linked(clients[0]))) == (1, 1)


async def test_a_provider_does_not_stand_in_for_the_second_factor(
    new_school: SchoolFactory, provider: str, browser: Browser
) -> None:
    real = {"issuer": provider, **CLIENT, "trust_email": True}
    school = await new_school({"auth": {"providers": {"real": real}}})
    owner, email = await owner_of(school, browser)
    codes = await switch_totp_on(owner)
    client = await browser(school, scheme="https")

    answer = await sign_in_by_provider(client, email, next="/courses")

    assert landing(answer) == Landing("/sign-in/code", {"next": "/courses"})
    assert (await client.get("/users/me")).status_code == 401
    wrong = await client.post("/auth/mfa", json={"code": "000000"})
    right = await client.post("/auth/mfa", json={"code": codes[0]})
    elsewhere = await (await browser(school)).post("/auth/mfa", json={"code": codes[1]})
    assert codes_of(wrong, elsewhere) == [(401, "auth.wrong_code"), (401, "auth.mfa_token_invalid")]
    assert right.json()["user"]["email"] == email
    assert (await client.get("/users/me")).status_code == 200


async def switch_totp_on(client: httpx.AsyncClient) -> list[str]:
    """Set an authenticator app up and return the recovery codes."""
    begun = (await client.post("/auth/mfa/totp", json={"password": PASSWORD})).json()
    confirmed = await client.post("/auth/mfa/totp/confirm", json={"code": pyotp.TOTP(begun["secret"]).now()})
    assert confirmed.status_code == 200, confirmed.text
    codes: list[str] = confirmed.json()["recovery_codes"]
    return codes


def plain(forger: Forger, **chosen: Any) -> dict[str, Any]:
    hub = {
        "name": "Hub",
        "kind": "oauth2",
        "authorize_url": f"{forger.issuer}/authorize",
        "token_url": f"{forger.issuer}/token",
        "userinfo_url": f"{forger.issuer}/userinfo",
        "client_id": CLIENT_ID,
        "client_secret": "a secret",
        "client_auth": "post",
        "scopes": ["read:user"],
        "claims": {"subject": "id", "email_verified": "is_verified"},
        "trust_email": True,
        "create_accounts": True,
    }
    return {"auth": {"providers": {"hub": {**hub, **chosen}}}}


async def come_back_from_hub(client: httpx.AsyncClient, **query: str) -> httpx.Response:
    asked = query_of(await begin(client, "hub"))
    assert "nonce" not in asked
    url = httpx.URL("/auth/oauth/hub/callback", params={"code": "a code", "state": asked["state"], **query})
    return await come_back(client, str(url))


async def test_plain_oauth2_asks_the_site_who_it_is(
    new_school: SchoolFactory, forger: Forger, browser: Browser
) -> None:
    school = await new_school(plain(forger))
    client = await browser(school, scheme="https")
    forger.userinfo = {"id": 583231, "email": "octo@hub.example", "is_verified": True, "name": "Mona Lisa Octocat"}

    answer = await come_back_from_hub(client)

    assert landing(answer).path == "/"
    account = (await client.get("/users/me")).json()
    names = (account["first_name"], account["last_name"])
    assert (account["email"], *names) == ("octo@hub.example", "Mona Lisa", "Octocat")
    form = forger.form()
    assert (form["client_id"], form["client_secret"], len(form["code_verifier"])) == (CLIENT_ID, "a secret", 64)
    assert forger.asked_for("/userinfo")[0].headers["authorization"] == "Bearer an access token"
    assert forger.asked_for("/.well-known/openid-configuration") == []


@pytest.mark.parametrize(
    ("emails", "code"),
    [
        ([{"email": "a@hub.example", "primary": True, "verified": True}], ""),
        (
            [{"email": "b@hub.example", "verified": True}, {"email": "a@hub.example", "primary": True}],
            "auth.no_account",
        ),
        ([{"email": "b@hub.example", "verified": True}], "auth.no_account"),
        ([], "auth.no_account"),
        ({"message": "Not Found"}, "auth.provider_distrusted"),
    ],
    ids=["verified", "unverified", "none is primary", "none", "no list"],
)
async def test_addresses_may_stand_in_a_list_of_their_own(
    new_school: SchoolFactory, forger: Forger, browser: Browser, emails: Any, code: str
) -> None:
    school = await new_school(plain(forger, emails_url=f"{forger.issuer}/emails"))
    client = await browser(school, scheme="https")
    # What the account's owner may write into a profile is not taken instead.
    forger.userinfo = {"id": 1, "email": "victim@hub.example", "is_verified": True}
    forger.emails = emails

    answer = await come_back_from_hub(client)

    assert landing(answer).query.get("error", "") == code
    if not code:
        assert (await client.get("/users/me")).json()["email"] == "a@hub.example"


@pytest.mark.parametrize(
    ("userinfo", "reply", "code"),
    [
        ({"email": "a@hub.example", "is_verified": True}, {}, "auth.provider_distrusted"),
        ({"id": "", "email": "a@hub.example", "is_verified": True}, {}, "auth.provider_distrusted"),
        ({"id": True, "email": "a@hub.example", "is_verified": True}, {}, "auth.provider_distrusted"),
        (["a list"], {}, "auth.provider_distrusted"),
        ({"id": 1}, {"access_token": None, "error": "bad_verification_code"}, "auth.provider_distrusted"),
        ({"id": 1, "email": "a@hub.example"}, {}, "auth.no_account"),
    ],
    ids=["no id", "empty id", "id of another type", "no object", "code refused", "unverified"],
)
async def test_plain_oauth2_is_refused_where_it_does_not_say_who_it_is(
    new_school: SchoolFactory, forger: Forger, browser: Browser, userinfo: Any, reply: dict[str, Any], code: str
) -> None:
    school = await new_school(plain(forger))
    client = await browser(school, scheme="https")
    forger.userinfo, forger.reply = userinfo, reply

    assert landing(await come_back_from_hub(client)).query["error"] == code


async def test_plain_oauth2_checks_an_issuer_that_is_named(
    new_school: SchoolFactory, forger: Forger, browser: Browser
) -> None:
    school = await new_school(plain(forger, issuer=forger.issuer))
    forger.userinfo = {"id": 1, "email": "a@hub.example", "is_verified": True}
    client = await browser(school, scheme="https")

    other = await come_back_from_hub(client, iss="https://other.example")
    same = await come_back_from_hub(client, iss=forger.issuer)

    assert (landing(other).query["error"], landing(same).path) == ("auth.provider_distrusted", "/")
