"""The callback of a provider under attack: other people's states and codes, mixed up providers, another tenant."""

from typing import Any

import httpx
import pytest
from sqlalchemy import bindparam, insert

from kernel.tables import tenant_hosts
from kernel.tenant_settings import change_settings
from kernel.testing import PASSWORD, School
from kernel.testing.schools import SchoolFactory
from plugins.auth.settings import SETTINGS
from tests.plugins.auth.conftest import Browser
from tests.plugins.auth.forger import CLIENT_ID, Forger, forging
from tests.plugins.auth.people import codes_of, fresh_email, sign_in
from tests.plugins.auth.surfing import CLIENT, Landing, begin, come_back, landing, query_of, sign_in_at

_ADD_HOST = insert(tenant_hosts).values(host=bindparam("host"), tenant_id=bindparam("tenant_id"))
EXPIRED = Landing("/sign-in", {"error": "auth.sign_in_expired"})
CALLBACK = "/auth/oauth/forged/callback"


def settings_of(**issuers: str) -> dict[str, Any]:
    chosen = {"client_id": CLIENT_ID, "trust_email": True, "create_accounts": True}
    return {"auth": {"providers": {name: {"issuer": issuer, **chosen} for name, issuer in issuers.items()}}}


@pytest.fixture
async def misled(new_school: SchoolFactory, forger: Forger) -> School:
    """A school that trusts the forger."""
    return await new_school(settings_of(forged=forger.issuer))


async def callback(client: httpx.AsyncClient, path: str = CALLBACK, **query: str) -> httpx.Response:
    return await come_back(client, str(httpx.URL(path, params={"code": "a code", **query})))


async def is_signed_in(client: httpx.AsyncClient) -> bool:
    return (await client.get("/users/me")).status_code == 200


async def test_a_state_that_we_did_not_make_is_refused(misled: School, forger: Forger, browser: Browser) -> None:
    client = await browser(misled, scheme="https")
    state = query_of(await begin(client, "forged"))["state"]

    answers = [await callback(client, state=each) for each in ("", "made up", state[:-1], state + "=", state.lower())]
    without = await callback(client)

    assert [landing(answer) for answer in (*answers, without)] == [EXPIRED] * 6
    assert forger.asked_for("/token") == []


async def test_a_state_counts_once(misled: School, forger: Forger, browser: Browser) -> None:
    client = await browser(misled, scheme="https")
    asked = query_of(await begin(client, "forged"))
    forger.nonce = asked["nonce"]

    first = await callback(client, state=asked["state"])
    second = await callback(client, state=asked["state"])

    assert (landing(first).path, landing(second)) == ("/", EXPIRED)
    assert len(forger.asked_for("/token")) == 1


async def test_a_refused_state_is_spent_too(misled: School, forger: Forger, browser: Browser) -> None:
    client = await browser(misled, scheme="https")
    asked = query_of(await begin(client, "forged"))

    wrong_nonce = await callback(client, state=asked["state"])
    forger.nonce = asked["nonce"]
    again = await callback(client, state=asked["state"])

    assert landing(wrong_nonce).query["error"] == "auth.provider_distrusted"
    assert landing(again) == EXPIRED


async def test_a_sign_in_waits_for_ten_minutes(misled: School, browser: Browser) -> None:
    await begin(await browser(misled, scheme="https"), "forged")
    redis = misled.deployment.redis

    (key,) = [each async for each in redis.scan_iter(f"t:{misled.id}:ticket:auth.federation:*")]

    assert 590 < await redis.ttl(key) <= 600


async def test_nobody_is_made_to_sign_in_as_somebody_else(misled: School, forger: Forger, browser: Browser) -> None:
    """Login CSRF: an attacker signs in at the provider, and lets the victim open the callback."""
    attacker, victim = await browser(misled, scheme="https"), await browser(misled, scheme="https")
    with_own_cookie = await browser(misled, scheme="https")
    await begin(with_own_cookie, "forged")
    states = []
    for _ in range(2):
        asked = query_of(await begin(attacker, "forged"))
        forger.nonce = asked["nonce"]
        states.append(asked["state"])

    answers = [await callback(victim, state=states[0]), await callback(with_own_cookie, state=states[1])]

    assert [landing(answer) for answer in answers] == [EXPIRED] * 2
    assert not await is_signed_in(victim)
    assert not await is_signed_in(with_own_cookie)
    assert forger.asked_for("/token") == []


async def test_a_stolen_code_is_worth_nothing_in_another_sign_in(
    new_school: SchoolFactory, provider: str, browser: Browser
) -> None:
    """Code injection: PKCE and nonce bind the victim's code to the victim's sign-in; the real provider checks."""
    real = {"issuer": provider, **CLIENT, "trust_email": True, "create_accounts": True}
    school = await new_school({"auth": {"providers": {"real": real}}})
    victim, attacker = await browser(school, scheme="https"), await browser(school, scheme="https")
    stolen = query_of(await sign_in_at(await begin(victim), fresh_email(school)))
    own = query_of(await begin(attacker))

    answer = await callback(attacker, "/auth/oauth/real/callback", **{**stolen, "state": own["state"]})

    assert landing(answer).query["error"] == "auth.provider_distrusted"
    assert not await is_signed_in(attacker)


async def test_a_forged_nonce_is_refused(misled: School, forger: Forger, browser: Browser) -> None:
    """Code injection where the provider does not check PKCE: the token is for another sign-in."""
    victim, attacker = await browser(misled, scheme="https"), await browser(misled, scheme="https")
    forger.nonce = query_of(await begin(victim, "forged"))["nonce"]
    own = query_of(await begin(attacker, "forged"))

    answer = await callback(attacker, state=own["state"])

    assert landing(answer).query["error"] == "auth.provider_distrusted"
    assert not await is_signed_in(attacker)


async def test_providers_are_not_mixed_up(new_school: SchoolFactory, forger: Forger, browser: Browser) -> None:
    """A sign-in begun with one provider is not finished by another one's answer, and no code goes to the other."""
    async with forging() as honest:
        school = await new_school(settings_of(forged=forger.issuer, honest=honest.issuer))
        client = await browser(school, scheme="https")
        honest.nonce = forger.nonce = query_of(url := await begin(client, "forged"))["nonce"]
        at_other_callback = await callback(client, "/auth/oauth/honest/callback", state=query_of(url)["state"])
        states = [query_of(await begin(client, "forged"))["state"] for _ in range(2)]
        other_issuer = await callback(client, state=states[0], iss=honest.issuer)
        forger.metadata = {"authorization_response_iss_parameter_supported": True}
        again = await new_school(settings_of(forged=forger.issuer))
        client = await browser(again, scheme="https")
        without_issuer = await callback(client, state=query_of(await begin(client, "forged"))["state"])

    assert landing(at_other_callback) == EXPIRED
    assert [landing(answer).query["error"] for answer in (other_issuer, without_issuer)] == [
        "auth.provider_distrusted"
    ] * 2
    assert (forger.asked_for("/token"), honest.asked_for("/token")) == ([], [])


async def test_a_second_schools_sign_in_is_unknown_here(
    misled: School, new_school: SchoolFactory, forger: Forger, browser: Browser
) -> None:
    other = await new_school(settings_of(forged=forger.issuer))
    here, there = await browser(misled, scheme="https"), await browser(other, scheme="https")
    await begin(here, "forged")
    secret = here.cookies["__Host-collegium_browser"]
    there.cookies.set("__Host-collegium_browser", secret, domain=other.host)
    asked = query_of(await begin(there, "forged"))
    forger.nonce = asked["nonce"]

    elsewhere = await callback(here, state=asked["state"])
    at_home = await callback(there, state=asked["state"])
    user = (await there.get("/users/me")).json()
    with_foreign_tokens = await here.get("/users/me", headers={"Authorization": f"Bearer {access_token(there)}"})

    assert (landing(elsewhere), landing(at_home).path) == (EXPIRED, "/")
    assert with_foreign_tokens.status_code == 401
    admin = await misled.person("admin")
    assert user["email"] not in (await admin.get("/users")).text


def access_token(client: httpx.AsyncClient) -> str:
    return client.cookies["__Host-collegium_access"]


async def test_one_subject_is_two_people_at_two_schools(
    misled: School, new_school: SchoolFactory, forger: Forger, browser: Browser
) -> None:
    other = await new_school(settings_of(forged=forger.issuer))
    ids = []
    for school in (misled, other):
        client = await browser(school, scheme="https")
        asked = query_of(await begin(client, "forged"))
        forger.nonce = asked["nonce"]
        await callback(client, state=asked["state"])
        ids.append((await client.get("/users/me")).json()["id"])

    assert ids[0] != ids[1]


async def test_the_same_subject_of_another_provider_is_somebody_else(
    new_school: SchoolFactory, forger: Forger, browser: Browser
) -> None:
    async with forging() as other:
        school = await new_school(settings_of(forged=forger.issuer, other=other.issuer))
        ids = []
        for name, liar in (("forged", forger), ("other", other)):
            client = await browser(school, scheme="https")
            asked = query_of(await begin(client, name))
            liar.nonce = asked["nonce"]
            liar.claims = {"email": f"{name}@forged.example"}
            await callback(client, f"/auth/oauth/{name}/callback", state=asked["state"])
            ids.append((await client.get("/users/me")).json()["id"])

    assert ids[0] != ids[1]


async def test_a_provider_that_was_taken_away_meanwhile_lets_nobody_in(
    misled: School, forger: Forger, browser: Browser
) -> None:
    client = await browser(misled, scheme="https")
    asked = query_of(await begin(client, "forged"))
    forger.nonce = asked["nonce"]
    async with misled.deployment.operator_session(None, "test") as db:
        change = {"auth": {"providers": {"forged": None}}}
        await change_settings(db, misled.id, {"auth": SETTINGS}, change, is_operator=True)

    answer = await callback(client, state=asked["state"])

    assert landing(answer).query["error"] == "auth.provider_unknown"


async def test_the_callback_tells_nobody_its_address(misled: School, forger: Forger, browser: Browser) -> None:
    client = await browser(misled, scheme="https")
    asked = query_of(await begin(client, "forged"))
    forger.nonce = asked["nonce"]

    answer = await callback(client, state=asked["state"])

    assert (answer.headers["referrer-policy"], answer.headers["cache-control"]) == ("no-referrer", "private, no-store")
    assert "a code" not in answer.headers["location"]


async def test_nothing_secret_leaves_by_the_way_to_the_provider(
    new_school: SchoolFactory, forger: Forger, browser: Browser
) -> None:
    chosen = {"issuer": forger.issuer, "client_id": CLIENT_ID, "client_secret": "a secret of two"}
    school = await new_school({"auth": {"providers": {"forged": chosen}}})
    client = await browser(school, scheme="https")

    asked = query_of(await begin(client, "forged"))

    assert set(asked) == {
        *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce"),
        *("code_challenge", "code_challenge_method"),
    }
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert min(len(asked["state"]), len(asked["nonce"]), len(asked["code_challenge"])) == 43
    assert "a secret" not in str(asked)
    cookie = next(each for each in client.cookies.jar if each.name == "__Host-collegium_browser")
    assert cookie.secure
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "lax"


async def test_a_browser_at_another_host_begins_at_the_schools_own(
    misled: School, forger: Forger, browser: Browser
) -> None:
    """The callback comes to the primary host, so the cookie that it needs must be there."""
    alias = f"www.{misled.host}"
    async with misled.deployment.operator_session(None, "test") as db:
        await db.run(_ADD_HOST, host=alias, tenant_id=misled.id)
    client = await browser(misled, scheme="https")

    answer = await client.get(f"https://{alias}/api/v1/auth/oauth/forged/login", params={"next": "/a?b=c&d"})

    assert answer.headers["location"] == (f"https://{misled.host}/api/v1/auth/oauth/forged/login?next=%2Fa%3Fb%3Dc%26d")
    assert "set-cookie" not in answer.headers
    asked = query_of(landing_url := (await client.get(answer.headers["location"])).headers["location"])
    assert landing_url.startswith(f"{forger.issuer}/authorize?")
    forger.nonce = asked["nonce"]
    assert landing(await callback(client, state=asked["state"])) == Landing("/a", {"b": "c"})


async def test_whatever_else_providers_send_is_let_through(misled: School, forger: Forger, browser: Browser) -> None:
    client = await browser(misled, scheme="https")
    asked = query_of(await begin(client, "forged"))
    forger.nonce = asked["nonce"]

    answer = await callback(client, state=asked["state"], session_state="x", scope="openid", authuser="0", hd="a.b")

    assert landing(answer).path == "/"


async def test_redis_away_means_no_sign_in(misled: School, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await browser(misled, scheme="https")

    async def away(*_: Any, **__: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(misled.deployment.redis, "execute_command", away)

    begun = await client.get("/auth/oauth/forged/login")
    finished = await client.get(CALLBACK, params={"state": "x"})

    assert codes_of(begun, finished) == [(503, "kernel.redis_unavailable")] * 2


async def test_a_password_account_cannot_be_entered_by_its_provider_alone(
    misled: School, forger: Forger, browser: Browser
) -> None:
    """An account made by a provider has no password, and none opens it."""
    client = await browser(misled, scheme="https")
    asked = query_of(await begin(client, "forged"))
    forger.nonce = asked["nonce"]
    await callback(client, state=asked["state"])
    email = (await client.get("/users/me")).json()["email"]
    answers = [await sign_in(await browser(misled), email, password) for password in ("", "None", PASSWORD)]

    assert codes_of(*answers) == [(401, "auth.bad_credentials")] * 3
