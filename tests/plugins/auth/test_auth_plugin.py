"""What the plugin hands to the kernel: tables, demonstration, command, listener."""

import io
from argparse import ArgumentParser
from typing import Any

import asyncpg
import pytest

from kernel import serve
from kernel.catalogue import catalogue_problems
from kernel.deployment import Deployment
from kernel.drift import drift
from kernel.errors import DomainError
from kernel.settings import Settings
from kernel.testing import School
from kernel.worker import deliver_due_events
from plugins.auth import cli
from plugins.auth.demo import accounts as demo
from plugins.auth.errors import PasswordRefused
from tests.plugins.auth.people import fresh_email, sign_in, signed_in


async def test_tables_are_as_declared_and_kept_apart(deployment: Deployment, settings: Settings) -> None:
    chains = [chain for chain in deployment.registry.migration_chains() if chain.schema == "auth"]
    assert await drift(settings.owner_database_url, chains) == []
    connection = await asyncpg.connect(settings.owner_database_url.replace("+asyncpg", ""))
    try:
        assert [problem for problem in await catalogue_problems(connection) if "auth." in problem] == []
    finally:
        await connection.close()


async def test_demonstration_has_the_accounts_that_the_server_prints(school: School) -> None:
    assert demo.PASSWORD == serve.DEMO_PASSWORD
    totals, files = [], []
    for _ in range(2):
        for step in demo.STEPS:
            async with school.db() as db:
                await step.run(db)
        admin = await school.client()
        answers = {email: await sign_in(await school.client(), email, demo.PASSWORD) for email in serve.DEMO_ACCOUNTS}
        assert {email: answer.json()["user"]["role"] for email, answer in answers.items()} == {
            "admin@example.com": "admin",
            "instructor@example.com": "instructor",
            "student@example.com": "student",
        }
        await sign_in(admin, "admin@example.com", demo.PASSWORD)
        totals.append((await admin.get("/users")).json()["total"])
        # What somebody has changed since stays at the next start.
        student = answers["student@example.com"].json()["user"]["id"]
        files.append((await admin.get(f"/users/{student}/file")).json()["student"]["education_level"])
        await admin.patch(f"/users/{student}/file", json={"education_level": "Doctorate"})
    assert (totals, files) == ([36, 36], ["Upper secondary", "Doctorate"])


def parsed(*words: str) -> Any:
    """Return the options of `users create-admin`."""
    parser = ArgumentParser()
    command = cli.COMMANDS[0]
    command.configure(parser)
    return parser.parse_args(words)


async def test_command_makes_an_administrator_whose_password_comes_from_standard_input(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = cli.COMMANDS[0]
    email = fresh_email(school)
    monkeypatch.setattr("sys.stdin", io.StringIO("Wiese-im-Mai-7\n"))
    async with school.db() as db:
        printed = await command.run(db, parsed("--email", email, "--operator"))
    assert (command.name, printed) == ("users create-admin", f"{email} is an administrator of {school.tenant.slug}.")
    client = await school.client()
    assert (await sign_in(client, email, "Wiese-im-Mai-7")).json()["user"]["role"] == "admin"
    identity = school.deployment.registry.identity
    assert identity is not None
    assert (await client.get("/users")).json()["total"] == 1


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [
        ("no address", "Wiese-im-Mai-7", "email"),
        ("a@b.test", "", "password"),
        ("a@b.test", "short", "Use at least 8 characters."),
    ],
)
async def test_command_says_what_is_wrong(school: School, email: str, password: str, sentence: str) -> None:
    with pytest.raises(DomainError, match=sentence):
        async with school.db() as db:
            await cli.create_admin(db, email=email, password=password)


async def test_command_judges_the_password_as_everybody_s(school: School) -> None:
    with pytest.raises(PasswordRefused):
        async with school.db() as db:
            await cli.create_admin(db, email="a@b.test", password="Sunshine-2024!")


async def test_end_of_a_session_reaches_redis_even_if_it_was_away(
    school: School, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, answer = await signed_in(school)
    forget = deployment.gate.forget_sessions
    away = True

    async def forget_when_back(*arguments: Any) -> None:
        if away:
            raise ConnectionError
        await forget(*arguments)

    monkeypatch.setattr(deployment.gate, "forget_sessions", forget_when_back)
    assert (await client.post("/auth/logout")).status_code == 204
    client.headers["Authorization"] = f"Bearer {answer['access_token']}"
    assert (await client.get("/users/me")).status_code == 200
    away = False
    await deliver_due_events(deployment)
    assert (await client.get("/users/me")).status_code == 401
