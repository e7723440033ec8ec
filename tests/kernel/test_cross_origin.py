"""CORS: a listed origin may use the API with tokens; its cookies count for nothing; others stay outside."""

import httpx
import msgspec
import pytest

from kernel.categories import SECURITY, SecuritySettings
from kernel.testing import School
from tests.kernel.conftest import Process, sign_in

LISTED = "https://app.example"
LISTING = {"security": {"cors_origins": [LISTED, "http://localhost:5173"]}}


@pytest.fixture
async def school(lab: Process) -> School:
    return await lab.school({"security": {**LISTING["security"], "rate_limits": {"api_per_minute": 1000}}})


def _cors(answer: httpx.Response) -> dict[str, str]:
    return {
        name.removeprefix("access-control-"): value
        for name, value in answer.headers.items()
        if name.startswith("access-control-")
    }


async def test_a_listed_origin_reads_and_writes_with_a_token(client: httpx.AsyncClient, school: School) -> None:
    admin = await sign_in(school, "admin")
    headers = {**admin.headers, "Origin": LISTED, "Sec-Fetch-Site": "cross-site"}

    read = await client.get("/lab/things", headers=headers)
    made = await client.post("/lab/things", json={"name": "a"}, headers=headers)

    assert (read.status_code, made.status_code) == (200, 201)
    assert _cors(made)["allow-origin"] == LISTED
    assert {"x-request-id", "upload-offset"} <= set(_cors(made)["expose-headers"].split(", "))
    assert made.headers["vary"] == "Origin"


async def test_refusals_can_be_read_by_a_listed_origin_too(client: httpx.AsyncClient) -> None:
    answer = await client.get("/lab/me", headers={"Origin": LISTED})

    assert (answer.status_code, _cors(answer)["allow-origin"]) == (401, LISTED)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_cookies_of_a_request_from_a_listed_origin_count_for_nothing(
    client: httpx.AsyncClient, school: School, method: str
) -> None:
    admin = await sign_in(school, "admin")
    client.cookies.set("collegium_access", admin.token)
    assert (await client.get("/lab/things")).status_code == 200

    answer = await client.request(
        method, "/lab/things", json={"name": "a"} if method == "POST" else None, headers={"Origin": LISTED}
    )

    assert (answer.status_code, answer.json()["code"]) == (401, "kernel.unauthenticated")


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "http://app.example", "https://app.example:444", "https://app.example.evil.example",
        "https://APP.example", "null", "https://app.example/", "https://x.app.example",
    ],
)  # fmt: skip
async def test_any_other_origin_stays_outside(client: httpx.AsyncClient, school: School, origin: str) -> None:
    admin = await sign_in(school, "admin")
    headers = {**admin.headers, "Origin": origin}

    written = await client.post("/lab/things", json={"name": "a"}, headers=headers)
    read = await client.get("/lab/things", headers=headers)
    asked = await client.options("/lab/things", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})

    assert (written.status_code, written.json()["code"]) == (403, "kernel.foreign_origin")
    assert (read.status_code, read.headers["vary"]) == (200, "Origin")
    assert [_cors(each) for each in (written, read, asked)] == [{}, {}, {}]


async def test_what_one_school_lists_is_listed_for_no_other(lab: Process) -> None:
    elsewhere = await lab.school()
    client = await lab.client(elsewhere, Origin=LISTED)

    assert _cors(await client.get("/lab/open")) == {}
    assert "vary" not in (await client.get("/lab/open")).headers


async def test_a_preflight_is_answered_without_a_credential_or_a_count(lab: Process) -> None:
    school = await lab.school({"security": {**LISTING["security"], "rate_limits": {"api_per_minute": 1}}})
    client = await lab.client(school)
    headers = {"Origin": LISTED, "Access-Control-Request-Method": "POST"}

    answers = [await client.options("/lab/things", headers=headers) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [204] * 3
    found = _cors(answers[-1])
    assert (found["allow-origin"], found["max-age"]) == (LISTED, "600")
    assert {"GET", "POST"} <= set(found["allow-methods"].split(", "))
    assert {"authorization", "content-type", "idempotency-key"} <= set(found["allow-headers"].split(", "))


@pytest.mark.parametrize(
    "origin", ["*", "app.example", "https://app.example/", "https://*.example", "HTTPS://app.example", "https://a b"]
)
def test_only_exact_origins_can_be_listed(origin: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"cors_origins": [origin]}, SecuritySettings)
    assert SECURITY.kind is SecuritySettings
