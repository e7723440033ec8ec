"""Passkeys: made, used alone and after a password, and every way in which an answer of a browser can be wrong."""

import asyncio
import json
import random
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import bindparam, select, update

from kernel.testing import PASSWORD, FakeClock, School, SchoolFactory
from plugins.auth.passkeys import RelyingParty, relying_party
from plugins.auth.tables import FailedLogin, Passkey, Session, User
from tests.plugins.auth.authenticator import (
    BACKED_UP,
    BACKUP_ELIGIBLE,
    PRESENT,
    VERIFIED,
    Authenticator,
    decoded,
    encoded,
)
from tests.plugins.auth.conftest import Browser
from tests.plugins.auth.people import codes_of, fresh_email, living_sessions, make_user, sign_in, signed_in
from tests.plugins.auth.test_auth_second_factors import code_of, enrolled, second_step

_REASONS = select(FailedLogin.reason).where(FailedLogin.user_id == bindparam("user")).order_by(FailedLogin.id)
_METHODS = select(Session.method).where(Session.user_id == bindparam("user")).order_by(Session.id)
_COUNT = select(Passkey.sign_count).where(Passkey.user_id == bindparam("user"))
_SET_STATUS = update(User).where(User.id == bindparam("user")).values(status=bindparam("new_status"))


class Owner:
    """Somebody with a passkey."""

    def __init__(self, school: School, client: httpx.AsyncClient, user: dict[str, Any], device: Authenticator) -> None:
        self.school, self.client, self.device = school, client, device
        self.id, self.email = UUID(user["id"]), user["email"]
        self.passkey: dict[str, Any] = {}
        self.recovery_codes: list[str] = []


async def options_to_make(client: httpx.AsyncClient) -> dict[str, Any]:
    """Ask for what a browser needs to make a passkey."""
    answer = await client.post("/auth/passkeys/options", json={"password": PASSWORD})
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()["public_key"]
    return options


async def make(client: httpx.AsyncClient, credential: dict[str, Any], name: str = "Phone") -> httpx.Response:
    """Send a passkey that was made."""
    return await client.post("/auth/passkeys", json={"name": name, "credential": credential})


async def owner_of_passkey(school: School, role: str = "student", **device: Any) -> Owner:
    """Make somebody with a passkey."""
    client, answer = await signed_in(school, role)
    owner = Owner(school, client, answer["user"], Authenticator(school.tenant.url(""), **device))
    made = await make(client, owner.device.make(await options_to_make(client)))
    assert made.status_code == 201, made.text
    owner.passkey, owner.recovery_codes = made.json()["passkey"], made.json()["recovery_codes"]
    return owner


async def options_to_sign_in(client: httpx.AsyncClient, **body: str) -> dict[str, Any]:
    """Ask for what a browser needs to use a passkey."""
    answer = await client.post("/auth/passkeys/sign-in/options", json=body)
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()["public_key"]
    return options


async def use(client: httpx.AsyncClient, credential: dict[str, Any], **body: str) -> httpx.Response:
    """Send what a passkey has signed."""
    return await client.post("/auth/passkeys/sign-in", json={"credential": credential, **body})


async def reasons(owner: Owner) -> list[str]:
    """Return why sign-ins were refused."""
    async with owner.school.db() as db:
        return await db.values(_REASONS, user=owner.id)


# --- who we are to a browser -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "party"),
    [
        ("https://school.example", RelyingParty("school.example", "https://school.example")),
        ("https://school.example:8443", RelyingParty("school.example", "https://school.example:8443")),
        ("http://127.0.0.1:8000", RelyingParty("localhost", "http://localhost:8000")),
        ("http://[::1]:8000", RelyingParty("localhost", "http://localhost:8000")),
    ],
)
def test_relying_party_is_the_tenants_own_address(address: str, party: RelyingParty) -> None:
    class Stored:
        def url(self, path: str) -> str:
            return address + path

    assert relying_party(Stored()) == party  # type: ignore[arg-type]


# --- making ----------------------------------------------------------------------------------------------------------


async def test_browser_is_asked_for_a_passkey_that_verifies_its_owner(school: School) -> None:
    client, answer = await signed_in(school)
    options = await options_to_make(client)
    assert options["rp"] == {"id": school.host, "name": "School"}
    assert (options["user"]["name"], options["user"]["displayName"]) == (answer["user"]["email"], "Sami Aziz")
    assert options["user"]["id"] == encoded(UUID(answer["user"]["id"]).bytes)
    chosen = options["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"], options["attestation"]) == (
        "required",
        "required",
        "none",
    )
    assert options["excludeCredentials"] == []


@pytest.mark.parametrize("algorithm", [-7, -8])
async def test_passkey_is_made_named_and_listed(school: School, algorithm: int) -> None:
    owner = await owner_of_passkey(school, algorithm=algorithm)
    assert (owner.passkey["name"], owner.passkey["last_used_at"]) == ("Phone", None)
    assert len(set(owner.recovery_codes)) == 10
    page = (await owner.client.get("/auth/passkeys")).json()
    assert page == {"items": [owner.passkey], "total": 1, "limit": 20, "offset": 0}
    assert (await owner.client.get("/auth/passkeys?offset=1")).json()["items"] == []
    renamed = await owner.client.patch(f"/auth/passkeys/{owner.passkey['id']}", json={"name": " Old phone "})
    assert renamed.json()["name"] == "Old phone"
    state = (await owner.client.get("/auth/mfa")).json()
    assert (state["totp"], state["passkeys"], state["methods"]) == (False, 1, ["passkey", "recovery_code"])


async def test_second_passkey_gives_no_more_recovery_codes(school: School) -> None:
    owner = await owner_of_passkey(school)
    options = await options_to_make(owner.client)
    assert [each["id"] for each in options["excludeCredentials"]] == [encoded(owner.device.kept[0].id)]
    second = await make(owner.client, owner.device.make(options), "Laptop")
    assert second.json()["recovery_codes"] == []
    names = [each["name"] for each in (await owner.client.get("/auth/passkeys")).json()["items"]]
    assert names == ["Phone", "Laptop"]


async def test_making_and_removing_end_the_other_sessions(school: School) -> None:
    client, answer = await signed_in(school)
    other = await school.client()
    await sign_in(other, answer["user"]["email"])
    device = Authenticator(school.tenant.url(""))
    made = (await make(client, device.make(await options_to_make(client)))).json()
    assert ((await client.get("/users/me")).status_code, (await other.get("/users/me")).status_code) == (200, 401)
    assert (await use(other, device.use(await options_to_sign_in(other)))).status_code == 200
    gone = await client.request("DELETE", f"/auth/passkeys/{made['passkey']['id']}", json={"password": PASSWORD})
    assert gone.status_code == 204
    assert ((await client.get("/users/me")).status_code, (await other.get("/users/me")).status_code) == (200, 401)


async def test_making_and_removing_ask_for_the_password(school: School) -> None:
    owner = await owner_of_passkey(school)
    answers = [
        await owner.client.post("/auth/passkeys/options", json={"password": "Wrong-one-77"}),
        await owner.client.request("DELETE", f"/auth/passkeys/{owner.passkey['id']}", json={}),
    ]
    assert codes_of(*answers) == [(403, "auth.wrong_password")] * 2
    assert len((await owner.client.get("/auth/passkeys")).json()["items"]) == 1


async def test_challenge_to_make_counts_once_for_whom_it_was_made(school: School) -> None:
    owner = await owner_of_passkey(school)
    stranger, _ = await signed_in(school)
    second_browser = await school.client()
    assert (await use(second_browser, owner.device.use(await options_to_sign_in(second_browser)))).status_code == 200
    for other in (stranger, second_browser):
        stolen = owner.device.make(await options_to_make(owner.client))
        assert codes_of(await make(other, stolen)) == [(401, "auth.passkey_refused")]
    made = owner.device.make(await options_to_make(owner.client))
    assert (await make(owner.client, made)).status_code == 201
    assert codes_of(await make(owner.client, made)) == [(401, "auth.passkey_refused")]
    # A challenge to sign in makes no passkey.
    wrong = {**await options_to_make(owner.client), **await options_to_sign_in(owner.client)}
    wrong["challenge"] = (await options_to_sign_in(owner.client))["challenge"]
    assert codes_of(await make(owner.client, owner.device.make(wrong))) == [(401, "auth.passkey_refused")]


async def test_passkey_belongs_to_one_account_of_a_school(school: School, other_school: School) -> None:
    owner = await owner_of_passkey(school)
    known = owner.device.kept[0].id
    client, _ = await signed_in(school)
    taken = owner.device.make(await options_to_make(client), credential_id=known)
    assert codes_of(await make(client, taken)) == [(409, "auth.passkey_known")]
    elsewhere, _ = await signed_in(other_school)
    device = Authenticator(other_school.tenant.url(""))
    theirs = device.make(await options_to_make(elsewhere), credential_id=known)
    assert (await make(elsewhere, theirs)).status_code == 201


async def test_account_has_at_most_twenty_passkeys(school: School) -> None:
    owner = await owner_of_passkey(school)
    for _ in range(19):
        made = await make(owner.client, owner.device.make(await options_to_make(owner.client)))
        assert made.status_code == 201
    refused = await owner.client.post("/auth/passkeys/options", json={"password": PASSWORD})
    assert codes_of(refused) == [(409, "auth.too_many_passkeys")]


@pytest.mark.parametrize("flags", [PRESENT, VERIFIED, 0])
async def test_passkey_that_does_not_verify_its_owner_is_not_kept(school: School, flags: int) -> None:
    client, _ = await signed_in(school)
    device = Authenticator(school.tenant.url(""), flags=flags)
    assert codes_of(await make(client, device.make(await options_to_make(client)))) == [(401, "auth.passkey_refused")]


async def test_passkey_made_elsewhere_is_not_kept(school: School, other_school: School) -> None:
    client, _ = await signed_in(school)
    for origin in (other_school.tenant.url(""), f"http://{school.host}", f"https://{school.host}:444", "null"):
        credential = Authenticator(origin).make(await options_to_make(client))
        assert codes_of(await make(client, credential)) == [(401, "auth.passkey_refused")]
    right = Authenticator(school.tenant.url(""))
    credential = right.make(await options_to_make(client), rp_id=other_school.host)
    assert codes_of(await make(client, credential)) == [(401, "auth.passkey_refused")]


# --- signing in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", [{}, {"algorithm": -8}, {"counts": False}])
async def test_passkey_alone_signs_in(school: School, device: dict[str, Any]) -> None:
    owner = await owner_of_passkey(school, **device)
    client = await school.client()
    for _ in range(2):
        options = await options_to_sign_in(client)
        assert (options["allowCredentials"], options["userVerification"]) == ([], "required")
        answer = await use(client, owner.device.use(options))
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (body["user"]["id"], "mfa_required" in body) == (str(owner.id), False)
        assert len(answer.headers.get_list("set-cookie")) == 2
    assert (await client.get("/users/me")).json()["id"] == str(owner.id)
    async with school.db() as db:
        assert await db.values(_METHODS, user=owner.id) == ["password", "passkey", "passkey"]
    assert (await owner.client.get("/auth/passkeys")).json()["items"][0]["last_used_at"] is not None


async def test_passkey_opens_an_account_whose_password_somebody_guesses(
    new_school: SchoolFactory, browser: Browser
) -> None:
    school = await new_school(settings={"security": {"rate_limits": {"login_per_minute": 5}}})
    owner = await owner_of_passkey(school)
    strangers = [await browser(school, address=f"203.0.113.{number}") for number in range(6)]
    guesses = [await sign_in(each, owner.email, "Wrong-one-77") for each in strangers]
    assert codes_of(guesses[-1]) == [(429, "kernel.rate_limited")]
    client = await browser(school, address="192.0.2.7")
    assert (await use(client, owner.device.use(await options_to_sign_in(client)))).status_code == 200


async def test_passkey_counts_for_both_factors(new_school: SchoolFactory) -> None:
    school = await new_school(settings={"auth": {"mfa_required_for": ["admin"]}})
    email = fresh_email(school)
    await make_user(school, "admin", email=email)
    client = await school.client()
    assert (await sign_in(client, email)).json()["mfa_enrolment_required"] is True
    device = Authenticator(school.tenant.url(""))
    made = (await make(client, device.make(await options_to_make(client)))).json()["passkey"]
    assert (await client.get("/users")).status_code == 200
    kept = await client.request("DELETE", f"/auth/passkeys/{made['id']}", json={"password": PASSWORD})
    assert codes_of(kept) == [(409, "auth.second_factor_needed")]
    other = await school.client()
    assert (await use(other, device.use(await options_to_sign_in(other)))).status_code == 200
    assert (await other.get("/users")).status_code == 200


async def test_passkey_is_the_second_factor_after_the_password(school: School) -> None:
    owner = await owner_of_passkey(school)
    client = await school.client()
    first = (await sign_in(client, owner.email)).json()
    assert first["methods"] == ["passkey", "recovery_code"]
    token = first["mfa_token"]
    options = await options_to_sign_in(client, mfa_token=token)
    assert [each["id"] for each in options["allowCredentials"]] == [encoded(owner.device.kept[0].id)]
    answer = await use(client, owner.device.use(options), mfa_token=token)
    assert (answer.status_code, answer.json()["user"]["id"]) == (200, str(owner.id))
    async with school.db() as db:
        assert await db.values(_METHODS, user=owner.id) == ["password", "password"]
    again = await use(client, owner.device.use(options), mfa_token=token)
    assert codes_of(again) == [(401, "auth.passkey_refused")]
    options = await options_to_sign_in(client, mfa_token=token)
    again = await use(client, owner.device.use(options), mfa_token=token)
    assert codes_of(again) == [(401, "auth.mfa_token_invalid")]


async def test_recovery_code_stands_in_for_a_lost_passkey(school: School) -> None:
    owner = await owner_of_passkey(school)
    client = await school.client()
    token = (await sign_in(client, owner.email)).json()["mfa_token"]
    assert (await second_step(client, token, owner.recovery_codes[0])).status_code == 200


async def test_passkey_of_somebody_else_is_no_second_factor(school: School) -> None:
    owner, other = await owner_of_passkey(school), await owner_of_passkey(school)
    client = await school.client()
    token = (await sign_in(client, owner.email)).json()["mfa_token"]
    own = await options_to_sign_in(client, mfa_token=token)
    refused = await use(client, other.device.use(own, other.device.kept[0]), mfa_token=token)
    assert codes_of(refused) == [(401, "auth.passkey_refused")]
    anyones = await options_to_sign_in(client)
    assert codes_of(await use(client, owner.device.use(anyones), mfa_token=token)) == [(401, "auth.passkey_refused")]
    own = await options_to_sign_in(client, mfa_token=token)
    assert codes_of(await use(client, owner.device.use(own))) == [(401, "auth.passkey_refused")]


async def test_app_and_passkey_stand_side_by_side(school: School, fake_clock: FakeClock) -> None:
    owner = await enrolled(school, fake_clock)
    device = Authenticator(school.tenant.url(""))
    made = (await make(owner.client, device.make(await options_to_make(owner.client)))).json()
    assert made["recovery_codes"] == []
    client, token = await owner.first_step()
    assert (await second_step(client, token, code_of(owner.secret))).status_code == 200
    assert (await owner.client.request("DELETE", "/auth/mfa/totp", json={"password": PASSWORD})).status_code == 204
    state = (await owner.client.get("/auth/mfa")).json()
    assert (state["methods"], state["recovery_codes_left"]) == (["passkey", "recovery_code"], 10)


@pytest.mark.parametrize("turn", range(3))
async def test_same_answer_sent_at_the_same_time_counts_once(school: School, turn: int) -> None:
    owner = await owner_of_passkey(school, counts=False)
    client = await school.client()
    credential = owner.device.use(await options_to_sign_in(client))
    answers = await asyncio.gather(*(use(client, credential) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 5


async def test_counter_that_does_not_grow_is_refused_and_noted(school: School) -> None:
    owner = await owner_of_passkey(school)
    client = await school.client()
    assert (await use(client, owner.device.use(await options_to_sign_in(client)))).status_code == 200
    async with school.db() as db:
        (before,) = await db.values(_COUNT, user=owner.id)
    for counted in (0, before - 1):
        owner.device.kept[0].count = counted - 1
        copied = owner.device.use(await options_to_sign_in(client))
        assert codes_of(await use(client, copied)) == [(401, "auth.passkey_copied")]
    assert await reasons(owner) == ["passkey_copied"] * 2
    owner.device.kept[0].count = before
    assert (await use(client, owner.device.use(await options_to_sign_in(client)))).status_code == 200


async def test_answer_that_is_not_for_us_is_refused_and_noted(school: School, other_school: School) -> None:
    owner = await owner_of_passkey(school)
    client = await school.client()
    key = owner.device.kept[0]
    owner.device.flags = PRESENT
    unverified = owner.device.use(await options_to_sign_in(client))
    owner.device.flags = PRESENT | VERIFIED
    owner.device.origin = other_school.tenant.url("")
    sibling = owner.device.use(await options_to_sign_in(client))
    owner.device.origin = school.tenant.url("")
    key.rp_id = other_school.host
    other_party = owner.device.use(await options_to_sign_in(client))
    key.rp_id = school.host
    key.user = UUID(int=7).bytes
    other_user = owner.device.use(await options_to_sign_in(client))
    key.user = owner.id.bytes
    altered = owner.device.use(await options_to_sign_in(client))
    altered["response"]["signature"] = encoded(bytes(70))
    answers = [await use(client, each) for each in (unverified, sibling, other_party, other_user, altered)]
    assert codes_of(*answers) == [(401, "auth.passkey_refused")] * 5
    assert await reasons(owner) == ["passkey_refused"] * 5
    assert len(await living_sessions(school, owner.id)) == 1


async def test_passkey_of_one_school_is_unknown_at_another(school: School, other_school: School) -> None:
    owner = await owner_of_passkey(school)
    client = await other_school.client()
    options = await options_to_sign_in(client)
    assert codes_of(await use(client, owner.device.use(options))) == [(401, "auth.passkey_refused")]
    # Nor does a challenge of the one count at the other.
    at_home = await options_to_sign_in(await school.client())
    assert codes_of(await use(client, owner.device.use(at_home))) == [(401, "auth.passkey_refused")]


async def test_removed_passkey_signs_nobody_in(school: School) -> None:
    owner = await owner_of_passkey(school)
    path = f"/auth/passkeys/{owner.passkey['id']}"
    stranger, _ = await signed_in(school)
    for method, body in (("PATCH", {"name": "Mine"}), ("DELETE", {"password": PASSWORD})):
        assert codes_of(await stranger.request(method, path, json=body)) == [(404, "kernel.not_found")]
    assert (await owner.client.request("DELETE", path, json={"password": PASSWORD})).status_code == 204
    client = await school.client()
    assert codes_of(await use(client, owner.device.use(await options_to_sign_in(client)))) == [
        (401, "auth.passkey_refused")
    ]
    assert "access_token" in (await sign_in(client, owner.email)).json()


async def test_suspended_owner_is_refused(school: School) -> None:
    owner = await owner_of_passkey(school)
    async with school.db() as db:
        await db.run(_SET_STATUS, user=owner.id, new_status="suspended")
    client = await school.client()
    assert codes_of(await use(client, owner.device.use(await options_to_sign_in(client)))) == [(403, "auth.suspended")]


async def test_admin_takes_lost_passkeys_away(school: School) -> None:
    owner = await owner_of_passkey(school)
    admin = await school.person("admin")
    assert (await admin.delete(f"/users/{owner.id}/mfa")).status_code == 204
    assert "access_token" in (await sign_in(await school.client(), owner.email)).json()


async def test_synchronised_passkey_says_so(school: School) -> None:
    owner = await owner_of_passkey(school, counts=False, flags=PRESENT | VERIFIED | BACKUP_ELIGIBLE | BACKED_UP)
    assert owner.passkey["backed_up"] is True


async def test_made_up_answers_are_refused_and_break_nothing(school: School) -> None:
    owner = await owner_of_passkey(school)
    client = await school.client()
    chance = random.Random(20261126)
    texts = ["", "A", "====", "é", "\u2028", "AAAA" * 2000, encoded(b"{}"), encoded(b"[" * 3000)]
    values: list[Any] = [None, 0, -1, 2**63, True, [], {}, [[]], {"a": {}}, *texts]
    statuses = set()
    for _ in range(60):
        options = await options_to_sign_in(client)
        credential = owner.device.use(options)
        wrong = json.loads(json.dumps(credential))
        where = chance.choice([wrong, wrong["response"], wrong["response"]])
        where[chance.choice(sorted(where))] = chance.choice(values)
        answer = await use(client, wrong)
        statuses.add((answer.status_code, answer.json().get("code", "")))
    bodies: list[dict[str, Any]] = [{}, {"response": None}, {"response": []}, {"response": {"clientDataJSON": []}}]
    for body in bodies:
        answer = await use(client, body)
        statuses.add((answer.status_code, answer.json()["code"]))
    # What is altered beside the signed parts (the attachment, extensions) leaves the answer genuine.
    assert statuses == {(401, "auth.passkey_refused"), (200, "")}


async def test_made_up_passkeys_are_refused_and_break_nothing(school: School) -> None:
    client, _ = await signed_in(school)
    chance = random.Random(20261127)
    device = Authenticator(school.tenant.url(""))
    found = set()
    for _ in range(30):
        credential = device.make(await options_to_make(client))
        attestation = bytearray(decoded(credential["response"]["attestationObject"]))
        for _ in range(chance.randint(1, 8)):
            attestation[chance.randrange(len(attestation))] = chance.randrange(256)
        credential["response"]["attestationObject"] = encoded(bytes(attestation[: chance.randint(1, len(attestation))]))
        answer = await make(client, credential)
        found.add(answer.status_code)
    assert found <= {201, 401, 409}
    assert 401 in found
