"""How large the cookies of a sign-in get, with every plugin on and grants that cannot be told in short (T16)."""

from contextlib import AsyncExitStack
from itertools import cycle

import msgspec
import pytest

from kernel.app import create_deployment
from kernel.settings import Settings
from kernel.testing.apps import App
from tests.plugins.auth.people import fresh_email, make_user, sign_in

MOST_COOKIE_BYTES = 4_096
"""What every browser takes, name and attributes included; a larger one is dropped without a word."""


@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA"])
async def test_cookies_fit_into_browsers_whatever_the_grants(database: str, settings: Settings, algorithm: str) -> None:
    async with AsyncExitStack() as stack:
        deployment = create_deployment(msgspec.structs.replace(settings, token_algorithm=algorithm))
        stack.push_async_callback(deployment.close)
        await deployment.open()
        app = App(deployment, stack)
        permissions = sorted(deployment.registry.permissions, key=lambda each: each.name)
        # Neighbours differ, so that no family of permissions becomes one pattern.
        turn = cycle(range(3))
        worst = {each.name: each.grantable[next(turn) % len(each.grantable)] for each in permissions}
        school = await app.school(settings={"roles": {"admin": worst}})
        email = fresh_email(school)
        await make_user(school, "admin", email=email)
        client = await school.client()
        answer = await sign_in(client, email)
        cookies = answer.headers.get_list("set-cookie")
        assert len(cookies) == 2
        # With the longest names, those over https.
        assert max(len(cookie) for cookie in cookies) + len("__Host-; Secure") < MOST_COOKIE_BYTES
        claims = deployment.tokens.verify(answer.json()["access_token"])
        assert claims.role == "admin"
        assert (await client.get("/users/me")).status_code == 200
