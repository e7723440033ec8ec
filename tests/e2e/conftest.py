"""A running server for the whole story: `collegium serve`, two processes, its own stack, real sockets."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from kernel.embedded.lock import start_lock
from tests.e2e.environments import ROOT, SAMPLE, Wheels, build_wheel
from tests.s3 import s3_server

__all__ = ["s3_server"]

START_BOUND_S = 90
STOP_BOUND_S = 60
COLLEGIUM = (sys.executable, "-m", "kernel.cli")


class Server:
    """A server process of a test, its data directory and what it printed."""

    def __init__(
        self,
        data_dir: Path,
        *arguments: str,
        environment: dict[str, str] | None = None,
        program: Sequence[str] = COLLEGIUM,
    ) -> None:
        self.data_dir = data_dir
        self._program = program
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = data_dir.parent / f"{data_dir.name}-{self.port}.log"
        self._environment = {**os.environ, "COLLEGIUM_PASSWORD_HASH_COST": "4", **(environment or {})}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command("serve", "--port", str(self.port), *arguments),
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=data_dir.parent,
                start_new_session=True,
            )

    def command(self, *arguments: str) -> list[str]:
        """Return a `collegium` command for this server's data directory."""
        return [*self._program, *arguments, "--data-dir", str(self.data_dir)]

    def collegium(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a `collegium` command beside the server."""
        return subprocess.run(
            self.command(*arguments),
            env=self._environment,
            cwd=self.data_dir.parent,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def printed(self) -> str:
        """What the server has printed so far."""
        return self._log.read_text(errors="replace")

    def wait(self) -> "Server":
        """Return once the server says that it is ready."""
        end = time.monotonic() + START_BOUND_S
        while time.monotonic() < end:
            assert self.process.poll() is None, self.printed
            try:
                if httpx.get(f"{self.url}/health/ready", timeout=5).status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready in {START_BOUND_S} s:\n{self.printed}")

    def kill(self) -> None:
        """End it without a word, as a crash would: it and its workers."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop it as Ctrl-C does and wait for its end."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        self.process.wait(STOP_BOUND_S)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory, run_worker_name: str) -> Wheels:
    """The wheels of Collegium and of the sample plugin."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if run_worker_name else base) / "wheels"
    folder.mkdir(exist_ok=True)
    with start_lock(folder):
        if not (folder / "ready").exists():
            build_wheel(ROOT, folder / "collegium")
            build_wheel(SAMPLE, folder / "polls")
            (folder / "ready").touch()
    [collegium], [polls] = folder.glob("collegium/*.whl"), folder.glob("polls/*.whl")
    return Wheels(collegium, polls)


StartServer = Callable[..., Server]


@pytest.fixture(scope="session")
def demo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demo as `make run` serves it, with two server processes."""
    allowed = {"COLLEGIUM_OUTBOUND_ALLOW": "127.0.0.1"}  # servers of the tests themselves
    server = Server(tmp_path_factory.mktemp("demo") / "data", "--demo", "--workers", "2", environment=allowed)
    try:
        server.wait()
        limits = [
            f"security.rate_limits.{name}_per_minute=1000000"
            for name in ("api", "login", "redeem", "upload", "progress")
        ]
        done = server.collegium("tenants", "set", "default", *limits)
        assert done.returncode == 0, done.stderr
        yield server
    finally:
        server.stop()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """A function that starts a server of its own; all are stopped at the end."""
    servers: list[Server] = []

    def start(*arguments: str, name: str = "data", **options: Any) -> Server:
        server = Server(tmp_path / name, *arguments, **options)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()
