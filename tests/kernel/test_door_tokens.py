"""Access tokens at the door: every way in which one can be wrong, and where one is read from."""

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

from kernel.auth import ACCESS_TTL_S, AccessTokens, Permission, grant_patterns
from kernel.clock import now
from kernel.deployment import Deployment
from kernel.errors import Unauthenticated
from kernel.ids import new_id
from kernel.keys import Keyring
from kernel.scopes import Scope
from kernel.settings import Settings
from kernel.testing import FakeClock, School
from kernel.tokens import ISSUER, Algorithm, SignedTokens, TokenInvalid
from tests.kernel.conftest import Process, SignedIn, process, sign_in


def part(value: Any) -> str:
    """Return a value as a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unpacked(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a token's header and claims."""
    header, claims, _ = token.split(".")
    return json.loads(base64.urlsafe_b64decode(header + "===")), json.loads(base64.urlsafe_b64decode(claims + "==="))


def signed(key: bytes, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Return a token with an HMAC of the kind that its header names, made without any library's scruples."""
    body = f"{part(header)}.{part(claims)}"
    digest = hmac.digest(key, body.encode(), "sha512" if header.get("alg") == "HS512" else "sha256")
    return f"{body}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def forged(
    deployment: Deployment, token: str, header: Mapping[str, Any] | None = None, claims: Mapping[str, Any] | None = None
) -> str:
    """Return the token with another header or other claims, signed with the real key; None takes something away."""
    own_header, own_claims = unpacked(token)
    parts = [
        {name: value for name, value in {**own, **(changed or {})}.items() if value is not None}
        for own, changed in ((own_header, header), (own_claims, claims))
    ]
    return signed(deployment.keyring.derive("jwt")[0].key, *parts)


async def refused(client: httpx.AsyncClient, token: str) -> bool:
    """Say whether the token is refused as it should be."""
    answer = await client.get("/lab/me", headers={b"Authorization": f"Bearer {token}".encode()})
    return (answer.status_code, answer.json().get("code")) == (401, "kernel.unauthenticated")


@pytest.fixture
async def user(school: School) -> SignedIn:
    """Somebody who is signed in."""
    return await sign_in(school, "admin")


async def test_token_as_issued_is_taken_and_so_is_one_signed_again(
    lab: Process, client: httpx.AsyncClient, user: SignedIn
) -> None:
    for token in (user.token, forged(lab.deployment, user.token)):
        assert (await client.get("/lab/me", headers={"Authorization": f"bearer {token}"})).status_code == 200


def test_token_says_what_clients_may_know(lab_settings: Settings) -> None:
    tokens = AccessTokens(Keyring(lab_settings.secret_keys))
    user_id, tenant_id, session_id = new_id(), new_id(), new_id()

    token, ttl_s = tokens.issue(
        user_id=user_id, tenant_id=tenant_id, session_id=session_id, role="student", patterns=["lab.*:own"]
    )
    header, claims = unpacked(token)

    assert ttl_s == ACCESS_TTL_S == 900
    assert header == {"alg": "HS256", "typ": "at+jwt", "kid": Keyring(lab_settings.secret_keys).newest_kid}
    assert {name: claims[name] for name in claims if name not in ("iat", "exp")} == {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": str(user_id),
        "user_id": str(user_id),
        "tenant": str(tenant_id),
        "session": str(session_id),
        "role": "student",
        "permissions": ["lab.*:own"],
    }
    assert claims["exp"] - claims["iat"] == 900


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": "mfa+jwt"},
        {"typ": None},
        {"kid": "00000000"},
        {"kid": None},
        {"kid": 7},
        {"alg": "HS512"},
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
    ],
)
async def test_token_with_another_header_is_refused(
    lab: Process, client: httpx.AsyncClient, user: SignedIn, header: dict[str, Any]
) -> None:
    assert await refused(client, forged(lab.deployment, user.token, header=header))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "elsewhere"},
        {"iss": None},
        {"aud": "elsewhere"},
        {"aud": None},
        {"exp": None},
        {"exp": 1},
        {"exp": "tomorrow"},
        {"exp": [1]},
        {"user_id": None},
        {"user_id": "root"},
        {"tenant": None},
        {"session": "' or 1=1"},
        {"role": None},
    ],
)
async def test_token_with_other_claims_is_refused(
    lab: Process, client: httpx.AsyncClient, user: SignedIn, claims: dict[str, Any]
) -> None:
    assert await refused(client, forged(lab.deployment, user.token, claims=claims))


async def test_token_of_no_algorithm_is_refused(client: httpx.AsyncClient, user: SignedIn) -> None:
    header, claims = unpacked(user.token)

    for alg in ("none", "None", "nOnE", ""):
        assert await refused(client, f"{part({**header, 'alg': alg})}.{part(claims)}.")
        assert await refused(client, f"{part({**header, 'alg': alg})}.{part(claims)}.{user.token.rpartition('.')[2]}")


async def test_token_that_brings_its_own_key_is_refused(client: httpx.AsyncClient, user: SignedIn) -> None:
    header, claims = unpacked(user.token)
    key = ECKey.generate_key("P-256")
    registry = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    own = {**header, "alg": "ES256", "jwk": key.as_dict(private=False)}

    assert await refused(client, jws.serialize_compact(own, json.dumps(claims), key, registry=registry))


async def test_token_signed_with_the_key_of_another_purpose_is_refused(
    lab: Process, client: httpx.AsyncClient, user: SignedIn
) -> None:
    header, claims = unpacked(user.token)

    assert await refused(client, signed(lab.deployment.keyring.derive("media")[0].key, header, claims))


async def test_altered_token_is_refused(client: httpx.AsyncClient, user: SignedIn) -> None:
    header, claims, signature = user.token.split(".")
    promoted = part({**unpacked(user.token)[1], "role": "owner"})

    for token in (
        f"{header}.{promoted}.{signature}",
        f"{header}.{claims}.{signature[::-1]}",
        f"{header}.{claims}.",
        f"{header}.{claims}",
        f"{user.token}.{signature}",
        f"{user.token}=",
        user.token.upper(),
        "x",
        "..",
        "é.ü.ß",
        "a" * 20_000,
        f"{base64.urlsafe_b64encode(b'[' * 5_000).decode()}.{claims}.{signature}",
    ):
        assert await refused(client, token), token[:60]


async def test_token_expires_although_it_was_verified_before(
    client: httpx.AsyncClient, user: SignedIn, fake_clock: FakeClock
) -> None:
    assert not await refused(client, user.token)
    fake_clock.advance(minutes=14, seconds=50)
    assert not await refused(client, user.token)
    fake_clock.advance(seconds=11)
    assert await refused(client, user.token)
    assert await refused(client, user.token)


async def test_token_of_an_older_secret_counts_until_that_is_removed(lab_settings: Settings, user: SignedIn) -> None:
    newer = "another key for tests only, long enough: 98765"
    both = msgspec.structs.replace(lab_settings, secret_keys=(newer, *lab_settings.secret_keys))
    new_only = msgspec.structs.replace(lab_settings, secret_keys=(newer,))
    school_id = unpacked(user.token)[1]["tenant"]

    for settings, status in ((both, 200), (new_only, 401)):
        async with process(settings) as lab:
            tenant = await lab.deployment.tenants.by_id(msgspec.convert(school_id, type=type(user.user_id)))
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=lab.app)) as client:
                answer = await client.get(f"http://{tenant.host}/api/v1/lab/me", headers=user.headers)
        assert answer.status_code == status


def test_tokens_remember_no_more_than_they_should(lab_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernel.auth._MOST_VERIFIED", 2)
    tokens = AccessTokens(Keyring(lab_settings.secret_keys))
    issued = [
        tokens.issue(user_id=new_id(), tenant_id=new_id(), session_id=new_id(), role="", patterns=[])[0]
        for _ in range(3)
    ]

    for token in issued:
        assert tokens.verify(token).exp > now().timestamp()

    assert len(tokens._verified) == 2


def test_tokens_of_another_deployment_are_refused(lab_settings: Settings) -> None:
    ours, theirs = AccessTokens(Keyring(lab_settings.secret_keys)), AccessTokens(Keyring(("x" * 32,)))
    token, _ = theirs.issue(user_id=new_id(), tenant_id=new_id(), session_id=new_id(), role="", patterns=[])

    with pytest.raises(Unauthenticated):
        ours.verify(token)


def test_token_of_the_other_algorithm_is_refused(lab_settings: Settings) -> None:
    keyring = Keyring(lab_settings.secret_keys)
    by_name = {"HS256": AccessTokens(keyring), "EdDSA": AccessTokens(keyring, "EdDSA")}
    for name, alg, other in (("HS256", "HS256", "EdDSA"), ("EdDSA", "Ed25519", "HS256")):
        token, _ = by_name[name].issue(
            user_id=new_id(), tenant_id=new_id(), session_id=new_id(), role="student", patterns=[]
        )
        assert unpacked(token)[0] == {"alg": alg, "typ": "at+jwt", "kid": keyring.newest_kid}
        assert by_name[name].verify(token).role == "student"
        with pytest.raises(Unauthenticated):
            by_name[other].verify(token)


def test_public_key_is_no_secret_to_sign_with(lab_settings: Settings) -> None:
    keyring = Keyring(lab_settings.secret_keys)
    tokens = AccessTokens(keyring, "EdDSA")
    token, _ = tokens.issue(user_id=new_id(), tenant_id=new_id(), session_id=new_id(), role="student", patterns=[])
    header, claims = unpacked(token)
    public_key = Ed25519PrivateKey.from_private_bytes(keyring.derive("jwt-eddsa")[0].key).public_key()
    raw = public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for key in (raw, pem, keyring.derive("jwt-eddsa")[0].key, keyring.derive("jwt")[0].key):
        for alg in ("HS256", "Ed25519", "EdDSA"):
            with pytest.raises(Unauthenticated):
                tokens.verify(signed(key, {**header, "alg": alg}, claims))


@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA"])
def test_token_that_brings_a_key_is_judged_by_ours(lab_settings: Settings, algorithm: Algorithm) -> None:
    tokens = AccessTokens(Keyring(lab_settings.secret_keys), algorithm)
    token, _ = tokens.issue(user_id=new_id(), tenant_id=new_id(), session_id=new_id(), role="student", patterns=[])
    header, claims = unpacked(token)
    key = OKPKey.generate_key("Ed25519")
    registry = jws.JWSRegistry(algorithms=["Ed25519"], strict_check_header=False)
    for brought in (
        {"jwk": key.as_dict(private=False)},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://e.example"},
    ):
        own = {**header, "alg": "Ed25519", **brought}
        with pytest.raises(Unauthenticated):
            tokens.verify(jws.serialize_compact(own, json.dumps(claims), key, registry=registry))


@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA"])
def test_fullest_token_leaves_room_in_its_cookie(lab_settings: Settings, algorithm: Algorithm) -> None:
    many = [Permission(f"lab.thing{number:03}.do", "Do") for number in range(200)]
    grants: dict[str, Scope] = {each.name: ("own", "any")[number % 2] for number, each in enumerate(many)}
    token, _ = AccessTokens(Keyring(lab_settings.secret_keys), algorithm).issue(
        user_id=new_id(),
        tenant_id=new_id(),
        session_id=new_id(),
        role="instructor",
        patterns=grant_patterns(grants, many),
    )
    assert 1_500 < len(token) < 2_500


@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA"])
def test_kind_of_token_is_taken_for_no_other(lab_settings: Settings, algorithm: Algorithm) -> None:
    keyring = Keyring(lab_settings.secret_keys)
    access = AccessTokens(keyring, algorithm)
    others = [SignedTokens(keyring, "mfa", "mfa+jwt"), SignedTokens(keyring, "mfa", "at+jwt")]
    others.append(SignedTokens(keyring, "jwt", "mfa+jwt"))
    claims = {name: str(new_id()) for name in ("sub", "user_id", "tenant", "session")}
    token, _ = access.issue(user_id=new_id(), tenant_id=new_id(), session_id=new_id(), role="student", patterns=[])
    for other in others:
        with pytest.raises(Unauthenticated):
            access.verify(other.sign({**claims, "role": "admin"}, 60))
        with pytest.raises(TokenInvalid):
            other.read(token)


# --- where the token is read from ------------------------------------------------------------------------------------


async def test_token_may_come_as_a_cookie(client: httpx.AsyncClient, user: SignedIn) -> None:
    answer = await client.get("/lab/me", headers={"Cookie": f"theme=dark; collegium_access={user.token}"})

    assert answer.status_code == 200


async def test_cookie_without_its_prefix_does_not_count_over_https(
    client: httpx.AsyncClient, school: School, user: SignedIn
) -> None:
    address = f"https://{school.host}/api/v1/lab/me"

    plain = await client.get(address, headers={"Cookie": f"collegium_access={user.token}"})
    prefixed = await client.get(address, headers={"Cookie": f"__Host-collegium_access={user.token}"})

    assert (plain.status_code, prefixed.status_code) == (401, 200)


async def test_stale_cookie_does_not_shut_the_public_door(client: httpx.AsyncClient, user: SignedIn) -> None:
    cookie = {"Cookie": f"collegium_access={user.token[:-4]}AAAA"}

    assert (await client.get("/lab/open", headers=cookie)).json()["user_id"] is None
    assert (await client.get("/lab/me", headers=cookie)).status_code == 401


async def test_bearer_that_is_wrong_is_refused_at_the_public_door_too(client: httpx.AsyncClient) -> None:
    answer = await client.get("/lab/open", headers={"Authorization": "Bearer wrong"})

    assert answer.status_code == 401


@pytest.mark.parametrize("value", ["Basic abc", "Bearer", "", "bearer ", "Token x"])
async def test_other_authorization_is_nobody(client: httpx.AsyncClient, value: str) -> None:
    assert (await client.get("/lab/open", headers={"Authorization": value})).json()["user_id"] is None


@pytest.mark.parametrize("cookie", ["collegium_access", "collegium_access=", "a=b; =; collegium_access", '"'])
async def test_cookie_without_a_value_is_nobody(client: httpx.AsyncClient, cookie: str) -> None:
    assert (await client.get("/lab/open", headers={"Cookie": cookie})).json()["user_id"] is None
