"""Rate limits at the door: exact under a crowd over two processes, by whom they count, and what they tell."""

import asyncio
from argparse import Namespace
from typing import Any

import httpx
import pytest

from kernel import operations
from kernel.errors import RateLimited
from kernel.gate import Gate, Limit, LimitState, RedisUnavailable
from kernel.ids import new_id
from tests.kernel.conftest import Process, sign_in

BODY = {"name": "x"}
CROWD = 50


def rates(**per_minute: int) -> dict[str, Any]:
    """Return the settings of a tenant with these limits; the others are out of the way."""
    return {"security": {"rate_limits": {"api_per_minute": 1_000_000, **per_minute}}}


def counted(answers: list[httpx.Response]) -> dict[int, int]:
    """Return how many answers have each status."""
    statuses = [answer.status_code for answer in answers]
    return {status: statuses.count(status) for status in set(statuses)}


async def crowd(clients: list[httpx.AsyncClient], method: str, path: str, **options: Any) -> list[httpx.Response]:
    """Return the answers to fifty requests that all start at the same moment."""
    start = asyncio.Event()

    async def one(number: int) -> httpx.Response:
        await start.wait()
        return await clients[number % len(clients)].request(method, path, **options)

    tasks = [asyncio.create_task(one(number)) for number in range(CROWD)]
    start.set()
    return await asyncio.gather(*tasks)


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [
        ("login_per_minute", "POST", "/lab/login"),
        ("redeem_per_minute", "POST", "/lab/redeem"),
        ("api_per_minute", "GET", "/lab/open"),
        ("api_per_minute", "GET", "/lab/me"),
    ],
)
async def test_limit_lets_exactly_so_many_of_a_crowd_through_two_processes(
    lab: Process, second_lab: Process, name: str, method: str, path: str
) -> None:
    school = await lab.school(rates(**{name: 5}))
    user = await sign_in(school, "student")
    clients = [await each.client(school) for each in (lab, second_lab)]
    headers = user.headers if path in ("/lab/me", "/lab/redeem") else {}

    answers = await crowd(clients, method, path, headers=headers, json=BODY if method == "POST" else None)

    assert counted(answers) == {200: 5, 429: CROWD - 5}
    for refused in (answer for answer in answers if answer.status_code == 429):
        assert refused.json()["code"] == "kernel.rate_limited"
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"]
        assert (refused.headers["RateLimit-Limit"], refused.headers["RateLimit-Remaining"]) == ("5", "0")
    remaining = sorted(int(answer.headers["RateLimit-Remaining"]) for answer in answers if answer.status_code == 200)
    assert remaining == [0, 1, 2, 3, 4]


async def test_limits_of_two_tenants_are_two(lab: Process) -> None:
    schools = [await lab.school(rates(login_per_minute=1)) for _ in range(2)]
    clients = [await lab.client(school) for school in schools]

    first = [await client.post("/lab/login", json=BODY) for client in clients]
    second = [await client.post("/lab/login", json=BODY) for client in clients]

    assert [answer.status_code for answer in (*first, *second)] == [200, 200, 429, 429]


async def test_anonymous_requests_count_by_address_and_others_by_user(lab: Process) -> None:
    school = await lab.school(rates(api_per_minute=1))
    here, there = await lab.client(school), await lab.client(school, address="198.51.100.7")
    users = [await sign_in(school, "student") for _ in range(2)]

    assert [(await client.get("/lab/open")).status_code for client in (here, here, there)] == [200, 429, 200]
    statuses = [
        (await client.get("/lab/me", headers=user.headers)).status_code
        for client, user in ((here, users[0]), (there, users[0]), (here, users[1]))
    ]
    assert statuses == [200, 429, 200]


async def test_addresses_of_one_line_count_as_one(lab: Process) -> None:
    """Whoever has one IPv6 address has 2^64: each would begin anew to guess passwords."""
    school = await lab.school(rates(login_per_minute=1))
    addresses = ("2001:db8:1:2::7", "2001:db8:1:2:ffff::8", "2001:db8:1:3::7", "::ffff:198.51.100.9", "198.51.100.9")
    clients = [await lab.client(school, address=each) for each in addresses]

    answers = [await client.post("/lab/login", json=BODY) for client in clients]

    assert [answer.status_code for answer in answers] == [200, 429, 200, 200, 429]


async def test_redeeming_counts_per_user_and_per_address(lab: Process) -> None:
    school = await lab.school(rates(redeem_per_minute=2))
    here, there = await lab.client(school), await lab.client(school, address="198.51.100.7")
    first, second, third = [await sign_in(school, "student") for _ in range(3)]

    async def status(client: httpx.AsyncClient, headers: dict[str, str]) -> int:
        return (await client.post("/lab/redeem", headers=headers, json=BODY)).status_code

    assert [await status(here, first.headers), await status(here, second.headers)] == [200, 200]
    assert await status(here, third.headers) == 429
    assert [await status(there, first.headers), await status(there, first.headers)] == [200, 429]


async def test_refused_attempt_counts_too_so_that_hammering_never_pays(lab: Process) -> None:
    school = await lab.school(rates(login_per_minute=2))
    client = await lab.client(school)
    for _ in range(6):
        await client.post("/lab/login", json=BODY)

    key = f"t:{school.id}:limit:login:address:203.0.113.9"
    assert await lab.deployment.redis.zcard(key) == 6
    assert 0 < await lab.deployment.redis.pttl(key) <= 60_000


async def test_hammering_is_kept_within_bounds(lab: Process) -> None:
    school = await lab.school(rates(login_per_minute=2))
    clients = [await lab.client(school)]

    await crowd(clients, "POST", "/lab/login", json=BODY)

    assert await lab.deployment.redis.zcard(f"t:{school.id}:limit:login:address:203.0.113.9") == 8


async def test_answer_tells_how_the_limit_stands(lab: Process) -> None:
    client = await lab.client(await lab.school(rates(login_per_minute=1_000)))

    answer = await client.post("/lab/login", json=BODY)

    assert {name: value for name, value in answer.headers.items() if name.startswith(("ratelimit", "retry"))} == {
        "ratelimit-limit": "1000",
        "ratelimit-remaining": "999",
        "ratelimit-reset": "60",
    }


async def test_limits_of_a_tenant_change_at_once_in_every_process(lab: Process, second_lab: Process) -> None:
    school = await lab.school(rates(login_per_minute=1_000))
    client = await second_lab.client(school)
    await client.post("/lab/login", json=BODY)

    setting = "security.rate_limits.login_per_minute=7"
    await operations.set_tenant_settings(lab.deployment, Namespace(slug=school.tenant.slug, settings=[setting]))
    told = [(await client.post("/lab/login", json=BODY)).headers["RateLimit-Limit"] for _ in range(2)]

    # The request that learns of the change is still counted by the old limit.
    assert told == ["1000", "7"]


async def test_counting_one_more_thing_refuses_when_the_limit_is_used_up(lab: Process) -> None:
    tenant_id, limit = new_id(), Limit("account:x", "log", 2)
    for _ in range(2):
        await lab.deployment.gate.count(tenant_id, limit)

    with pytest.raises(RateLimited) as refusal:
        await lab.deployment.gate.count(tenant_id, limit)

    assert refusal.value.headers["RateLimit-Limit"] == "2"
    assert 1 <= int(refusal.value.headers["Retry-After"]) <= 60


async def test_gate_survives_that_redis_forgets_its_script(lab: Process) -> None:
    tenant_id, limit = new_id(), Limit("x", "gcra", 100)
    await lab.deployment.gate.count(tenant_id, limit)
    await lab.deployment.redis.script_flush()

    admission = await lab.deployment.gate.admit(tenant_id, None, [limit])

    assert admission.limit is not None
    assert (admission.limit.allowed, admission.limit.remaining) == (True, 98)


async def test_gate_admits_by_the_tightest_of_its_limits(lab: Process) -> None:
    wide, narrow = Limit("wide", "gcra", 100), Limit("narrow", "log", 3)

    admission = await lab.deployment.gate.admit(new_id(), None, [wide, narrow])

    assert admission.limit is not None
    assert (admission.limit.limit, admission.limit.allowed, admission.limit.remaining) == (3, True, 2)


async def test_gate_without_a_limit_counts_nothing(lab: Process) -> None:
    assert (await lab.deployment.gate.admit(new_id(), None, [])).limit is None


async def test_gate_says_when_redis_does_not_answer(lab: Process, tmp_path: object) -> None:
    redis = type(lab.deployment.redis).from_url(f"unix://{tmp_path}/nobody.sock")
    gate = Gate(redis)

    with pytest.raises(RedisUnavailable):
        await gate.count(new_id(), Limit("x", "log", 1))
    await redis.aclose()


@pytest.mark.parametrize(("wait_ms", "seconds"), [(1, "1"), (1000, "1"), (1001, "2"), (60_000, "60")])
def test_headers_round_the_wait_up(wait_ms: int, seconds: str) -> None:
    assert LimitState(5, allowed=False, remaining=0, wait_ms=wait_ms).headers() == {
        "RateLimit-Limit": "5",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": seconds,
        "Retry-After": seconds,
    }
