"""What must count once although two processes are asked at the same time (T6): refresh tokens, codes, passkeys."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import UUID

import httpx
import pytest

from kernel.app import create_deployment
from kernel.db import Db
from kernel.settings import Settings
from kernel.testing import PASSWORD, FakeClock, School, SchoolFactory
from kernel.testing.apps import App
from plugins.auth.queries import second_factors
from plugins.auth.queries.second_factors import Factors
from tests.plugins.auth.authenticator import Authenticator
from tests.plugins.auth.people import codes_of, living_sessions, sign_in, signed_in
from tests.plugins.auth.test_auth_passkeys import options_to_sign_in, owner_of_passkey, use
from tests.plugins.auth.test_auth_second_factors import code_of, enrolled, second_step

TURNS = range(3)


@pytest.fixture(scope="module")
async def other_process(database: str, settings: Settings) -> AsyncIterator[App]:
    """A second process of the same deployment, with connections and caches of its own."""
    async with AsyncExitStack() as stack:
        deployment = create_deployment(settings)
        stack.push_async_callback(deployment.close)
        await deployment.open()
        yield App(deployment, stack)


@pytest.fixture
async def browsers(school: School, other_process: App) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Six browsers of the school, every other one of which asks the other process."""
    async with AsyncExitStack() as stack:
        base_url = f"http://{school.host}/api/v1"
        transport = httpx.ASGITransport(app=other_process.asgi)
        yield [
            await school.client()
            if number % 2
            else await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url=base_url))
            for number in range(6)
        ]


@pytest.mark.parametrize("turn", TURNS)
async def test_refreshing_in_both_keeps_the_family_and_a_replay_ends_it(
    school: School, browsers: list[httpx.AsyncClient], turn: int
) -> None:
    _, answer = await signed_in(school)
    first, user_id = {"refresh_token": answer["refresh_token"]}, answer["user"]["id"]
    answers = await asyncio.gather(*(each.post("/auth/refresh", json=first) for each in browsers))
    assert [each.status_code for each in answers] == [200] * 6
    (successor,) = {each.json()["refresh_token"] for each in answers}
    second = {"refresh_token": successor}
    answers = await asyncio.gather(*(each.post("/auth/refresh", json=second) for each in browsers))
    assert [each.status_code for each in answers] == [200] * 6
    assert len(await living_sessions(school, user_id)) == 1
    # Older than the immediate predecessor: somebody else has it.
    access = {"Authorization": f"Bearer {answers[0].json()['access_token']}"}
    replays = await asyncio.gather(*(each.post("/auth/refresh", json=first) for each in browsers))
    assert codes_of(*replays) == [(401, "auth.session_revoked")] * 6
    assert await living_sessions(school, user_id) == []
    for each in browsers[:2]:
        assert (await each.get("/users/me", headers=access)).status_code == 401


@pytest.mark.parametrize("turn", TURNS)
async def test_code_of_the_app_counts_once_in_both(
    school: School, browsers: list[httpx.AsyncClient], fake_clock: FakeClock, turn: int
) -> None:
    owner = await enrolled(school, fake_clock)
    tokens = [(await owner.first_step())[1] for _ in browsers]
    code = code_of(owner.secret)
    answers = await asyncio.gather(
        *(second_step(each, token, code) for each, token in zip(browsers, tokens, strict=True))
    )
    assert sorted(each.status_code for each in answers) == [200] + [401] * 5


@pytest.mark.parametrize("turn", TURNS)
async def test_recovery_code_counts_once_in_both(
    school: School, browsers: list[httpx.AsyncClient], fake_clock: FakeClock, turn: int
) -> None:
    owner = await enrolled(school, fake_clock)
    tokens = [(await owner.first_step())[1] for _ in browsers]
    answers = await asyncio.gather(
        *(second_step(each, token, owner.recovery_codes[0]) for each, token in zip(browsers, tokens, strict=True))
    )
    assert sorted(each.status_code for each in answers) == [200] + [401] * 5


@pytest.mark.parametrize("turn", TURNS)
async def test_first_step_is_finished_once_in_both_although_two_codes_are_right(
    school: School, browsers: list[httpx.AsyncClient], fake_clock: FakeClock, turn: int
) -> None:
    owner = await enrolled(school, fake_clock)
    _, token = await owner.first_step()
    answers = await asyncio.gather(
        *(second_step(each, token, code) for each, code in zip(browsers[:5], owner.recovery_codes[:5], strict=True))
    )
    assert sorted(each.status_code for each in answers) == [200] + [401] * 4
    left = (await owner.client.get("/auth/mfa")).json()["recovery_codes_left"]
    # What was refused has used nothing up.
    assert left == 9


@pytest.mark.parametrize("turn", TURNS)
async def test_counter_of_a_passkey_counts_once_in_both(
    school: School, browsers: list[httpx.AsyncClient], turn: int
) -> None:
    owner = await owner_of_passkey(school)
    device: Authenticator = owner.device
    credentials = []
    for each in browsers:
        options = await options_to_sign_in(each)
        device.kept[0].count = 1
        credentials.append(device.use(options))
    answers = await asyncio.gather(*(use(each, signed) for each, signed in zip(browsers, credentials, strict=True)))
    assert sorted(each.status_code for each in answers) == [200] + [401] * 5


@pytest.mark.parametrize("turn", TURNS)
async def test_nobody_slips_in_while_a_second_factor_is_set_up(
    school: School, browsers: list[httpx.AsyncClient], turn: int
) -> None:
    client, answer = await signed_in(school)
    email, user_id = answer["user"]["email"], answer["user"]["id"]
    secret = (await client.post("/auth/mfa/totp", json={"password": PASSWORD})).json()["secret"]
    confirmed, *others = await asyncio.gather(
        client.post("/auth/mfa/totp/confirm", json={"code": code_of(secret)}),
        *(sign_in(each, email) for each in browsers),
    )
    assert confirmed.status_code == 200
    # Whoever was let in before is out again; whoever came after owes the second factor, or starts anew.
    assert {each.status_code for each in others} <= {200, 401}
    assert len(await living_sessions(school, user_id)) == 1
    assert (await client.get("/users/me")).status_code == 200


async def test_nobody_slips_in_who_was_found_without_a_second_factor_before(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, answer = await signed_in(school)
    secret = (await client.post("/auth/mfa/totp", json={"password": PASSWORD})).json()["secret"]
    found, go = asyncio.Event(), asyncio.Event()
    real = second_factors.factors_of

    async def slowly(db: Db, user_id: UUID) -> Factors:
        factors = await real(db, user_id)
        if not found.is_set():
            found.set()
            await go.wait()
        return factors

    monkeypatch.setattr(second_factors, "factors_of", slowly)
    waiting = asyncio.create_task(sign_in(await school.client(), answer["user"]["email"]))
    await found.wait()
    assert (await client.post("/auth/mfa/totp/confirm", json={"code": code_of(secret)})).status_code == 200
    go.set()
    assert codes_of(await waiting) == [(401, "auth.bad_credentials")]
    assert len(await living_sessions(school, answer["user"]["id"])) == 1


@pytest.mark.parametrize("turn", TURNS)
async def test_last_second_factor_stays_where_two_are_removed_at_once(new_school: SchoolFactory, turn: int) -> None:
    school = await new_school(settings={"auth": {"mfa_required_for": ["student"]}})
    owner = await owner_of_passkey(school)
    secret = (await owner.client.post("/auth/mfa/totp", json={"password": PASSWORD})).json()["secret"]
    assert (await owner.client.post("/auth/mfa/totp/confirm", json={"code": code_of(secret)})).status_code == 200
    body = {"password": PASSWORD}
    answers = await asyncio.gather(
        owner.client.request("DELETE", "/auth/mfa/totp", json=body),
        owner.client.request("DELETE", f"/auth/passkeys/{owner.passkey['id']}", json=body),
    )
    assert sorted(each.status_code for each in answers) == [204, 409]
    assert len((await owner.client.get("/auth/mfa")).json()["methods"]) == 2
