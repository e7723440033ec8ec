"""Tokens, cookies and browsers: what opens the door and what does not (T8 and T9 of the security design)."""

import base64
import json
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from kernel.deployment import Deployment
from kernel.keys import Keyring, Purpose
from kernel.testing import PASSWORD, FakeClock, School
from tests.plugins.auth.conftest import Browser
from tests.plugins.auth.people import codes_of, fresh_email, make_user, sign_in, signed_in

UNAUTHENTICATED = (401, "kernel.unauthenticated")


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a token."""
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return header, claims


def signed(header: dict[str, Any], claims: dict[str, Any], keyring: Keyring, purpose: Purpose = "jwt") -> str:
    """Return a token that is signed as ours are."""
    key = OctKey.import_key(keyring.derive(purpose)[0].key)
    return jwt.encode(header, claims, key, algorithms=["HS256", "HS384"])


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Return a token without a signature."""
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims)]
    return ".".join([*texts, ""])


async def opens(school: School, token: str) -> httpx.Response:
    """Knock with a token."""
    return await (await school.client(Authorization=f"Bearer {token}")).get("/users/me")


async def test_token_says_what_the_document_asks_for(school: School) -> None:
    _, answer = await signed_in(school, "instructor")
    header, claims = parts_of(answer["access_token"])
    assert sorted(header) == ["alg", "kid", "typ"]
    assert (header["alg"], header["typ"]) == ("HS256", "at+jwt")
    assert (claims["user_id"], claims["role"], claims["tenant"]) == (answer["user"]["id"], "instructor", str(school.id))
    assert claims["exp"] - claims["iat"] == 900
    assert "auth.user.read:own" in claims["permissions"]


async def test_only_our_own_unchanged_token_opens(school: School, deployment: Deployment) -> None:
    _, answer = await signed_in(school)
    token, keyring = answer["access_token"], deployment.keyring
    header, claims = parts_of(token)
    foreign = Keyring(["a key that is none of ours, and just as long"])
    start, _, signature = token.rpartition(".")
    bad = {
        "alg none": unsigned({**header, "alg": "none"}, claims),
        "no signature": f"{start}.",
        "changed signature": f"{start}.{signature[::-1]}",
        "other claims": f"{unsigned(header, {**claims, 'role': 'admin'})}{signature}",
        "other algorithm": signed({**header, "alg": "HS384"}, claims, keyring),
        "wrong typ": signed({**header, "typ": "JWT"}, claims, keyring),
        "no typ": signed({"alg": "HS256", "kid": header["kid"]}, claims, keyring),
        "wrong kid": signed({**header, "kid": "00000000"}, claims, keyring),
        "no kid": signed({"alg": "HS256", "typ": "at+jwt"}, claims, keyring),
        "key of another purpose": signed(header, claims, keyring, "media"),
        "foreign key": signed(header, claims, foreign),
        "wrong issuer": signed(header, {**claims, "iss": "x"}, keyring),
        "wrong audience": signed(header, {**claims, "aud": "x"}, keyring),
        "no expiry": signed(header, {name: claims[name] for name in claims if name != "exp"}, keyring),
        "expired": signed(header, {**claims, "exp": claims["iat"] - 1}, keyring),
        "not yet": signed(header, {**claims, "nbf": claims["exp"] + 60}, keyring),
        "no session": signed(header, {name: claims[name] for name in claims if name != "session"}, keyring),
        "unknown session": signed(header, {**claims, "session": claims["user_id"]}, keyring),
        "somebody else's session": signed(header, {**claims, "user_id": claims["session"]}, keyring),
        "refresh token": answer["refresh_token"],
        "rubbish": "a.b.c",
    }
    found = {name: codes_of(await opens(school, each)) for name, each in bad.items()}
    assert found == {name: [UNAUTHENTICATED] for name in bad}
    assert (await opens(school, signed(header, claims, keyring))).status_code == 200


async def test_role_in_the_token_opens_nothing(school: School, deployment: Deployment) -> None:
    _, answer = await signed_in(school)
    header, claims = parts_of(answer["access_token"])
    raised = signed(header, {**claims, "role": "admin", "permissions": ["*:any"]}, deployment.keyring)
    client = await school.client(Authorization=f"Bearer {raised}")
    assert codes_of(await client.get("/users")) == [(403, "kernel.forbidden")]


async def test_token_expires_by_the_clock_cached_or_not(school: School, fake_clock: FakeClock) -> None:
    client, answer = await signed_in(school)
    fake_clock.advance(minutes=14, seconds=50)
    assert (await client.get("/users/me")).status_code == 200
    fake_clock.advance(seconds=11)
    assert codes_of(await client.get("/users/me"), await opens(school, answer["access_token"])) == [UNAUTHENTICATED] * 2


async def test_token_of_another_school_opens_nothing_here(school: School, other_school: School) -> None:
    _, answer = await signed_in(other_school, "admin")
    assert codes_of(await opens(school, answer["access_token"])) == [UNAUTHENTICATED]
    assert (await opens(other_school, answer["access_token"])).status_code == 200


@pytest.mark.parametrize(("scheme", "prefix", "secure"), [("https", "__Host-", True), ("http", "", False)])
async def test_cookies_are_out_of_reach_of_scripts_and_other_sites(
    school: School, browser: Browser, scheme: str, prefix: str, secure: bool
) -> None:
    email = fresh_email(school)
    await make_user(school, email=email)
    client = await browser(school, scheme=scheme)
    answers = [await sign_in(client, email), await client.post("/auth/refresh"), await client.post("/auth/logout")]
    attributes = {"HttpOnly", "Path=/", "SameSite=lax", *(("Secure",) if secure else ())}
    for answer, ages in zip(answers, (("900", "604799"), ("900", "604799"), ("0", "0")), strict=True):
        cookies = answer.headers.get_list("set-cookie")
        assert [cookie.partition("=")[0] for cookie in cookies] == [
            f"{prefix}collegium_access",
            f"{prefix}collegium_refresh",
        ]
        for cookie, age in zip(cookies, ages, strict=True):
            assert set(cookie.split("; ")[1:]) == {*attributes, f"Max-Age={age}"}
            assert len(cookie) < 4096


async def test_plain_cookie_is_no_credential_where_the_browser_sees_https(school: School, browser: Browser) -> None:
    client, answer = await signed_in(school)
    secure = await browser(school, scheme="https")
    secure.cookies.update(dict(client.cookies))
    refused = [await secure.get("/users/me"), await secure.post("/auth/refresh")]
    assert codes_of(*refused) == [UNAUTHENTICATED, (401, "auth.refresh_invalid")]
    assert answer["access_token"] in client.cookies.values()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://sibling.{host}"},
        {"Origin": "https://{host}"},
        {"Origin": "http://{host}:81"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_unsafe_request_from_elsewhere_is_refused_before_anything_else(
    school: School, headers: dict[str, str]
) -> None:
    client, answer = await signed_in(school)
    sent = {name: value.format(host=school.host) for name, value in headers.items()}
    person = {"email": answer["user"]["email"], "password": PASSWORD}
    path = f"/users/{answer['user']['id']}"
    refused = [
        await client.post("/auth/login", json=person, headers=sent),
        await client.post("/auth/register", json={**person, "first_name": "A", "last_name": "B"}, headers=sent),
        await client.post("/auth/refresh", headers=sent),
        await client.post("/auth/logout", headers=sent),
        await client.patch(path, json={"bio": "x"}, headers=sent),
        await client.patch(
            path, json={"bio": "x"}, headers={**sent, "Authorization": f"Bearer {answer['access_token']}"}
        ),
    ]
    assert codes_of(*refused) == [(403, "kernel.foreign_origin")] * 6
    assert (await client.get("/users/me", headers=sent)).status_code == 200


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_unsafe_request_from_our_own_page_is_served(school: School, site: str) -> None:
    client, answer = await signed_in(school)
    headers = {"Origin": f"http://{school.host}", "Sec-Fetch-Site": site}
    changed = await client.patch(f"/users/{answer['user']['id']}", json={"bio": "x"}, headers=headers)
    assert (changed.status_code, changed.json()["bio"]) == (200, "x")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
async def test_json_is_read_from_json_alone(school: School, content_type: str) -> None:
    email = fresh_email(school)
    await make_user(school, email=email)
    client, answer = await signed_in(school)
    headers = {"Content-Type": content_type} if content_type else {}
    body = json.dumps({"email": email, "password": PASSWORD}).encode()
    refused = [
        await client.post("/auth/login", content=body, headers=headers),
        await client.post("/auth/register", content=body, headers=headers),
        await client.post("/auth/refresh", content=b'{"refresh_token":"x"}', headers=headers),
        await client.post("/auth/logout", content=b"{}", headers=headers),
        await client.patch(f"/users/{answer['user']['id']}", content=b'{"bio":"x"}', headers=headers),
    ]
    assert codes_of(*refused) == [(415, "kernel.unsupported_media_type")] * 5
    assert (await client.get("/users/me")).json()["bio"] is None


async def test_expired_credential_keeps_nobody_from_signing_in_again(school: School, fake_clock: FakeClock) -> None:
    client, answer = await signed_in(school)
    client.headers["Authorization"] = f"Bearer {answer['access_token']}"
    fake_clock.advance(minutes=16)
    assert codes_of(await client.get("/users/me")) == [UNAUTHENTICATED]
    assert (await sign_in(client, answer["user"]["email"])).status_code == 200
    refreshed = await client.post("/auth/refresh", json={"refresh_token": answer["refresh_token"]})
    assert refreshed.status_code == 200
