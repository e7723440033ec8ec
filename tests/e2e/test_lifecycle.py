"""Starting, stopping, crashing: what a server leaves behind, which is nothing."""

import hashlib
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.conftest import Server, StartServer, free_port

KEY = "a key for tests only long enough for that 0123456789"


def processes_of(server: Server) -> list[str]:
    """Return the command lines of what runs for a server's data directory: itself, its workers, its stack."""
    marks = (str(server.data_dir), hashlib.sha256(str(server.data_dir.resolve()).encode()).hexdigest()[:12])
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            is_worker = process.ppid() == server.process.pid or process.pid == server.process.pid
        except psutil.Error:
            continue
        if process.status() != psutil.STATUS_ZOMBIE and (is_worker or any(mark in line for mark in marks)):
            found.append(line)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_server_leaves_no_process_behind(start_server: StartServer, number: signal.Signals) -> None:
    server = start_server("--workers", "2", environment={"COLLEGIUM_SECRET_KEYS": KEY}).wait()
    assert processes_of(server) != []

    server.stop(number)

    assert processes_of(server) == []


def test_killed_server_is_followed_by_one_that_cleans_up(start_server: StartServer) -> None:
    environment = {"COLLEGIUM_SECRET_KEYS": KEY}
    killed = start_server(environment=environment).wait()
    killed.kill()
    assert processes_of(killed) != [], "the stack outlives its killed parent; else this test shows nothing"

    second = start_server(environment=environment).wait()
    second.stop()

    assert processes_of(killed) == []
    assert processes_of(second) == []


def test_two_data_directories_serve_side_by_side(start_server: StartServer) -> None:
    environment = {"COLLEGIUM_SECRET_KEYS": KEY}
    servers = [start_server(name=name, environment=environment) for name in ("one", "two")]

    answers = [httpx.get(f"{server.wait().url}/health/ready").json() for server in servers]

    assert answers == [{"status": "ok"}, {"status": "ok"}]


def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kernel.cli", *arguments],
        env={"PATH": "/usr/bin:/bin", **(environment or {})},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        refused = run("serve", "--demo", "--port", str(port), "--data-dir", str(tmp_path / "data"))

    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        f"collegium: Cannot listen on 127.0.0.1 port {port}: Address already in use. Choose another with --port.\n"
    )
    assert not (tmp_path / "data").exists()


def test_server_without_keys_refuses_to_start_outside_the_demo(tmp_path: Path) -> None:
    refused = run("serve", "--port", str(free_port()), "--data-dir", str(tmp_path / "data"))

    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1] == (
        "collegium: COLLEGIUM_SECRET_KEYS is not set. Give one of at least 32 random characters, or try --demo."
    )


def test_data_directory_of_a_demo_is_never_served_to_others(tmp_path: Path) -> None:
    (tmp_path / "demo").touch()

    for environment in ({}, {"COLLEGIUM_SECRET_KEYS": KEY}):
        refused = run("serve", "--host", "0.0.0.0", "--data-dir", str(tmp_path), environment=environment)

        assert (refused.returncode, refused.stderr) == (
            2,
            f"collegium: {tmp_path} holds a demonstration, whose accounts are known to everyone: it serves on "
            "127.0.0.1 only. Give another --data-dir.\n",
        )
