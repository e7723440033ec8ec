"""Runs an S3 server for as long as anybody uses it, so that it ends however its users end.

A program of its own, of the standard library alone: `python tests/s3_keeper.py FOLDER DATA PORT COMMAND...`. The locks
are those of `kernel.embedded.lock`.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def keep(folder: Path, data: Path, port: int, command: list[str]) -> None:
    """Start the command, and end it once nobody uses it."""
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        while server.poll() is None:
            if _is_unused(folder, port):
                with _locked(folder / "start.lock", fcntl.LOCK_EX):  # nobody begins to use it meanwhile
                    if _is_unused(folder, port):
                        server.kill()  # its own way of ending takes half a minute
                        break
            time.sleep(0.3)
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(data, ignore_errors=True)


def _is_unused(folder: Path, port: int) -> bool:
    """Say whether nobody holds the users' lock, or whoever does uses a later server."""
    with suppress(FileNotFoundError):
        if json.loads((folder / "server.json").read_text()) != port:
            return True
    try:
        with _locked(folder / "users.lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
            return True
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
