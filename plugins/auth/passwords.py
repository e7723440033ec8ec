"""How passwords are kept (rule 23 of the security design): bcrypt over a keyed hash, in threads of its own.

Callers hold no database connection meanwhile. What a good password is stands in `rules`, the threads in
`hashing_threads`.
"""

import asyncio
import hmac
import os
import runpy
import sys
import unicodedata
from base64 import b64encode
from functools import cache
from importlib.metadata import distribution

import bcrypt
from msgspec import Struct

from kernel.db import Db
from plugins.auth.hashing_threads import HashingThreads

_WAITING_PER_THREAD = 16
_COMMON = 10_000
_NOBODY = "$2b${cost:02}$......................" + "." * 31


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


threads = HashingThreads(cores(), cores() * _WAITING_PER_THREAD)


class StoredPassword(Struct, frozen=True):
    """A password as the database has it, and which key it was hashed under."""

    hash: str
    key_id: str


async def hash_password(db: Db, password: str) -> StoredPassword:
    """Return a new hash under the newest key, at the deployment's cost, when it is the tenant's turn.

    Raises:
        PasswordsBusy: Too many passwords wait.
    """
    key = db.deployment.keyring.derive("password")[0]
    prepared = _prepare(key.key, password)
    salt = bcrypt.gensalt(db.deployment.settings.password_hash_cost)
    return StoredPassword((await threads.run(db.tenant_id, bcrypt.hashpw, prepared, salt)).decode(), key.kid)


async def is_password(db: Db, password: str, stored: StoredPassword | None) -> bool:
    """Whether this is the stored password; takes as long where there is none.

    Raises:
        PasswordsBusy: Too many passwords wait.
    """
    keys = {key.kid: key.key for key in db.deployment.keyring.derive("password")}
    if stored is None or stored.key_id not in keys:
        nobody = _NOBODY.format(cost=db.deployment.settings.password_hash_cost).encode()
        await threads.run(db.tenant_id, bcrypt.checkpw, _prepare(next(iter(keys.values())), password), nobody)
        return False
    return await threads.run(
        db.tenant_id, bcrypt.checkpw, _prepare(keys[stored.key_id], password), stored.hash.encode()
    )


def is_outdated(db: Db, stored: StoredPassword) -> bool:
    """Whether the hash was made under an older key or at another cost than a new one would be."""
    cost = f"$2b${db.deployment.settings.password_hash_cost:02}$"
    return stored.key_id != db.deployment.keyring.newest_kid or not stored.hash.startswith(cost)


def _prepare(key: bytes, password: str) -> bytes:
    # Keyed, or hashes of breached lists could be tried; base64, or bcrypt would stop at a NUL; 64 of its 72 bytes.
    typed = unicodedata.normalize("NFKC", password).encode()
    return b64encode(hmac.digest(key, typed, "sha384"))


async def common_passwords() -> frozenset[str]:
    """Return the most common passwords, in small letters."""
    return await asyncio.to_thread(_common_passwords)


@cache
def _common_passwords() -> frozenset[str]:
    # Read as a file of its own: importing the package keeps 15 MB of other dictionaries in memory.
    file = distribution("zxcvbn").locate_file("zxcvbn/frequency_lists.py")
    lists = runpy.run_path(str(file))["FREQUENCY_LISTS"]
    return frozenset(lists["passwords"][:_COMMON])
