"""`/metrics`: for the operator alone, with labels that stay few, added up over processes, and told by workers too."""

import asyncio
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError

import msgspec
import pytest

from kernel.embedded import Stack
from kernel.metrics_route import numbers
from kernel.settings import Settings
from kernel.tasks import enqueue
from kernel.testing import School
from tests.e2e.conftest import free_port
from tests.kernel.conftest import Process, process, sign_in
from tests.kernel.probe.background import ERRAND, Errand, Stage, background_settings, staged, until, working

TOKEN = "an operator's token"


@pytest.fixture
async def told(lab_settings: Settings) -> AsyncIterator[Process]:
    """A process with an operator's token."""
    settings = msgspec.structs.replace(lab_settings, operator_token=TOKEN, metrics_by_tenant=True)
    async with process(settings) as made:
        yield made


async def _numbers(made: Process, school: School) -> dict[str, float]:
    client = await made.client(school, Authorization=f"Bearer {TOKEN}")
    answer = await client.get(f"http://{school.host}/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return _parsed(answer.text)


def _parsed(text: str) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


async def test_metrics_open_to_the_operators_token_alone(lab: Process, told: Process) -> None:
    school = await told.school()
    address = f"http://{school.host}/metrics"

    assert (await (await lab.client(school, Authorization=f"Bearer {TOKEN}")).get(address)).status_code == 404
    for headers in ({}, {"Authorization": "Bearer wrong"}, (await sign_in(school, "admin")).headers):
        answer = await (await told.client(school)).get(address, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "kernel.unauthenticated")
    await _numbers(told, school)


async def test_requests_are_counted_by_template_and_status(told: Process) -> None:
    school = await told.school({"security": {"rate_limits": {"login_per_minute": 1, "api_per_minute": 1000}}})
    client = await told.client(school)
    admin = await sign_in(school, "admin")
    for number in range(3):
        await client.get(f"/lab/things/{'0' * 32}"[:-1] + str(number), headers=admin.headers)
        await client.get(f"/nowhere/{number}")
        await client.request("BREW", f"/lab/open/{number}")
    for _ in range(2):
        await client.post("/lab/login", json={"name": "a"})

    found = await _numbers(told, school)

    tenant = f'tenant="{school.tenant.slug}"'
    things = 'method="GET",route="/api/v1/lab/things/{thing_id}"'
    assert found[f'collegium_requests_total{{{things},status="404",{tenant}}}'] == 3
    assert found[f"collegium_request_seconds_count{{{things}}}"] >= 3
    login = 'method="POST",route="/api/v1/lab/login"'
    assert found[f'collegium_requests_total{{{login},status="429",{tenant}}}'] == 1
    assert found['collegium_rate_limited_total{door="login"}'] >= 1
    assert found['collegium_requests_total{method="GET",route="none",status="404",tenant=""}'] >= 3
    assert found['collegium_requests_total{method="other",route="none",status="404",tenant=""}'] >= 1
    assert not [name for name in found if "nowhere" in name or "BREW" in name or str(admin.user_id) in name]
    assert found["collegium_database_up"] == 1
    assert found['collegium_database_connections{server="primary",state="in_use"}'] >= 0


async def test_metrics_are_told_while_postgresql_is_away(told: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    school = await told.school()
    away = told.deployment.settings.worker_database_url.replace("host=", "host=/nowhere")
    told.deployment.settings = msgspec.structs.replace(told.deployment.settings, worker_database_url=away)

    found = await _numbers(told, school)

    assert found["collegium_database_up"] == 0
    assert not [name for name in found if name.startswith("collegium_backlog{")]


@pytest.fixture(scope="module")
async def own_settings(stack: Stack, settings: Settings) -> Settings:
    return msgspec.structs.replace(await background_settings(stack, settings), operator_token=TOKEN)


@pytest.fixture
async def stage(own_settings: Settings) -> AsyncIterator[Stage]:
    async with staged(own_settings) as stage:
        yield stage


async def test_background_work_is_counted_by_name_and_outcome(stage: Stage) -> None:
    before = _parsed((await numbers(stage.deployment)).decode())
    await stage.publish("a")
    async with stage.db() as db:
        await enqueue(db, ERRAND, Errand("a"))
        await enqueue(db, ERRAND, Errand("b", "fail"))
    waiting = _parsed((await numbers(stage.deployment)).decode())
    async with working(stage):
        await until(lambda: _is(stage, [("probe.errand", "queued", 1)]))
        await until(lambda: _no_events(stage))
    after = _parsed((await numbers(stage.deployment)).decode())

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert waiting['collegium_backlog{kind="task",state="waiting"}'] >= 2
    assert waiting['collegium_backlog{kind="event",state="waiting"}'] >= 2
    assert waiting['collegium_backlog_oldest_seconds{kind="event"}'] > 0
    assert grown('collegium_events_total{listener="probe.first",outcome="done"}') == 1
    assert grown('collegium_tasks_total{outcome="done",task="probe.errand"}') == 1
    assert grown('collegium_tasks_total{outcome="failed",task="probe.errand"}') == 1
    assert grown('collegium_task_seconds_count{task="probe.errand"}') == 2


async def _is(stage: Stage, jobs: list[tuple[str, str, int]]) -> bool:
    return await stage.jobs() == jobs


async def _no_events(stage: Stage) -> bool:
    return await stage.outbox() == []


COUNTING = """
import sys
from kernel.settings import share_metrics
share_metrics(sys.argv[1])
from kernel.metrics import CONNECTIONS, EVENTS, exposition
EVENTS.labels("a.b", "done").inc()
CONNECTIONS.labels("primary", "in_use").set(3)
print(exposition([]).decode())
"""


def test_processes_add_their_numbers_up_and_the_dead_hold_no_connections(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COUNTING, str(tmp_path)]
    subprocess.run(command, capture_output=True, check=True)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = _parsed(done.stdout)

    assert found['collegium_events_total{listener="a.b",outcome="done"}'] == 2
    assert found['collegium_database_connections{server="primary",state="in_use"}'] == 3


def _read(address: str, token: str) -> tuple[int, str]:
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""


async def test_a_worker_tells_its_numbers_at_a_port_of_its_own(own_settings: Settings) -> None:
    port = free_port()
    settings = msgspec.structs.replace(own_settings, metrics_port=port, log_format="json")
    address = f"http://127.0.0.1:{port}/metrics"
    with _worker(settings) as worker:
        await until(lambda: _answers(address))
        assert await asyncio.to_thread(_read, address, "wrong") == (401, "")
        assert (await asyncio.to_thread(_read, address.replace("metrics", "other"), TOKEN))[0] == 404
        _, text = await asyncio.to_thread(_read, address, TOKEN)
        assert _parsed(text)["collegium_database_up"] == 1
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait, 20) == 0


@contextmanager
def _worker(settings: Settings) -> Iterator["subprocess.Popen[bytes]"]:
    started = subprocess.Popen(
        [sys.executable, "-m", "kernel.cli", "worker"], env={**os.environ, **settings.environment()}
    )
    try:
        yield started
    finally:
        started.kill()
        started.wait()


async def _answers(address: str) -> bool:
    return (await asyncio.to_thread(_read, address, TOKEN))[0] == 200
