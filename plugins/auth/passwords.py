"""How passwords are kept (rule 23 of the security design): bcrypt over a keyed hash, in threads of its own.

Callers hold no database connection meanwhile. What a good password is stands in `rules`.
"""

import asyncio
import hmac
import os
import runpy
import sys
import threading
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from importlib.metadata import distribution
from typing import Any, TypeVar

import bcrypt
from msgspec import Struct

from kernel.deployment import Deployment
from plugins.auth.errors import PasswordsBusy

R = TypeVar("R")
_WAITING_PER_THREAD = 16
_STEPS_BACK = 10
"""Of `nice`: a tenth of the share of a thread that has not stepped back, where both want the core."""
_COMMON = 10_000
_NOBODY = "$2b${cost:02}$......................" + "." * 31


def step_back() -> None:
    """Let this thread run only where nothing else of the process wants to; elsewhere than on Linux nothing happens."""
    if sys.platform == "linux":
        # Linux has a priority for each thread; other systems would take that of the whole process.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + _STEPS_BACK)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


class HashingThreads:
    """As many threads as cores, and a short queue: who would wait long is refused at once.

    They step back behind everything else of the process: a hash takes a core for a quarter of a second, and whoever is
    signed in already must not feel how many others are signing in.

    Args:
        threads: Hashes at the same time.
        most_waiting: Further ones that may wait.
    """

    def __init__(self, threads: int, most_waiting: int) -> None:
        self.load = 0
        """Hashes that run or wait."""
        self._most = threads + most_waiting
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="passwords", initializer=step_back)

    async def run(self, work: Callable[..., R], *arguments: Any) -> R:
        """Return what `work` returns, run in one of the threads.

        Raises:
            PasswordsBusy: Too many wait already.
        """
        with self._lock:
            if self.load >= self._most:
                raise PasswordsBusy(headers={"Retry-After": "5"})
            self.load += 1
        future = self._executor.submit(work, *arguments)
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _done: Future[Any]) -> None:
        with self._lock:
            self.load -= 1


threads = HashingThreads(cores(), cores() * _WAITING_PER_THREAD)


class StoredPassword(Struct, frozen=True):
    """A password as the database has it, and which key it was hashed under."""

    hash: str
    key_id: str


async def hash_password(deployment: Deployment, password: str) -> StoredPassword:
    """Return a new hash under the newest key, at the deployment's cost.

    Raises:
        PasswordsBusy: Too many passwords wait.
    """
    key = deployment.keyring.derive("password")[0]
    prepared = _prepare(key.key, password)
    salt = bcrypt.gensalt(deployment.settings.password_hash_cost)
    return StoredPassword((await threads.run(bcrypt.hashpw, prepared, salt)).decode(), key.kid)


async def is_password(deployment: Deployment, password: str, stored: StoredPassword | None) -> bool:
    """Whether this is the stored password; takes as long where there is none.

    Raises:
        PasswordsBusy: Too many passwords wait.
    """
    keys = {key.kid: key.key for key in deployment.keyring.derive("password")}
    if stored is None or stored.key_id not in keys:
        nobody = _NOBODY.format(cost=deployment.settings.password_hash_cost).encode()
        await threads.run(bcrypt.checkpw, _prepare(next(iter(keys.values())), password), nobody)
        return False
    return await threads.run(bcrypt.checkpw, _prepare(keys[stored.key_id], password), stored.hash.encode())


def is_outdated(deployment: Deployment, stored: StoredPassword) -> bool:
    """Whether the hash was made under an older key or at another cost than a new one would be."""
    cost = f"$2b${deployment.settings.password_hash_cost:02}$"
    return stored.key_id != deployment.keyring.newest_kid or not stored.hash.startswith(cost)


def _prepare(key: bytes, password: str) -> bytes:
    # Keyed, or hashes of breached lists could be tried; base64, or bcrypt would stop at a NUL; 64 of its 72 bytes.
    typed = unicodedata.normalize("NFKC", password).encode()
    return b64encode(hmac.digest(key, typed, "sha384"))


async def common_passwords() -> frozenset[str]:
    """Return the most common passwords, in small letters."""
    return await threads.run(_common_passwords)


@cache
def _common_passwords() -> frozenset[str]:
    # Read as a file of its own: importing the package keeps 15 MB of other dictionaries in memory.
    file = distribution("zxcvbn").locate_file("zxcvbn/frequency_lists.py")
    lists = runpy.run_path(str(file))["FREQUENCY_LISTS"]
    return frozenset(lists["passwords"][:_COMMON])
