"""A new secret key and the removal of the old one: what goes on working, what dies, and what is told (T15)."""

from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import msgspec
import pyotp
import pytest

from kernel import clock, operations
from kernel.app import create_deployment
from kernel.categories import MAIL, MailSettings
from kernel.embedded import Stack
from kernel.settings import Settings
from kernel.testing import PASSWORD
from kernel.testing.apps import App
from kernel.testing.databases import at_database, make_database
from tests.plugins.media.films import film

OLD, NEW = "the old key of a rotation, long enough for that", "the new key of a rotation, long enough for that"
SMTP = {"username": "school", "password": "smtp-secret-1"}


@pytest.fixture
async def rotated(stack: Stack, settings: Settings, run_worker_name: str) -> Settings:
    """Settings of a database of its own: renewing reaches every tenant."""
    found = at_database(settings, stack, f"rotation_{run_worker_name or 'gw0'}")
    await make_database(stack, found)
    return found


@asynccontextmanager
async def running(settings: Settings, *keys: str) -> AsyncIterator[App]:
    """Run a process with these keys, newest first."""
    async with AsyncExitStack() as stack:
        deployment = create_deployment(msgspec.structs.replace(settings, secret_keys=keys))
        stack.push_async_callback(deployment.close)
        await deployment.open()
        yield App(deployment, stack)


def client_of(app: App, host: str, token: str = "") -> httpx.AsyncClient:
    """Return a client of a school in this process."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app=app.asgi)
    return httpx.AsyncClient(transport=transport, base_url=f"http://{host}/api/v1", headers=headers)


async def sign_in(client: httpx.AsyncClient, email: str) -> dict[str, Any]:
    """Send the password and return what is answered."""
    answer: dict[str, Any] = (await client.post("/auth/login", json={"email": email, "password": PASSWORD})).json()
    return answer


def code_of(secret: str, *, steps: int = 0) -> str:
    """Return what an authenticator app shows, or will show so many steps from now."""
    return pyotp.TOTP(secret).generate_otp(int(clock.now().timestamp()) // 30 + steps)


async def published_course(client: httpx.AsyncClient) -> str:
    """Make a course that needs a code."""
    course = (await client.post("/courses", json={"title": "Wood", "requires_code": True})).json()
    section = (await client.post(f"/courses/{course['id']}/sections", json={"title": "First"})).json()
    video = {"title": "Saw", "video_type": "youtube_private", "youtube_id": "abcdefghijk", "duration_seconds": 60}
    assert (await client.post(f"/sections/{section['id']}/videos", json=video)).status_code == 201
    assert (await client.post(f"/courses/{course['id']}/publish")).status_code == 200
    return str(course["id"])


async def test_new_key_takes_over_and_the_old_one_can_go(rotated: Settings) -> None:
    nothing = Namespace()
    async with running(rotated, OLD) as app:
        old_kid = app.deployment.keyring.newest_kid
        school = await app.school(settings={"mail": SMTP})
        host = school.host
        admin = await school.person("admin")
        await admin.post("/upload/video", files={"file": ("lesson.mp4", film(seconds=1), "video/mp4")})
        await school.settle()
        student = await school.person("student")
        sleeper = await school.person("student")
        begun = (await student.post("/auth/mfa/totp", json={"password": PASSWORD})).json()
        secret = begun["secret"]
        confirmed = await student.post("/auth/mfa/totp/confirm", json={"code": code_of(secret, steps=-1)})
        recovery_codes = confirmed.json()["recovery_codes"]
        course_id = await published_course(admin.client)
        batch = {"course_id": course_id, "type": "single_use", "count": 2}
        codes = [each["code"] for each in (await admin.post("/access-codes/generate", json=batch)).json()["items"]]
        async with client_of(app, host) as client:
            signed = await sign_in(client, sleeper.email)
        status = await operations.keys_status(app.deployment, nothing)
        assert status.splitlines()[0] == f"{old_kid}: the newest"
        assert "rewrap" not in status

    async with running(rotated, NEW, OLD) as app:
        new_kid = app.deployment.keyring.newest_kid
        # What was signed, encrypted and hashed before goes on counting.
        async with client_of(app, host, signed["access_token"]) as client:
            assert (await client.get("/users/me")).status_code == 200
            refreshed = (await client.post("/auth/refresh", json={"refresh_token": signed["refresh_token"]})).json()
        async with client_of(app, host, refreshed["access_token"]) as client:
            assert (await client.get("/users/me")).status_code == 200
            assert (await client.post("/access-codes/redeem", json={"code": codes[0]})).status_code == 200
        async with client_of(app, host) as client:
            token = (await sign_in(client, student.email))["mfa_token"]
            step = await client.post("/auth/mfa", json={"mfa_token": token, "code": recovery_codes[0]})
            assert step.status_code == 200
        tenant = await app.deployment.tenants.by_host(host)
        assert tenant.setting(MAIL, MailSettings).password == SMTP["password"]
        # Then everything that can be is written anew, once.
        before = (await operations.keys_status(app.deployment, nothing)).splitlines()
        older = before[before.index(f"{old_kid}: older") :]
        assert "  2 access codes (`collegium keys rewrap`)" in older
        assert "  1 secrets of authenticator apps (`collegium keys rewrap`)" in older
        assert "  1 keys of videos (`collegium keys rewrap`)" in older
        assert "  1 secrets in tenants' settings (`collegium keys rewrap`)" in older
        assert "  9 unused recovery codes (their owners make new ones)" in older
        assert "  2 passwords (each follows when its owner signs in)" in older
        written = await operations.rewrap_keys(app.deployment, nothing)
        assert written.splitlines() == [
            "1 secrets in tenants' settings",
            "1 secrets of authenticator apps",
            "1 keys of videos",
            "2 access codes",
        ]
        assert await operations.rewrap_keys(app.deployment, nothing) == "Nothing was left to write anew."
        after = (await operations.keys_status(app.deployment, nothing)).splitlines()
        assert after[after.index(f"{old_kid}: older") + 1 :] == [
            "  1 mails that wait (gone once they are sent)",  # that an app was set up: no worker runs here
            "  2 passwords (each follows when its owner signs in)",
            "  9 unused recovery codes (their owners make new ones)",
        ]

    async with running(rotated, NEW) as app:
        # Tokens of the old key are dead; those that were refreshed in time are not.
        async with client_of(app, host, signed["access_token"]) as client:
            assert (await client.get("/users/me")).status_code == 401
            stale = await client.post("/auth/refresh", json={"refresh_token": signed["refresh_token"]})
            assert stale.status_code == 401
        async with client_of(app, host, refreshed["access_token"]) as client:
            assert (await client.get("/users/me")).status_code == 200
            assert (await client.post("/auth/refresh", json={"refresh_token": refreshed["refresh_token"]})).is_success
        # The student signed in under the new key, so their password is of it; the app's secret was written anew.
        async with client_of(app, host) as client:
            token = (await sign_in(client, student.email))["mfa_token"]
            dead = await client.post("/auth/mfa", json={"mfa_token": token, "code": recovery_codes[1]})
            assert dead.json()["code"] == "auth.wrong_code"
            step = await client.post("/auth/mfa", json={"mfa_token": token, "code": code_of(secret)})
            assert step.status_code == 200, step.text
            me = {"Authorization": f"Bearer {step.json()['access_token']}"}
            assert (await client.post("/access-codes/redeem", json={"code": codes[1]}, headers=me)).status_code == 200
            assert (await sign_in(client, sleeper.email))["code"] == "auth.bad_credentials"
        tenant = await app.deployment.tenants.by_host(host)
        assert tenant.setting(MAIL, MailSettings).password == SMTP["password"]
        status = await operations.keys_status(app.deployment, nothing)
        assert f"{old_kid}: not configured any more, so this cannot be read" in status
        assert status.splitlines()[0] == f"{new_kid}: the newest"
