"""Reading from a replica: a real one, which follows by streaming, stands still, ends and comes back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import msgspec
import pytest
from litestar import post

from kernel.auth import ACCESS_TTL_S
from kernel.db import Database, Origin
from kernel.embedded import Stack, running_stack
from kernel.replicas import MOST_BEHIND_S, Replicas
from kernel.settings import Settings, SettingsError, load_settings
from kernel.testing import FakeClock, School
from tests.kernel.conftest import Process, SignedIn, lab_database, process, sign_in
from tests.kernel.fakes import fake, refusal, route
from tests.kernel.probe.background import until
from tests.kernel.standby import Standby, standby_of


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("replicas") / "stack", temporary=True) as running:
        yield running


@pytest.fixture(scope="module")
async def own_settings(own_stack: Stack, settings: Settings) -> Settings:
    bare = msgspec.structs.replace(settings, plugins=(), redis_url=own_stack.redis_url)
    return await lab_database(own_stack, bare, "lab_replicas")


@pytest.fixture(scope="module")
def standby(own_stack: Stack, own_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standby]:
    with standby_of(own_stack, tmp_path_factory.mktemp("standby") / "standby") as running:
        yield running


@pytest.fixture
async def served(own_settings: Settings, standby: Standby) -> AsyncIterator[Process]:
    """A process that reads from the replica."""
    urls = (standby.url(own_settings.database_url),)
    async with process(msgspec.structs.replace(own_settings, replica_database_urls=urls)) as made:
        await until(lambda: _serves(made))
        yield made


@pytest.fixture
async def school(served: Process) -> School:
    return await served.school()


@pytest.fixture
async def admin(school: School, fake_clock: FakeClock) -> SignedIn:
    """Somebody who signed in a while ago."""
    fake_clock.advance(seconds=-60)
    signed_in = await sign_in(school, "admin")
    fake_clock.advance(seconds=60)
    return signed_in


async def _serves(made: Process) -> bool:
    return made.deployment.replicas.connections_for(0) is not None


@asynccontextmanager
async def _standing_still(standby: Standby, own_settings: Settings) -> AsyncIterator[None]:
    """Stop the replay of what the primary sends, and let it go on afterwards."""
    url = standby.url(own_settings.owner_database_url).replace("+asyncpg", "")
    superuser = url.replace("collegium_owner", "postgres")
    connection = await asyncpg.connect(superuser, password=_password(standby))
    try:
        await connection.execute("SELECT pg_wal_replay_pause()")
        await until(lambda: connection.fetchval("SELECT pg_get_wal_replay_pause_state() = 'paused'"))
        yield
    finally:
        await connection.execute("SELECT pg_wal_replay_resume()")
        await connection.close()


def _password(standby: Standby) -> str:
    recovery = (standby.directory / "postgresql.auto.conf").read_text()
    return recovery.partition("password=")[2].split()[0].strip("'")


async def _where(client: httpx.AsyncClient, who: SignedIn | None) -> str:
    answer = await client.get("/lab/where", headers=who.headers if who else {})
    assert answer.status_code == 200, answer.text
    return answer.text


async def _things(client: httpx.AsyncClient, who: SignedIn) -> list[str]:
    answer = await client.get("/lab/things", headers=who.headers)
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["items"]]


async def test_what_only_reads_is_read_from_the_replica(served: Process, school: School, admin: SignedIn) -> None:
    client = await served.client(school)

    assert await _where(client, None) == "replica"
    assert await _where(client, admin) == "replica"


async def test_a_writer_reads_what_they_wrote_while_others_read_from_the_replica(
    served: Process, own_settings: Settings, standby: Standby, school: School, admin: SignedIn, fake_clock: FakeClock
) -> None:
    client = await served.client(school)
    fake_clock.advance(seconds=-60)
    other = await sign_in(school, "admin")
    fake_clock.advance(seconds=60)
    assert await _where(client, other) == "replica"

    async with _standing_still(standby, own_settings):
        made = await client.post("/lab/things", json={"name": "fresh"}, headers=admin.headers)
        assert made.status_code == 201
        assert await _things(client, admin) == ["fresh"]
        assert await _where(client, admin) == "primary"
        assert await _where(client, other) == "replica"
        assert await _things(client, other) == []

    await until(lambda: _is_on(client, admin, "replica"))
    assert await _things(client, admin) == ["fresh"]


async def test_those_for_whom_somebody_wrote_read_it_too(
    served: Process, own_settings: Settings, standby: Standby, school: School, admin: SignedIn
) -> None:
    client, database = await served.client(school), served.deployment.database
    assert await _where(client, admin) == "replica"

    async with _standing_still(standby, own_settings):
        async with database.transaction(Origin(school.id), school.tenant, authors=[admin.user_id]) as db:
            await (await db.driver()).execute("INSERT INTO lab.attempts (id, what) VALUES (gen_random_uuid(), 'a')")

        assert await _where(client, admin) == "primary"


async def test_a_write_in_another_process_counts_too(
    served: Process, own_settings: Settings, standby: Standby, school: School, admin: SignedIn
) -> None:
    client = await served.client(school)
    assert await _where(client, admin) == "replica"
    async with _standing_still(standby, own_settings):
        elsewhere = Database(served.deployment.settings.worker_database_url, deployment=served.deployment, pool_size=1)
        async with elsewhere.transaction(Origin(school.id, admin.user_id), school.tenant) as db:
            await (await db.driver()).execute("INSERT INTO lab.attempts (id, what) VALUES (gen_random_uuid(), 'a')")
        await elsewhere.close()

        assert await _where(client, admin) == "primary"


async def test_who_has_just_signed_in_reads_from_the_primary(served: Process, school: School) -> None:
    client = await served.client(school)

    assert await _where(client, await sign_in(school, "admin")) == "primary"
    assert MOST_BEHIND_S < ACCESS_TTL_S


async def test_without_redis_a_person_reads_from_the_primary(
    served: Process, own_settings: Settings, school: School, admin: SignedIn
) -> None:
    settings = msgspec.structs.replace(served.deployment.settings, redis_url="unix:///nowhere")
    async with process(settings) as alone:
        await until(lambda: _serves(alone))
        client = await alone.client(school)

        assert await _where(client, admin) == "primary"
        assert await _where(client, None) == "replica"


async def test_a_replica_that_ends_is_left_at_once_and_used_again_when_it_is_back(
    served: Process, standby: Standby, school: School, admin: SignedIn
) -> None:
    client = await served.client(school)
    assert await _where(client, admin) == "replica"

    await asyncio.to_thread(standby.stop)
    answers = [await _where(client, admin) for _ in range(5)]
    await asyncio.to_thread(standby.start)

    assert answers == ["primary"] * 5
    await until(lambda: _is_on(client, admin, "replica"))


async def test_a_replica_far_behind_serves_nobody(
    served: Process, own_settings: Settings, standby: Standby, monkeypatch: pytest.MonkeyPatch, school: School
) -> None:
    monkeypatch.setattr("kernel.replicas.MOST_BEHIND_S", 0.3)
    async with _standing_still(standby, own_settings):
        async with school.db() as db:
            await (await db.driver()).execute("INSERT INTO lab.attempts (id, what) VALUES (gen_random_uuid(), 'a')")
        await until(lambda: _serves_not(served))
    await until(lambda: _serves(served))


async def test_a_second_primary_is_no_replica(own_settings: Settings, served: Process) -> None:
    database = Database(
        own_settings.database_url,
        deployment=served.deployment,
        pool_size=1,
        replica_urls=[own_settings.database_url],
    )
    replicas = Replicas(database)

    await replicas.look()

    assert replicas.connections_for(0) is None
    await database.close()


async def test_a_route_that_only_reads_can_write_nowhere(school: School, served: Process, admin: SignedIn) -> None:
    client = await served.client(school)
    for who in (admin, await sign_in(school, "admin")):
        answer = await client.get("/lab/where?and_write=true", headers=who.headers)
        assert (answer.status_code, answer.json()["code"]) == (500, "kernel.internal")


async def test_what_is_recorded_always_is_recorded_beside_a_reading(
    school: School, served: Process, admin: SignedIn
) -> None:
    client = await served.client(school)
    answer = await client.get("/lab/where?and_record=true", headers=admin.headers)

    assert answer.text == "replica"
    async with school.db() as db:
        assert await (await db.driver()).fetchval("SELECT count(*) FROM lab.attempts") == 1


def test_a_route_that_changes_things_cannot_say_that_it_only_reads() -> None:

    bad = route(method=post)
    bad.opt["reads_only"] = True
    assert refusal(fake(register_routes=[bad])).endswith("only reads, it says, and takes another method than GET.")


def test_the_address_of_a_replica_is_checked_like_the_others() -> None:
    addresses = {
        "database_url": "postgresql+asyncpg://a@b/c",
        "worker_database_url": "postgresql+asyncpg://a@b/c",
        "operator_database_url": "postgresql+asyncpg://a@b/c",
        "redis_url": "redis://b",
        "storage_url": "file:///srv",
        "secret_keys": ("k" * 32,),
    }
    one, two = "postgresql+asyncpg://a:secret@r1/c", "mysql://a:secret@r2/c"
    environment = {"COLLEGIUM_REPLICA_DATABASE_URLS": f"{one}, {one}"}
    assert load_settings(addresses, environment).replica_database_urls == (one, one)
    with pytest.raises(SettingsError, match="must begin with") as refused:
        load_settings(addresses, {"COLLEGIUM_REPLICA_DATABASE_URLS": f"{one},{two}"})
    assert "secret" not in str(refused.value)


async def _is_on(client: httpx.AsyncClient, who: SignedIn, place: str) -> bool:
    return await _where(client, who) == place


async def _serves_not(made: Process) -> bool:
    return made.deployment.replicas.connections_for(0) is None
