"""What must stay secret stands in plain text nowhere: neither in a table, nor in Redis, nor in the log (T14).

A school lives through everything that handles secrets, each a canary that is looked for afterwards.
"""

from collections.abc import Iterable
from typing import Any

import pyotp
import pytest
from sqlalchemy import column, text

from kernel import clock
from kernel.deployment import Deployment
from kernel.testing import PASSWORD, FakeClock, Mailbox, ReceivedMail, School

NEW_PASSWORD = "Canary-Heron-7x"
MAIL_PASSWORD = "canary-of-the-mail-server"
CLIENT_SECRET = "canary-of-the-provider"
PROVIDER = {"issuer": "https://login.example", "client_id": "us", "client_secret": CLIENT_SECRET}
MAIL = {"host": "mail.example", "from_address": "office@mail.example", "username": "us", "password": MAIL_PASSWORD}
_TABLES = text(
    "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_catalog.pg_tables "
    "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
).columns(column("name"))


async def rows_of(deployment: Deployment) -> dict[str, str]:
    """Return what every table holds, of every tenant, as text; bytes of text, such as those of the queue, as text."""
    async with deployment.operator_session(None, "test") as db:
        found = {}
        for name in await db.values(_TABLES):
            driver = await db.driver()
            if await driver.fetchval("SELECT has_table_privilege($1, 'SELECT')", name):
                found[name] = "\n".join(str(dict(row)) for row in await driver.fetch(f"SELECT * FROM {name}"))
        return found


async def redis_of(deployment: Deployment) -> str:
    """Return every key of Redis with its value."""
    found: list[Any] = []
    async for key in deployment.redis.scan_iter(count=1000):
        found += [key, await deployment.redis.dump(key)]
    return str(found)


def token_of(mail: ReceivedMail) -> str:
    """Return the secret of a mail's link."""
    return mail.links[0].partition("#token=")[2]


def leaks(secrets: Iterable[tuple[str, str]], places: dict[str, str]) -> list[tuple[str, str]]:
    """Return which secret stands where."""
    return [(name, place) for name, secret in secrets for place, words in places.items() if secret in words]


async def test_no_secret_stands_anywhere_in_plain_text(
    school: School, deployment: Deployment, mailbox: Mailbox, fake_clock: FakeClock, capfd: pytest.CaptureFixture[str]
) -> None:
    admin = await school.person("admin")
    changed = {"mail": MAIL, "auth": {"providers": {"example": PROVIDER}}}
    assert (await admin.patch("/settings", json=changed, headers={"Idempotency-Key": "settings"})).status_code == 200
    assert (await admin.patch("/settings", json={"mail": {"host": None, "from_address": None}})).status_code == 200
    wrong = {"auth": {"providers": {"example": {**PROVIDER, "client_secret": [CLIENT_SECRET]}}}}
    assert CLIENT_SECRET not in (await admin.patch("/settings", json=wrong)).text

    client, email = await school.client(), f"looked-for@{school.host}"
    asked = {"email": email, "password": PASSWORD, "first_name": "Anna", "last_name": "Bauer"}
    assert (await client.post("/auth/register", json=asked)).status_code == 202
    confirmation = token_of(await mailbox.mail(email))
    assert (await client.post("/auth/forgot-password", json={"email": email})).status_code == 202
    await school.settle()
    reset = token_of(await mailbox.mail(email))
    assert (await client.post("/auth/verify-email", json={"token": confirmation})).status_code == 204
    chosen = {"token": reset, "password": NEW_PASSWORD}
    assert (await client.post("/auth/reset-password", json=chosen)).status_code == 204
    assert (await client.post("/auth/login", json={"email": email, "password": PASSWORD})).status_code == 401
    signed_in = (await client.post("/auth/login", json={"email": email, "password": NEW_PASSWORD})).json()
    secret = (await client.post("/auth/mfa/totp", json={"password": NEW_PASSWORD})).json()["secret"]
    code = pyotp.TOTP(secret).generate_otp(int(clock.now().timestamp()) // 30)
    recovery = (await client.post("/auth/mfa/totp/confirm", json={"code": code})).json()["recovery_codes"]
    fresh = (await client.post("/auth/refresh", json={"refresh_token": signed_in["refresh_token"]})).json()
    owed = (await client.post("/auth/login", json={"email": email, "password": NEW_PASSWORD})).json()["mfa_token"]
    used = await client.post("/auth/mfa", json={"mfa_token": owed, "code": recovery[0]})
    assert used.status_code == 200
    await school.settle()

    secrets = {
        "password": NEW_PASSWORD,
        "first password": PASSWORD,
        "mail password": MAIL_PASSWORD,
        "client secret": CLIENT_SECRET,
        "verification": confirmation,
        "reset": reset,
        "totp": secret,
        "recovery code": recovery[1],
        "used recovery code": recovery[0],
        "access token": signed_in["access_token"],
        "refresh token": signed_in["refresh_token"],
        "next refresh token": fresh["refresh_token"],
        "mfa token": owed,
    }
    said = capfd.readouterr()
    places = {**await rows_of(deployment), "Redis": await redis_of(deployment), "the log": said.out + said.err}
    assert "kernel.audit_logs" in places
    assert "auth.users" in places
    assert email in places["auth.users"]
    assert leaks(secrets.items(), places) == []
