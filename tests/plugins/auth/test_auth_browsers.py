"""Every door of auth, as other sites would use it through somebody's browser (T9 of the security design)."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kernel.deployment import Deployment
from kernel.ids import new_id
from kernel.testing import School
from kernel.testing.schools import SchoolFactory
from tests.plugins.auth.conftest import Browser
from tests.plugins.auth.forger import CLIENT_ID, Forger
from tests.plugins.auth.people import codes_of, fresh_email, make_user, sign_in, signed_in
from tests.plugins.auth.surfing import HTML, begin, landing, query_of

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://sibling.school.test", "Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site"},
]
FORMS = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]


def unsafe_doors(deployment: Deployment, *, with_body: bool = False) -> Iterator[tuple[str, str, str]]:
    """Yield name, method and path of every route of auth that changes something."""
    for handler in deployment.registry.routes["auth"]:
        path = re.sub(r"\{\w+:uuid\}", str(new_id()), min(handler.paths))
        for method in UNSAFE & set(handler.http_methods):
            if handler.parsed_data_field is not None or not with_body:
                yield str(handler.operation_id), method, path


async def test_no_door_opens_for_another_site(school: School, deployment: Deployment) -> None:
    client, _ = await signed_in(school, "admin")
    doors = list(unsafe_doors(deployment))

    found = {
        (name, *headers.items()): codes_of(await client.request(method, path, json={}, headers=headers))
        for name, method, path in doors
        for headers in FOREIGN
    }

    assert {"auth_login", "auth_mfa", "auth_refresh", "users_me_identities_link"} <= {name for name, *_ in doors}
    assert found == {each: [(403, "kernel.foreign_origin")] for each in found}
    assert (await client.get("/users/me")).status_code == 200


async def test_no_door_reads_what_a_form_of_another_site_can_send(school: School, deployment: Deployment) -> None:
    """Without a preflight a page can send only these types, and so no JSON in disguise."""
    client, _ = await signed_in(school, "admin")
    doors = list(unsafe_doors(deployment, with_body=True))

    found = {
        (name, kind): codes_of(
            await client.request(method, path, content=b"{}", headers={"Content-Type": kind} if kind else {})
        )
        for name, method, path in doors
        for kind in FORMS
    }

    assert found == {each: [(415, "kernel.unsupported_media_type")] for each in found}


async def test_no_door_lets_another_sites_script_read_its_answer(school: School, deployment: Deployment) -> None:
    client = await school.client(Origin="https://evil.example")
    readable = []
    for handler in deployment.registry.routes["auth"]:
        path = re.sub(r"\{\w+:\w+\}", str(new_id()), min(handler.paths))
        for method in {"OPTIONS", *handler.http_methods}:
            asked = {"Access-Control-Request-Method": "POST"} if method == "OPTIONS" else {}
            answer = await client.request(method, path, headers=asked)
            if any(name.startswith("access-control-") for name in answer.headers):
                readable.append((method, path))

    assert readable == []


@pytest.fixture
async def misled(new_school: SchoolFactory, forger: Forger) -> School:
    """A school that trusts the forger."""
    chosen = {"issuer": forger.issuer, "client_id": CLIENT_ID, "trust_email": True, "create_accounts": True}
    return await new_school({"auth": {"providers": {"forged": chosen}}})


async def test_no_answer_stands_in_another_sites_frame(misled: School, forger: Forger, browser: Browser) -> None:
    client = await browser(misled, scheme="https")
    email = fresh_email(misled)
    await make_user(misled, email=email)
    asked = query_of(await begin(client, "forged"))
    forger.nonce = asked["nonce"]
    answers = {
        "list": await client.get("/auth/providers"),
        "way there": await client.get("/auth/oauth/forged/login", headers=HTML),
        "way back": await client.get("/auth/oauth/forged/callback", params={"code": "c", "state": asked["state"]}),
        "refused way back": await client.get("/auth/oauth/forged/callback", headers=HTML),
        "signed in": await sign_in(client, email),
        "refused": await sign_in(client, email, "wrong"),
        "nothing there": await client.get("/auth/nothing"),
    }

    assert {name: answer.status_code for name, answer in answers.items()} == {
        "list": 200,
        "way there": 303,
        "way back": 303,
        "refused way back": 303,
        "signed in": 200,
        "refused": 401,
        "nothing there": 404,
    }
    assert {name for name, answer in answers.items() if not _is_unframeable(answer)} == set()


def _is_unframeable(answer: httpx.Response) -> bool:
    policy = answer.headers["content-security-policy"]
    return "frame-ancestors 'none'" in policy and answer.headers["x-frame-options"] == "DENY"


async def test_a_browser_that_comes_back_from_a_provider_comes_from_another_site(
    misled: School, forger: Forger, browser: Browser
) -> None:
    """The one request that must cross: a navigation, which carries Lax cookies and changes nothing without a state."""
    client = await browser(misled, scheme="https")
    asked = query_of(await begin(client, "forged"))
    forger.nonce = asked["nonce"]
    crossing: dict[str, Any] = {
        **HTML,
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
        "Referer": forger.issuer,
    }

    answer = await client.get(
        "/auth/oauth/forged/callback", params={"code": "c", "state": asked["state"]}, headers=crossing
    )

    assert landing(answer).path == "/"
    assert all("SameSite=lax" in cookie for cookie in answer.headers.get_list("set-cookie"))


async def test_another_site_cannot_plant_the_cookie_that_binds_a_sign_in(misled: School, browser: Browser) -> None:
    """A cookie under the plain name, as a sibling's host or a plain connection could set it, counts for nothing."""
    client = await browser(misled, scheme="https")
    planted = "p" * 43
    client.cookies.set("collegium_browser", planted, domain=misled.host)

    answer = await client.get("/auth/oauth/forged/login", headers=HTML)

    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-collegium_browser=")
    assert planted not in cookie
