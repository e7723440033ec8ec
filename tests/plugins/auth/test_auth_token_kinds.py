"""Each kind of token at the door of each other kind (T8): none is ever taken for another."""

import re
from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx

from kernel.storage import sign_media_url
from kernel.testing import PASSWORD, FakeClock, School
from plugins.auth.actions import mail_tokens
from plugins.auth.schemas.texts import TokenPurpose
from tests.plugins.auth.people import codes_of, fresh_email, make_user, signed_in
from tests.plugins.auth.test_auth_second_factors import code_of, enrolled, second_step

MAILED = re.compile("[A-Za-z0-9_-]{1,100}")
NEW = "Wiese-im-Mai-7"
Door = Callable[[httpx.AsyncClient, str], Awaitable[httpx.Response]]


async def _as_bearer(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get("/users/me", headers={"Authorization": f"Bearer {token}"})


async def _as_cookie(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get("/users/me", headers={"Cookie": f"collegium_access={token}"})


async def _to_refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/auth/refresh", json={"refresh_token": token})


async def _to_refresh_by_cookie(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/auth/refresh", headers={"Cookie": f"collegium_refresh={token}"})


async def _to_finish(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await second_step(client, token, "000000")


async def _to_verify(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/auth/verify-email", json={"token": token})


async def _to_reset(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/auth/reset-password", json={"token": token, "password": NEW})


DOORS: dict[str, tuple[Door, tuple[int, str]]] = {
    "access": (_as_bearer, (401, "kernel.unauthenticated")),
    "access cookie": (_as_cookie, (401, "kernel.unauthenticated")),
    "refresh": (_to_refresh, (401, "auth.refresh_invalid")),
    "refresh cookie": (_to_refresh_by_cookie, (401, "auth.refresh_invalid")),
    "mfa": (_to_finish, (401, "auth.mfa_token_invalid")),
    "verification": (_to_verify, (400, "auth.token_invalid")),
    "reset": (_to_reset, (400, "auth.token_invalid")),
}


async def mailed(school: School, user_id: UUID, email: str, purpose: TokenPurpose) -> str:
    """Return the secret of a link that is mailed."""
    async with school.db() as db:
        link = await mail_tokens.issue(db, user_id, purpose, email)
    assert link is not None
    return link.partition("#token=")[2]


async def test_no_kind_of_token_is_taken_for_another(school: School, fake_clock: FakeClock) -> None:
    owner = await enrolled(school, fake_clock)
    client, mfa_token = await owner.first_step()
    _, answer = await signed_in(school)
    user_id, email = UUID(answer["user"]["id"]), answer["user"]["email"]
    claims = school.deployment.tokens.verify(answer["access_token"])
    media = sign_media_url(
        school.deployment.keyring,
        tenant_id=school.id,
        user_id=user_id,
        session_id=claims.session,
        key=f"{school.id}/{user_id}.mp4",
        expires_at=fake_clock.now(),
        content_type="video/mp4",
    )
    kinds = {
        "access": answer["access_token"],
        "refresh": answer["refresh_token"],
        "mfa": mfa_token,
        "verification": await mailed(school, user_id, email, "verification"),
        "reset": await mailed(school, user_id, email, "reset"),
        "invitation": await mailed(school, user_id, email, "invitation"),
        "media": media.rpartition("=")[2],
    }
    fresh = await school.client()
    taken = {
        (kind, door): codes_of(await ask(fresh, token))[0]
        for kind, token in kinds.items()
        for door, (ask, _) in DOORS.items()
        if not door.startswith(kind)
    }
    # What does not even look like a mailed secret is refused for that.
    shapeless = {
        (kind, door)
        for kind, door in taken
        if DOORS[door][1][1] == "auth.token_invalid" and not MAILED.fullmatch(kinds[kind])
    }
    expected = {(kind, door): DOORS[door][1] for kind, door in taken}
    assert taken == expected | dict.fromkeys(shapeless, (400, "kernel.invalid"))
    # Each of them was a good one: at its own door it counts.
    assert (await _as_bearer(fresh, kinds["access"])).status_code == 200
    assert (await _to_refresh(fresh, kinds["refresh"])).status_code == 200
    assert (await second_step(client, mfa_token, code_of(owner.secret))).status_code == 200
    assert (await _to_verify(fresh, kinds["verification"])).status_code == 204
    assert (await _to_reset(fresh, kinds["reset"])).status_code == 204


async def test_no_token_counts_at_another_school(school: School, other_school: School, fake_clock: FakeClock) -> None:
    owner = await enrolled(school, fake_clock)
    _, mfa_token = await owner.first_step()
    email = fresh_email(school)
    user_id = await make_user(school, email=email)
    answer = (await (await school.client()).post("/auth/login", json={"email": email, "password": PASSWORD})).json()
    kinds = {
        "access": answer["access_token"],
        "access cookie": answer["access_token"],
        "refresh": answer["refresh_token"],
        "refresh cookie": answer["refresh_token"],
        "mfa": mfa_token,
        "verification": await mailed(school, user_id, email, "verification"),
        "reset": await mailed(school, user_id, email, "reset"),
    }
    stranger = await other_school.client()
    for kind, token in kinds.items():
        ask, refusal = DOORS[kind]
        assert codes_of(await ask(stranger, token)) == [refusal], kind
