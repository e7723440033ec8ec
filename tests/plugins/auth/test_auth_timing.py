"""Time tells nothing about who has an account (T12 of the security design): two hundred tries of each kind, in turn."""

from collections.abc import Awaitable, Callable
from statistics import median
from time import perf_counter

import httpx
import msgspec
import pytest

from kernel.testing import School
from tests.plugins.auth.people import fresh_email, make_user, sign_in

TRIES = 200
MOST_APART = 0.05
COST = 12
"""Of a hash, as in production: beside it, the rows of a new account weigh a hundredth."""
Ask = Callable[[httpx.AsyncClient, str], Awaitable[httpx.Response]]


async def _register(client: httpx.AsyncClient, email: str) -> httpx.Response:
    body = {"email": email, "password": "Wiese-im-Mai-7", "first_name": "Anna", "last_name": "Bauer"}
    return await client.post("/auth/register", json=body)


async def _forget(client: httpx.AsyncClient, email: str) -> httpx.Response:
    return await client.post("/auth/forgot-password", json={"email": email})


async def _guess(client: httpx.AsyncClient, email: str) -> httpx.Response:
    return await sign_in(client, email, "Not-the-password-1")


@pytest.mark.nightly
@pytest.mark.parametrize("ask", [_guess, _forget, _register])
async def test_known_and_unknown_take_as_long(school: School, monkeypatch: pytest.MonkeyPatch, ask: Ask) -> None:
    settings = msgspec.structs.replace(school.deployment.settings, password_hash_cost=COST)
    monkeypatch.setattr(school.deployment, "settings", settings)
    client, known = await school.client(), fresh_email(school)
    await make_user(school, email=known)
    durations: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(TRIES):
        # What one leaves to be done may weigh on the next: each comes first as often.
        for is_known in (turn % 2 == 0, turn % 2 == 1):
            email = known if is_known else fresh_email(school)
            began = perf_counter()
            await ask(client, email)
            durations[is_known].append(perf_counter() - began)
    one, other = median(durations[True]), median(durations[False])
    assert abs(one - other) <= MOST_APART * max(one, other), (one, other)
