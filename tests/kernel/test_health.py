"""Whether a process says rightly that it can serve, and to whom it says more."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import httpx
import msgspec
import pytest

from kernel.db import Database
from kernel.plugin import LoadedPlugin, Plugin
from kernel.registry import Registry
from kernel.settings import Settings
from tests.kernel.conftest import Process, process

TOKEN = "the operator's token, ü and all"
PARTS = ["database", "redis", "storage", "migrations"]


@pytest.fixture
async def watched(lab_settings: Settings) -> AsyncIterator[Process]:
    """A process with an operator's token."""
    async with process(msgspec.structs.replace(lab_settings, operator_token=TOKEN)) as lab:
        yield lab


async def ready(lab: Process, token: str | None = None) -> httpx.Response:
    """Ask for readiness at an address that no tenant has."""
    headers = {} if token is None else {b"Authorization": b"Bearer " + token.encode()}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=lab.app)) as client:
        return await client.get("http://10.0.0.9/health/ready", headers=headers)


async def test_ready_says_ok_and_no_more_to_anybody(watched: Process) -> None:
    answer = await ready(watched)

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_ready_tells_the_operator_of_every_part(watched: Process) -> None:
    answer = await ready(watched, TOKEN)

    assert answer.json() == {
        "status": "ok",
        "checks": [{"name": name, "ok": True, "detail": ""} for name in PARTS],
    }


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], "ü"])
async def test_ready_tells_nobody_else(watched: Process, token: str) -> None:
    answer = await ready(watched, token)

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("token", ["", None])
async def test_ready_tells_nobody_without_an_operators_token(lab: Process, token: str | None) -> None:
    assert (await ready(lab, token)).json() == {"status": "ok"}


async def test_ready_counts_against_no_limit(lab: Process) -> None:
    assert "ratelimit-limit" not in (await ready(lab)).headers


async def failed(lab: Process) -> list[str]:
    """Return the failed parts after checking that readiness is refused to anybody."""
    public = await ready(lab)
    assert (public.status_code, public.json()) == (503, {"status": "unavailable"})
    return [check["name"] for check in (await ready(lab, TOKEN)).json()["checks"] if not check["ok"]]


async def test_ready_notices_that_redis_is_gone(lab_settings: Settings, tmp_path: object) -> None:
    severed = msgspec.structs.replace(lab_settings, operator_token=TOKEN, redis_url=f"unix://{tmp_path}/nobody.sock")
    async with process(severed) as lab:
        assert await failed(lab) == ["redis"]


async def test_ready_notices_that_the_database_is_gone(watched: Process) -> None:
    own = watched.deployment.database
    watched.deployment.database = Database(
        "postgresql+asyncpg://x:y@127.0.0.1:1/z", deployment=watched.deployment, pool_size=1
    )
    try:
        assert await failed(watched) == ["database"]
    finally:
        await watched.deployment.database.close()
        watched.deployment.database = own


async def test_ready_notices_pending_migrations(watched: Process, tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_things.py").write_text('revision = "0001"\ndown_revision = None\n')
    newer = ModuleType("newer.plugin")
    newer.__file__ = str(tmp_path / "plugin.py")
    manifest = Plugin(name="newer", version="1.0.0", kernel=">=1", summary="Not migrated yet.")
    watched.deployment.registry = Registry([LoadedPlugin(manifest, newer)])

    assert await failed(watched) == ["migrations"]
    checks = (await ready(watched, TOKEN)).json()["checks"]
    assert checks[3]["detail"] == "pending migrations: newer 0001; run `collegium migrate`"


async def test_plugin_in_quarantine_is_told_and_does_not_take_the_process_out(watched: Process) -> None:
    watched.deployment.set_aside["media"] = "Plugin 'media' (/x): it is broken."

    public, operators = await ready(watched), await ready(watched, TOKEN)

    assert (public.status_code, public.json()) == (200, {"status": "ok"})
    assert operators.json()["checks"][len(PARTS) :] == [
        {"name": "plugin media", "ok": False, "detail": "Plugin 'media' (/x): it is broken."}
    ]


async def test_liveness_asks_nobody(lab_settings: Settings, tmp_path: object) -> None:
    severed = msgspec.structs.replace(
        lab_settings,
        redis_url=f"unix://{tmp_path}/nobody.sock",
        database_url="postgresql+asyncpg://x:y@127.0.0.1:1/z",
    )
    async with (
        process(severed) as lab,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=lab.app)) as client,
    ):
        answer = await client.get("http://10.0.0.9/health/live")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
