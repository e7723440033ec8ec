"""Every plugin, switched off for one school by one process, is gone in the other processes at once, and only there."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from kernel.plugin import discover
from kernel.testing import App, AppFactory, Ask, School, check_conformance
from polls import plugin as polls
from tests.e2e.conftest import COLLEGIUM, START_BOUND_S, free_port

SAMPLE = Path(polls.__file__).parents[1]


@pytest.fixture(scope="module")
def installed_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that makes the sample plugin an installed one for whoever has it in PYTHONPATH."""
    folder = tmp_path_factory.mktemp("installed")
    description = folder / "collegium_polls-1.0.0.dist-info"
    description.mkdir()
    (description / "METADATA").write_text("Metadata-Version: 2.4\nName: collegium-polls\nVersion: 1.0.0\n")
    (description / "entry_points.txt").write_text("[collegium.plugins]\npolls = polls.plugin:PLUGIN\n")
    (folder / "polls").symlink_to(SAMPLE / "polls")
    return folder


@pytest.fixture(scope="module")
async def app(app_with: AppFactory) -> App:
    """A third process of the deployment: this one, with every installed plugin and polls."""
    return await app_with(*(plugin.name for plugin in discover()), polls)


@pytest.fixture(scope="module")
def environment(app: App, installed_sample: Path) -> Mapping[str, str]:
    """What makes a program part of the same deployment."""
    return {**os.environ, **app.deployment.settings.environment(), "PYTHONPATH": str(installed_sample)}


@pytest.fixture(scope="module")
def addresses(environment: Mapping[str, str]) -> Iterator[list[str]]:
    """Two server processes."""
    ports = [free_port(), free_port()]
    servers = [subprocess.Popen([*COLLEGIUM, "serve", "--port", str(port)], env=environment) for port in ports]
    try:
        for server, port in zip(servers, ports, strict=True):
            _wait(server, f"http://127.0.0.1:{port}/health/ready")
        yield [f"http://127.0.0.1:{port}" for port in ports]
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait(START_BOUND_S)


def _wait(server: "subprocess.Popen[bytes]", address: str) -> None:
    end = time.monotonic() + START_BOUND_S
    while time.monotonic() < end:
        assert server.poll() is None
        try:
            if httpx.get(address, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"not ready in {START_BOUND_S} s")


@pytest.fixture
async def servers(addresses: list[str]) -> AsyncIterator[list[Ask]]:
    """How to ask each of them."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(httpx.AsyncClient(base_url=each, timeout=30)) for each in addresses]
        yield [_asking(client) for client in clients]


def _asking(client: httpx.AsyncClient) -> Ask:
    async def ask(school: School, method: str, path: str, headers: Mapping[str, str]) -> httpx.Response:
        return await client.request(method, path, headers={**headers, "Host": school.host})

    return ask


async def test_every_plugin_conforms_on_two_processes(
    app: App, servers: list[Ask], environment: Mapping[str, str]
) -> None:
    async def switch(school: School, plugin: str, on: bool) -> None:
        if plugin != "courses":
            await (school.switch_on(plugin) if on else school.switch_off(plugin))
            return
        command = ["tenants", "plugins", school.tenant.slug, "--enable" if on else "--disable", plugin]
        done = await asyncio.create_subprocess_exec(*COLLEGIUM, *command, env=environment, stdout=subprocess.DEVNULL)
        assert await done.wait() == 0

    done = await check_conformance(app, servers=servers, switch=switch)

    assert set(done) == {plugin.name for plugin in discover()} | {"polls"}
