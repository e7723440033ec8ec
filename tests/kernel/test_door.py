"""The way in: tenant and host, origin, session, switched-off plugins, query and address of a request."""

from argparse import Namespace
from typing import Any

import httpx
import msgspec
import pytest

from kernel import operations
from kernel.db import Origin
from kernel.gate import session_key
from kernel.identity import SessionState
from kernel.ids import new_id
from kernel.settings import Settings
from kernel.strangers import MOST_PER_MINUTE
from kernel.testing import School
from tests.kernel.conftest import Process, process, sign_in
from tests.kernel.lab.statements import REVOKE_SESSION

THING = {"name": "thing"}


def code(answer: httpx.Response) -> str:
    """Return the code of a problem, or nothing."""
    return str(answer.json().get("code", "")) if "problem" in answer.headers["content-type"] else ""


def outcome(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and the code."""
    return answer.status_code, code(answer)


# --- guards ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "method", "path", "expected"),
    [
        ("", "GET", "/lab/open", (200, "")),
        ("", "GET", "/lab/me", (401, "kernel.unauthenticated")),
        ("", "GET", "/lab/things", (401, "kernel.unauthenticated")),
        ("", "POST", "/lab/things", (401, "kernel.unauthenticated")),
        ("stranger", "GET", "/lab/open", (200, "")),
        ("stranger", "GET", "/lab/me", (200, "")),
        ("stranger", "GET", "/lab/things", (403, "kernel.forbidden")),
        ("student", "GET", "/lab/things", (200, "")),
        ("student", "POST", "/lab/things", (403, "kernel.forbidden")),
        ("admin", "GET", "/lab/things", (200, "")),
        ("admin", "POST", "/lab/things", (201, "")),
    ],
)
async def test_guard_lets_in_whoever_may(
    school: School, client: httpx.AsyncClient, role: str, method: str, path: str, expected: tuple[int, str]
) -> None:
    headers = (await sign_in(school, role)).headers if role else {}

    answer = await client.request(method, path, headers=headers, json=THING if method == "POST" else None)

    assert outcome(answer) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/lab/pledge", (200, "")),
        ("/lab/me", (403, "kernel.session_restricted")),
        ("/lab/things", (403, "kernel.session_restricted")),
        ("/lab/nowhere", (404, "kernel.route_unknown")),
    ],
)
async def test_restricted_session_reaches_only_what_makes_it_a_full_one(
    school: School, client: httpx.AsyncClient, path: str, expected: tuple[int, str]
) -> None:
    novice = await sign_in(school, "novice")

    # The second time Redis knows the session.
    for _ in range(2):
        assert outcome(await client.get(path, headers=novice.headers)) == expected


async def test_restricted_session_is_nobody_at_public_doors(school: School, client: httpx.AsyncClient) -> None:
    novice = await sign_in(school, "novice")

    answer = await client.get("/lab/open", headers=novice.headers)

    assert (answer.status_code, answer.json()["user_id"], answer.json()["role"]) == (200, None, "")


async def test_handler_is_told_who_asks(school: School, client: httpx.AsyncClient) -> None:
    user = await sign_in(school, "student")

    answer = await client.get("/lab/me", headers={**user.headers, "X-Request-Id": "request-1234"})

    assert answer.json() == {
        "tenant": school.tenant.slug,
        "user_id": str(user.user_id),
        "role": "student",
        "address": "203.0.113.9",
        "request_id": "request-1234",
    }


# --- tenants and hosts -----------------------------------------------------------------------------------------------


async def test_token_of_another_tenant_is_refused(lab: Process, school: School, client: httpx.AsyncClient) -> None:
    stranger = await sign_in(await lab.school(), "admin")

    for path in ("/lab/open", "/lab/me", "/lab/things", f"/lab/things/{new_id()}"):
        assert outcome(await client.get(path, headers=stranger.headers)) == (401, "kernel.unauthenticated")


async def test_row_of_another_tenant_is_not_found(lab: Process, school: School, client: httpx.AsyncClient) -> None:
    other = await lab.school()
    theirs = await lab.client(other)
    made = await theirs.post("/lab/things", headers=(await sign_in(other, "admin")).headers, json=THING)
    mine = (await sign_in(school, "admin")).headers

    assert outcome(await client.get(f"/lab/things/{made.json()['id']}", headers=mine)) == (404, "kernel.not_found")
    assert (await client.get("/lab/things", headers=mine)).json()["total"] == 0


async def test_unknown_host_is_not_found_once_there_is_a_second_tenant(lab: Process, school: School) -> None:
    await lab.school()
    client = await lab.client(school)
    user = await sign_in(school, "admin")

    for headers in ({}, user.headers):
        answer = await client.get("http://elsewhere.test/api/v1/lab/open", headers=headers)
        assert outcome(answer) == (404, "kernel.tenant_unknown")


async def test_whoever_tries_host_after_host_is_refused_before_the_database_is_asked(
    lab: Process, school: School, query_count: Any
) -> None:
    await lab.school()
    client, other = await lab.client(school, address="198.51.100.1"), await lab.client(school, address="198.51.100.2")
    await other.get("/lab/open")
    tried = [await client.get(f"http://guess-{turn}.test/api/v1/lab/open") for turn in range(MOST_PER_MINUTE)]
    asked = query_count()
    refused = await client.get("http://another-guess.test/api/v1/lab/open")

    assert {outcome(answer) for answer in tried} == {(404, "kernel.tenant_unknown")}
    assert outcome(refused) == (429, "kernel.rate_limited")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert query_count() == asked
    # Schools that the process knows are open to them, and others may look for one.
    assert (await client.get("/lab/open")).status_code == 200
    assert outcome(await other.get("http://elsewhere.test/api/v1/lab/open")) == (404, "kernel.tenant_unknown")


async def test_only_tenant_answers_at_every_host_until_there_is_a_second(lone_lab: Process) -> None:
    transport = httpx.ASGITransport(app=lone_lab.app)
    async with httpx.AsyncClient(transport=transport) as client:
        first = await client.get("http://anything.test:8123/api/v1/lab/open")
        await operations.create_tenant(
            lone_lab.deployment, Namespace(slug="second", name="Second", hosts=["Second.test"])
        )
        then = await client.get("http://anything.test:8123/api/v1/lab/open")
        second = await client.get("http://second.test/api/v1/lab/open")

    assert (first.status_code, first.json()["tenant"]) == (200, "default")
    assert outcome(then) == (404, "kernel.tenant_unknown")
    assert (second.status_code, second.json()["tenant"]) == (200, "second")


@pytest.mark.parametrize("spelling", ["{host}:8443", "{host}.", "{host}.:80"])
async def test_host_may_be_spelt_with_a_port_or_a_final_dot(
    school: School, client: httpx.AsyncClient, spelling: str
) -> None:
    answer = await client.get("/lab/open", headers={"Host": spelling.format(host=school.host.upper())})

    assert (answer.status_code, answer.json()["tenant"]) == (200, school.tenant.slug)


async def test_tenant_that_is_switched_off_is_unknown_in_every_process_at_once(
    lab: Process, second_lab: Process, school: School
) -> None:
    clients = [await lab.client(school), await second_lab.client(school)]
    assert [(await client.get("/lab/open")).status_code for client in clients] == [200, 200]

    await operations.switch_tenant(lab.deployment, Namespace(slug=school.tenant.slug, active=False))
    assert [outcome(await client.get("/lab/open")) for client in clients] == [(404, "kernel.tenant_unknown")] * 2

    await operations.switch_tenant(lab.deployment, Namespace(slug=school.tenant.slug, active=True))
    assert [(await client.get("/lab/open")).status_code for client in clients] == [200, 200]


async def test_header_names_the_tenant_only_behind_a_trusted_proxy(lab_settings: Settings) -> None:
    behind = msgspec.structs.replace(lab_settings, tenant_header="X-School", trusted_proxies=("10.0.0.1",))
    async with process(behind) as lab:
        school, other = await lab.school(), await lab.school()
        proxy = await lab.client(school, address="10.0.0.1", X_School=other.tenant.slug)
        stranger = await lab.client(school, address="10.0.0.2", X_School=other.tenant.slug)
        user = await sign_in(school, "admin")

        assert (await proxy.get("/lab/open")).json()["tenant"] == other.tenant.slug
        for wrong in ("nobody", "No Slug", f"{other.tenant.slug}/x"):
            assert (await proxy.get("/lab/open", headers={"X-School": wrong})).status_code == 404
        assert (await stranger.get("/lab/open")).json()["tenant"] == school.tenant.slug
        assert outcome(await proxy.get("/lab/open", headers=user.headers)) == (401, "kernel.unauthenticated")


# --- plugins ---------------------------------------------------------------------------------------------------------


def switch(school: School, *, enable: tuple[str, ...] = (), disable: tuple[str, ...] = ()) -> Namespace:
    """Return the options of `tenants plugins`."""
    return Namespace(slug=school.tenant.slug, enable=list(enable), disable=list(disable), dry_run=False)


async def test_switched_off_plugin_is_gone_in_every_process_at_once(
    lab: Process, second_lab: Process, school: School
) -> None:
    clients = [await lab.client(school), await second_lab.client(school)]
    assert [(await client.get("/annex/open")).status_code for client in clients] == [200, 200]

    await operations.tenant_plugins(lab.deployment, switch(school, disable=("annex",)))
    assert [outcome(await client.get("/annex/open")) for client in clients] == [(404, "plugin_not_enabled")] * 2
    assert [(await client.get("/lab/open")).status_code for client in clients] == [200, 200]

    await operations.tenant_plugins(second_lab.deployment, switch(school, enable=("annex",)))
    assert [(await client.get("/annex/open")).status_code for client in clients] == [200, 200]


async def test_plugin_whose_requirement_is_switched_off_is_gone_too(
    lab: Process, school: School, client: httpx.AsyncClient
) -> None:
    await operations.tenant_plugins(lab.deployment, switch(school, disable=("lab",)))

    assert outcome(await client.get("/annex/open")) == (404, "plugin_not_enabled")


async def test_switching_a_plugin_off_leaves_other_tenants_alone(lab: Process, school: School) -> None:
    other = await lab.client(await lab.school())
    await operations.tenant_plugins(lab.deployment, switch(school, disable=("annex",)))

    assert (await other.get("/annex/open")).status_code == 200


# --- sessions --------------------------------------------------------------------------------------------------------


async def test_session_that_redis_lost_is_found_in_postgresql_and_kept_again(
    lab: Process, school: School, client: httpx.AsyncClient
) -> None:
    user = await sign_in(school, "student")
    key = session_key(school.id, user.session_id)
    assert await lab.deployment.redis.get(key) is None

    assert (await client.get("/lab/me", headers=user.headers)).status_code == 200
    kept = await lab.deployment.redis.get(key)
    assert msgspec.json.decode(kept or b"", type=SessionState) == SessionState(user.user_id, "student")

    await lab.deployment.redis.delete(key)
    assert (await client.get("/lab/me", headers=user.headers)).status_code == 200
    assert await lab.deployment.redis.get(key) == kept


async def test_session_in_redis_costs_no_query(school: School, client: httpx.AsyncClient, query_count: Any) -> None:
    user = await sign_in(school, "student")
    await client.get("/lab/me", headers=user.headers)
    before = query_count()

    assert (await client.get("/lab/me", headers=user.headers)).status_code == 200

    assert query_count() == before


async def test_revoked_session_is_refused_at_once_in_every_process(
    lab: Process, second_lab: Process, school: School
) -> None:
    user = await sign_in(school, "student")
    clients = [await lab.client(school, **user.headers), await second_lab.client(school, **user.headers)]
    assert [(await client.get("/lab/me")).status_code for client in clients] == [200, 200]

    async with school.db() as db:
        await db.run(REVOKE_SESSION, wanted=user.session_id)
    await lab.deployment.gate.forget_sessions(school.id, [user.session_id])

    assert [outcome(await client.get("/lab/me")) for client in clients] == [(401, "kernel.unauthenticated")] * 2


async def test_token_of_a_session_that_never_was_is_refused(school: School, client: httpx.AsyncClient) -> None:
    token, _ = school.deployment.tokens.issue(
        user_id=new_id(), tenant_id=school.id, session_id=new_id(), role="admin", patterns=[]
    )

    assert outcome(await client.get("/lab/things", headers={"Authorization": f"Bearer {token}"})) == (
        401,
        "kernel.unauthenticated",
    )


async def test_token_of_another_users_session_is_refused(school: School, client: httpx.AsyncClient) -> None:
    user = await sign_in(school, "student")
    token, _ = school.deployment.tokens.issue(
        user_id=new_id(), tenant_id=school.id, session_id=user.session_id, role="admin", patterns=[]
    )

    assert outcome(await client.get("/lab/me", headers={"Authorization": f"Bearer {token}"})) == (
        401,
        "kernel.unauthenticated",
    )


async def test_role_is_the_sessions_and_not_the_tokens(school: School, client: httpx.AsyncClient) -> None:
    user = await sign_in(school, "student")
    token, _ = school.deployment.tokens.issue(
        user_id=user.user_id, tenant_id=school.id, session_id=user.session_id, role="admin", patterns=["lab.*:any"]
    )

    answer = await client.post("/lab/things", headers={"Authorization": f"Bearer {token}"}, json=THING)

    assert outcome(answer) == (403, "kernel.forbidden")


# --- Redis is down ---------------------------------------------------------------------------------------------------


async def test_without_redis_reads_go_on_and_strict_doors_refuse(lab_settings: Settings, tmp_path: object) -> None:
    severed = msgspec.structs.replace(lab_settings, redis_url=f"unix://{tmp_path}/nobody.sock")
    async with process(lab_settings) as lab:
        school = await lab.school()
        user = await sign_in(school, "admin")
    async with process(severed) as lab:
        client = await lab.client(school)
        anonymous = await client.get("/lab/open")
        signed = await client.get("/lab/me", headers=user.headers)
        made = await client.post("/lab/things", headers=user.headers, json=THING)
        login = await client.post("/lab/login", json=THING)
        redeem = await client.post("/lab/redeem", headers=user.headers, json=THING)

        async with lab.deployment.database.transaction(Origin(school.id)) as db:
            await db.run(REVOKE_SESSION, wanted=user.session_id)
        ended = await client.get("/lab/me", headers=user.headers)

    assert [each.status_code for each in (anonymous, signed, made)] == [200, 200, 201]
    for refused in (login, redeem):
        assert outcome(refused) == (503, "kernel.redis_unavailable")
        assert refused.headers["retry-after"] == "2"
    assert outcome(ended) == (401, "kernel.unauthenticated")


# --- where a request comes from --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Origin": "https://{host}"},
        {"Origin": "http://{host}:81"},
        {"Origin": "http://{host}.evil.test"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://{host}", "Sec-Fetch-Site": "same-site"},
    ],
)
async def test_unsafe_request_from_another_site_is_refused(
    school: School, client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    filled = {name: value.format(host=school.host) for name, value in headers.items()}

    assert outcome(await client.post("/lab/echo", headers=filled, json=THING)) == (403, "kernel.foreign_origin")
    assert outcome(await client.post("/lab/login", headers=filled, json=THING)) == (403, "kernel.foreign_origin")
    assert (await client.get("/lab/open", headers=filled)).status_code == 200


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://{host}"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
)
async def test_unsafe_request_from_here_or_from_no_browser_is_taken(
    school: School, client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    filled = {name: value.format(host=school.host) for name, value in headers.items()}

    assert (await client.post("/lab/echo", headers=filled, json=THING)).status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded"])
async def test_address_is_not_believed_from_anyone(client: httpx.AsyncClient, header: str) -> None:
    answer = await client.get("/lab/open", headers={header: "198.51.100.7"})

    assert answer.json()["address"] == "203.0.113.9"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["1.2.3.4, 198.51.100.7"], "198.51.100.7"),
        (["1.2.3.4", "198.51.100.7"], "198.51.100.7"),
        (["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        (["2001:db8::1"], "2001:db8::1"),
        (["unknown"], "10.0.0.1"),
        (["198.51.100.7, <script>"], "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
)
async def test_address_comes_from_the_last_trusted_proxy(
    lab_settings: Settings, forwarded: list[str], expected: str
) -> None:
    behind = msgspec.structs.replace(lab_settings, trusted_proxies=("10.0.0.1", "10.0.0.2"))
    async with process(behind) as lab:
        client = await lab.client(await lab.school(), address="10.0.0.1")
        answer = await client.get("/lab/open", headers=[("X-Forwarded-For", each) for each in forwarded])

    assert answer.json()["address"] == expected


async def test_scheme_comes_from_a_trusted_proxy_alone(lab_settings: Settings) -> None:
    behind = msgspec.structs.replace(lab_settings, trusted_proxies=("10.0.0.1",))
    async with process(behind) as lab:
        school = await lab.school()
        headers = {"X-Forwarded-Proto": "https", "Origin": f"https://{school.host}"}
        proxy = await lab.client(school, address="10.0.0.1")
        stranger = await lab.client(school)

        assert (await proxy.post("/lab/echo", headers=headers, json=THING)).status_code == 200
        assert outcome(await stranger.post("/lab/echo", headers=headers, json=THING)) == (403, "kernel.foreign_origin")


# --- queries ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("lmit=5", "lmit"),
        ("limit=5&page=2", "page"),
        ("LIMIT=5", "LIMIT"),
        ("db=1", "db"),
        ("%6cimit=5&a%20b=", "a b"),
    ],
)
async def test_unknown_query_parameter_is_named(
    school: School, client: httpx.AsyncClient, query: str, field: str
) -> None:
    answer = await client.get(f"/lab/things?{query}", headers=(await sign_in(school, "admin")).headers)

    assert outcome(answer) == (400, "kernel.invalid")
    assert answer.json()["errors"] == [{"field": field, "message": "There is no such parameter."}]


@pytest.mark.parametrize("path", ["/lab/things?limit=%00", "/lab/open?%00"])
async def test_nul_in_a_query_is_refused(school: School, client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers=(await sign_in(school, "admin")).headers)

    assert outcome(answer) == (400, "kernel.invalid")
    assert answer.json()["detail"] == "A parameter must not contain the character NUL."


async def test_handler_that_reads_the_query_itself_gets_all_of_it(client: httpx.AsyncClient) -> None:
    assert (await client.get("/lab/free?any=1&thing=2")).json() == {"any": "1", "thing": "2"}
