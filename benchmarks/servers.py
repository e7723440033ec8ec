"""Server processes: started on their cores, asked whether they are ready, weighed, and ended by their own id."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import psutil

from benchmarks.cores import pin
from kernel.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
MEBIBYTE = 1024 * 1024
_PAUSE_S = 0.02
_LONGEST_START_S = 240.0
_LONGEST_STOP_S = 30.0


class ServerFailed(Exception):
    """A server did not start; the text carries the end of its log."""


class Memory(msgspec.Struct, frozen=True):
    """What a process holds, in MiB: resident, and its own share of that (None where the system does not tell)."""

    rss: float
    pss: float | None


class Server:
    """A running server."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port
        self._process = psutil.Process(pid)

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used so far."""
        times = self._process.cpu_times()
        return times.user + times.system

    def memory(self) -> Memory:
        """Return what it holds now."""
        full = self._process.memory_full_info()
        pss = getattr(full, "pss", None)
        return Memory(full.rss / MEBIBYTE, None if pss is None else pss / MEBIBYTE)


class Start(msgspec.Struct, frozen=True):
    """How to start a process.

    Args:
        words: What follows the name of the interpreter.
        environment: Of `COLLEGIUM_*`; none of the caller's own gets through.
        log: Where what it prints goes.
        cores: On which it runs.
        probe: The path at which a server answers 200 once it is ready.
    """

    words: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    cores: frozenset[int]
    probe: str = "/health/ready"


def serve_words(port: int, *options: str) -> list[str]:
    """Return the words of `collegium serve` at a port."""
    return ["-m", "kernel.cli", "serve", "--host", HOST, "--port", str(port), *options]


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the settings as a server reads them; what is empty stays unset."""
    return {name: value for name, value in settings.environment().items() if value}


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def started(start: Start) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process for as long as the block lasts; whether it is ready, nobody has asked."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with start.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *start.words],
            env={**outside, **start.environment},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        pin(process.pid, start.cores)
        yield process
    finally:
        _end(process)


@contextmanager
def running(start: Start, port: int) -> Iterator[Server]:
    """Run a server, ready to answer, for as long as the block lasts.

    Raises:
        ServerFailed: It ended, or did not answer in time.
    """
    with started(start) as process:
        _wait_until_ready(process, start, port)
        yield Server(process.pid, port)


def _wait_until_ready(process: "subprocess.Popen[bytes]", start: Start, port: int) -> None:
    deadline = time.monotonic() + _LONGEST_START_S
    with httpx.Client(base_url=f"http://{HOST}:{port}", trust_env=False) as client:
        while time.monotonic() < deadline and process.poll() is None:
            if _answers(client, start.probe):
                return
            time.sleep(_PAUSE_S)
    tail = start.log.read_text(errors="replace")[-2000:]
    raise ServerFailed(f"`{' '.join(start.words)}` is not ready (exit code {process.poll()}). Its log ends:\n{tail}")


def _answers(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_LONGEST_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
