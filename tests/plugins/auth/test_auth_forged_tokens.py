"""A provider that lies, or somebody who lies in its name (T8): each lie is refused, and refused alike."""

import base64
import hmac
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.hashes import SHA512
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey

from kernel.testing import School
from kernel.testing.clocks import FakeClock
from kernel.testing.schools import SchoolFactory
from tests.plugins.auth.conftest import Browser
from tests.plugins.auth.forger import CLIENT_ID, Forger, Signer, rsa_key, rsa_token, token
from tests.plugins.auth.surfing import Landing, begin, come_back, landing, query_of

STRANGER = "https://stranger.example"
REFUSED = ("auth.provider_distrusted", False)


@pytest.fixture
async def misled(new_school: SchoolFactory, forger: Forger) -> School:
    """A school that trusts the forger with everything."""
    chosen = {"issuer": forger.issuer, "client_id": CLIENT_ID, "trust_email": True, "create_accounts": True}
    return await new_school({"auth": {"providers": {"forged": chosen}}})


async def return_from(
    forger: Forger, client: httpx.AsyncClient, *, provider: str = "forged", **changes: str | None
) -> httpx.Response:
    """Go to the forger and come back with a code, a state and whatever the test changes about it."""
    asked = query_of(await begin(client, provider))
    forger.nonce = asked.get("nonce", "")
    query = {"code": "a code", "state": asked["state"], **changes}
    url = httpx.URL(f"/auth/oauth/{provider}/callback", params={k: v for k, v in query.items() if v is not None})
    return await come_back(client, str(url))


async def outcome(answer: httpx.Response, client: httpx.AsyncClient) -> tuple[str, bool]:
    """Return the code of the refusal, and whether anybody is signed in after all."""
    return landing(answer).query.get("error", ""), (await client.get("/users/me")).status_code == 200


async def test_the_truth_is_believed(misled: School, forger: Forger, browser: Browser) -> None:
    client = await browser(misled, scheme="https")

    answer = await return_from(forger, client, iss=forger.issuer)

    assert await outcome(answer, client) == ("", True)
    sent = forger.form()
    assert sent.pop("code_verifier")
    assert sent == {
        "grant_type": "authorization_code",
        "code": "a code",
        "redirect_uri": misled.tenant.url("/api/v1/auth/oauth/forged/callback"),
        "client_id": CLIENT_ID,
    }


def unsigned(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return token(header, claims, lambda content: b"")


def by_public_key(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Sign by HS256 with the provider's public key as the secret, which everybody knows."""
    return token(header, claims, lambda content: hmac.digest(rsa_key("one").as_pem(private=False), content, "sha256"))


def by_shared_secret(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return token(header, claims, lambda content: hmac.digest(b"a secret", content, "sha256"))


def by_own_key(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return rsa_token(header, claims, rsa_key("own"))


def by_embedded_key(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return by_own_key({**header, "jwk": rsa_key("own").as_dict(private=False)}, claims)


def by_longer_digest(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return rsa_token(header, claims, digest=SHA512)


def cut(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return rsa_token(header, claims)[:-10]


def changed_afterwards(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    head, body, signature = rsa_token(header, claims).split(".")
    other = rsa_token(header, {**claims, "sub": "admin"}).split(".")[1]
    assert body != other
    return f"{head}.{other}.{signature}"


def deep() -> str:
    """Return a part of a token that is nested beyond what a reader bears."""
    return base64.urlsafe_b64encode(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}").rstrip(b"=").decode()


SIGNATURES: list[tuple[dict[str, Any], Signer]] = [
    ({"alg": "none"}, unsigned),
    ({"alg": "None", "kid": None}, unsigned),
    ({"alg": "HS256"}, by_public_key),
    ({"alg": "HS256"}, by_shared_secret),
    ({}, by_own_key),
    ({"kid": None}, by_own_key),
    ({"kid": "two"}, by_own_key),
    ({"kid": "two"}, by_embedded_key),
    ({}, by_embedded_key),
    ({"kid": ["one"]}, lambda header, claims: "a.b.c"),
    ({"alg": "RS512"}, by_longer_digest),
    ({"crit": ["exp"]}, rsa_token),
    ({"crit": ["unheard-of"], "unheard-of": True}, rsa_token),
    ({"b64": False, "crit": ["b64"]}, rsa_token),
    ({}, cut),
    ({}, changed_afterwards),
    ({}, lambda header, claims: ""),
    ({}, lambda header, claims: "no token"),
    ({}, lambda header, claims: "é.é.é"),
    ({}, lambda header, claims: "." * 100),
    ({}, lambda header, claims: f"{deep()}.{deep()}.x"),
    ({}, lambda header, claims: f"{rsa_token(header, claims).split('.')[0]}.{deep()}.x"),
]


async def test_a_token_that_the_provider_did_not_sign_is_refused(
    misled: School, forger: Forger, browser: Browser
) -> None:
    outcomes = []
    for forger.header, forger.signer in SIGNATURES:
        client = await browser(misled, scheme="https")
        outcomes.append(await outcome(await return_from(forger, client), client))

    assert outcomes == [REFUSED] * len(SIGNATURES)


CLAIMS: list[dict[str, Any]] = [
    *({"iss": STRANGER}, {"iss": None}, {"iss": ""}, {"iss": ["x"]}, {"sub": None}, {"sub": ""}, {"sub": True}),
    *(
        {"sub": {"a": 1}},
        {"sub": "s" * 256},
        {"sub": "a\x00b"},
        {"sub": "a\n"},
        {"sub": "\ud800"},
        {"aud": "another"},
        {"aud": None},
        {"aud": []},
    ),
    {"aud": ["another", "third"]},
    {"aud": [CLIENT_ID, "another"]},
    {"aud": [CLIENT_ID, "another"], "azp": "another"},
    {"azp": "another"},
    *({"nonce": None}, {"nonce": "another"}, {"nonce": ""}, {"nonce": ["x"]}),
    *({"exp": 1_000_000_000}, {"exp": None}, {"exp": "soon"}, {"iat": None}, {"iat": 9_000_000_000}),
    *({"nbf": 9_000_000_000}, {"at_hash": "wrong"}),
]


async def test_a_token_that_says_the_wrong_thing_is_refused(misled: School, forger: Forger, browser: Browser) -> None:
    outcomes = []
    for forger.claims in CLAIMS:
        client = await browser(misled, scheme="https")
        outcomes.append(await outcome(await return_from(forger, client), client))

    assert outcomes == [REFUSED] * len(CLAIMS)


@pytest.mark.parametrize("claims", [{"aud": [CLIENT_ID]}, {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}], ids=str)
async def test_an_audience_may_be_a_list(
    misled: School, forger: Forger, browser: Browser, claims: dict[str, Any]
) -> None:
    client = await browser(misled, scheme="https")
    forger.claims = claims

    assert await outcome(await return_from(forger, client), client) == ("", True)


@pytest.mark.parametrize(
    "key", [ECKey.generate_key("P-256", {"kid": "e"}), OKPKey.generate_key("Ed25519", {"kid": "o"})], ids=["EC", "OKP"]
)
async def test_other_keys_than_rsa_count(misled: School, forger: Forger, browser: Browser, key: ECKey | OKPKey) -> None:
    client = await browser(misled, scheme="https")
    forger.keys = [{"kty": "unheard-of", "kid": "u"}, {"no": "key"}, key.as_dict(private=False)]
    forger.header = {"alg": "ES256" if isinstance(key, ECKey) else "Ed25519", "kid": key.kid}
    forger.signer = lambda header, claims: jwt.encode(dict(header), dict(claims), key, [header["alg"]])

    assert await outcome(await return_from(forger, client), client) == ("", True)


async def test_a_key_that_is_no_public_one_counts_for_nothing(misled: School, forger: Forger, browser: Browser) -> None:
    client = await browser(misled, scheme="https")
    shared = OctKey.generate_key(256, {"kid": "one"})
    forger.keys = [shared.as_dict(private=True), rsa_key("one").as_dict(private=True)]

    assert await outcome(await return_from(forger, client), client) == REFUSED


async def test_new_keys_are_asked_for_but_not_again_and_again(
    misled: School, forger: Forger, browser: Browser, fake_clock: FakeClock
) -> None:
    client = await browser(misled, scheme="https")
    assert await outcome(await return_from(forger, client), client) == ("", True)

    # The provider changes its key; tokens by a key that nobody knows do not make us ask each time.
    forger.keys = [rsa_key("two").as_dict(private=False)]
    forger.header = {"kid": "two"}
    forger.signer = lambda header, claims: rsa_token(header, claims, rsa_key("two"))
    for _ in range(3):
        other = await browser(misled, scheme="https")
        assert await outcome(await return_from(forger, other), other) == REFUSED
    assert len(forger.asked_for("/jwks")) == 1

    fake_clock.advance(seconds=61)
    forger.claims = {"iat": None, "exp": None}
    answer = await return_from(forger, client)
    assert landing(answer).query["error"] == "auth.provider_distrusted", "that one has no time at all"
    assert len(forger.asked_for("/jwks")) == 2
    moment = int(fake_clock.now().timestamp())
    forger.claims = {"iat": moment, "exp": moment + 60}
    assert await outcome(await return_from(forger, client), client) == ("", True)
    assert len(forger.asked_for("/.well-known/openid-configuration")) == 1

    fake_clock.advance(hours=2)
    await begin(client, "forged")
    assert len(forger.asked_for("/.well-known/openid-configuration")) == 2


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({"issuer": STRANGER}, "auth.provider_distrusted"),
        ({"issuer": None}, "auth.provider_distrusted"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "auth.provider_distrusted"),
        ({"authorization_endpoint": "data:text/html,x"}, "auth.provider_distrusted"),
        ({"token_endpoint": 5}, "auth.provider_distrusted"),
    ],
    ids=str,
)
async def test_metadata_that_lead_astray_are_refused(
    misled: School, forger: Forger, browser: Browser, metadata: dict[str, Any], code: str
) -> None:
    client = await browser(misled, scheme="https")
    forger.metadata = metadata

    answer = await client.get("/auth/oauth/forged/login", headers={"Accept": "text/html"})

    assert landing(answer) == Landing("/sign-in", {"error": code})


@pytest.mark.parametrize("endpoint", ["token_endpoint", "jwks_uri", "userinfo_endpoint"])
async def test_metadata_cannot_make_us_ask_inside(
    misled: School, forger: Forger, browser: Browser, endpoint: str
) -> None:
    """An address inside is refused by `kernel.outbound`, wherever it comes from."""
    client = await browser(misled, scheme="https")
    forger.metadata = {endpoint: "http://169.254.169.254/latest/meta-data"}
    forger.claims = {"email": None}

    answer = await return_from(forger, client)

    assert await outcome(answer, client) == ("auth.provider_unavailable", False)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/.well-known/openid-configuration", 503, "auth.provider_unavailable"),
        ("/.well-known/openid-configuration", 404, "auth.provider_distrusted"),
        ("/.well-known/openid-configuration", 302, "auth.provider_distrusted"),
    ],
)
async def test_a_provider_that_is_not_there_is_said_at_once(
    misled: School, forger: Forger, browser: Browser, path: str, status: int, code: str
) -> None:
    client = await browser(misled, scheme="https")
    forger.status[path] = status

    for_people = await client.get("/auth/oauth/forged/login", headers={"Accept": "text/html"})
    for_clients = await client.get("/auth/oauth/forged/login")

    assert landing(for_people) == Landing("/sign-in", {"error": code})
    assert for_clients.json()["code"] == code


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/token", 400, "auth.provider_distrusted"),
        ("/token", 302, "auth.provider_distrusted"),
        ("/token", 500, "auth.provider_unavailable"),
        ("/token", 429, "auth.provider_unavailable"),
        ("/jwks", 404, "auth.provider_distrusted"),
        ("/userinfo", 401, "auth.provider_distrusted"),
    ],
)
async def test_a_provider_that_fails_half_way_is_said(
    misled: School, forger: Forger, browser: Browser, path: str, status: int, code: str
) -> None:
    client = await browser(misled, scheme="https")
    forger.claims = {"email": None}
    forger.userinfo = {"sub": "somebody"}
    forger.status[path] = status

    assert await outcome(await return_from(forger, client), client) == (code, False)


async def test_userinfo_must_speak_of_the_same_person(misled: School, forger: Forger, browser: Browser) -> None:
    client = await browser(misled, scheme="https")
    forger.claims = {"email": None, "email_verified": None}
    forger.userinfo = {"sub": "another", "email": "somebody@forged.example", "email_verified": True}
    assert await outcome(await return_from(forger, client), client) == REFUSED

    forger.userinfo["sub"] = "somebody"
    assert await outcome(await return_from(forger, client), client) == ("", True)


async def test_userinfo_cannot_take_back_what_the_signed_token_says(
    misled: School, forger: Forger, browser: Browser
) -> None:
    client = await browser(misled, scheme="https")
    forger.claims = {"email": None, "email_verified": False}
    forger.userinfo = {"sub": "somebody", "email": "somebody@forged.example", "email_verified": True}

    assert await outcome(await return_from(forger, client), client) == ("auth.no_account", False)


async def test_an_address_is_verified_only_if_the_provider_says_so(
    misled: School, forger: Forger, browser: Browser
) -> None:
    outcomes = []
    lies: list[Any] = [None, 0, "", "no", "false", [], {"a": 1}, "True "]
    for told in lies:
        client = await browser(misled, scheme="https")
        forger.claims = {"email_verified": told}
        outcomes.append(await outcome(await return_from(forger, client), client))

    assert outcomes == [("auth.no_account", False)] * len(lies)


async def test_an_address_that_is_none_is_not_taken(misled: School, forger: Forger, browser: Browser) -> None:
    outcomes = []
    forger.userinfo = {"sub": "somebody"}
    for email in ("no address", "a@b@c", "", 5, None, ["x@y.z"], "x@y.z" * 100):
        client = await browser(misled, scheme="https")
        forger.claims = {"email": email}
        outcomes.append(await outcome(await return_from(forger, client), client))

    assert outcomes == [("auth.no_account", False)] * 7


async def test_names_that_no_account_could_have_are_cut_to_size(
    misled: School, forger: Forger, browser: Browser
) -> None:
    client = await browser(misled, scheme="https")
    forger.claims = {"given_name": "A\x00b" + "c" * 500, "family_name": ["no", "text"], "name": "Whole \ud800Name"}

    assert await outcome(await return_from(forger, client), client) == ("", True)
    account = (await client.get("/users/me")).json()
    assert (account["first_name"], account["last_name"]) == ("Ab" + "c" * 98, "Name")


async def test_an_access_token_that_fits_in_no_header_is_refused(
    misled: School, forger: Forger, browser: Browser
) -> None:
    forger.claims = {"email": None}
    forger.userinfo = {"sub": "somebody"}
    outcomes = []
    for access_token in ("é", "a\r\nX-Injected: b", "a\x00b"):
        client = await browser(misled, scheme="https")
        forger.reply = {"access_token": access_token}
        outcomes.append(await outcome(await return_from(forger, client), client))

    assert outcomes == [("auth.provider_unavailable", False)] * 3
    assert forger.asked_for("/userinfo") == []


@pytest.mark.parametrize("reply", [{"access_token": None}, {"id_token": None}, {"token_type": "mac"}], ids=str)
async def test_a_reply_without_what_it_must_have_is_refused(
    misled: School, forger: Forger, browser: Browser, reply: dict[str, Any]
) -> None:
    client = await browser(misled, scheme="https")
    forger.reply = reply

    assert await outcome(await return_from(forger, client), client) == REFUSED
