"""Signing in by another site, with nothing of ours in between: two server processes, a real provider, real sockets."""

import json

import httpx

from tests.e2e.conftest import Server
from tests.node import node_program
from tests.plugins.auth.surfing import CLIENT, HTML, PROVIDER, Landing, begin, come_back, landing, sign_in_at


async def test_somebody_signs_in_by_another_site(demo_server: Server) -> None:
    with node_program(PROVIDER) as issuer:
        real = json.dumps({"name": "The real one", "issuer": issuer, **CLIENT, "trust_email": True})
        done = demo_server.collegium("tenants", "set", "default", f"auth.providers.real={real}")
        assert done.returncode == 0, done.stderr
        async with httpx.AsyncClient(base_url=f"{demo_server.url}/api/v1", trust_env=False) as browser:
            listed = (await browser.get("/auth/providers")).json()["items"]
            # Begun and finished by whichever process takes the connection.
            url = await sign_in_at(await begin(browser, next="/schema"), "student@example.com")
            answer = await come_back(browser, url)
            again = await come_back(browser, url)
            account = (await browser.get("/users/me")).json()
            page = await browser.get(f"{demo_server.url}{answer.headers['location']}", headers=HTML)

    assert [card["id"] for card in listed] == ["real"]
    assert (landing(answer), landing(again)) == (
        Landing("/schema", {}),
        Landing("/sign-in", {"error": "auth.sign_in_expired"}),
    )
    assert (account["email"], page.status_code) == ("student@example.com", 200)
    assert CLIENT["client_secret"] not in demo_server.printed
