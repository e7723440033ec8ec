"""How passwords are hashed, and who waits for it."""

import asyncio
import os
import sys
import threading
from types import SimpleNamespace
from typing import Any, cast

import bcrypt
import pytest

from kernel.deployment import Deployment
from kernel.keys import Keyring
from plugins.auth import passwords
from plugins.auth.errors import PasswordsBusy
from plugins.auth.passwords import HashingThreads, StoredPassword, hash_password, is_outdated, is_password

OLD, NEW = "o" * 40, "n" * 40


def deployment(*secrets: str, cost: int = 4) -> Deployment:
    """Return as much of a deployment as hashing looks at."""
    return cast(
        "Deployment", SimpleNamespace(keyring=Keyring(secrets), settings=SimpleNamespace(password_hash_cost=cost))
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [("a" * 72, "a" * 128), ("a" * 127 + "b", "a" * 128), ("word\0one", "word\0two"), ("Straße", "Strasse")],
)
async def test_passwords_that_differ_anywhere_are_different(one: str, other: str) -> None:
    here = deployment(OLD)
    stored = await hash_password(here, one)
    assert await is_password(here, one, stored)
    assert not await is_password(here, other, stored)


async def test_same_letters_typed_on_another_keyboard_are_the_same_password() -> None:
    here = deployment(OLD)
    assert await is_password(here, "Cafe\u0301-Wiese", await hash_password(here, "Caf\u00e9-Wiese"))


async def test_hash_is_worth_nothing_without_its_key() -> None:
    stored = await hash_password(deployment(OLD), "Wiese-im-Mai-7")
    assert stored.key_id == Keyring([OLD]).newest_kid
    assert await is_password(deployment(NEW, OLD), "Wiese-im-Mai-7", stored)
    assert not await is_password(deployment(NEW), "Wiese-im-Mai-7", stored)


async def test_hash_is_outdated_under_an_older_key_or_at_another_cost() -> None:
    stored = await hash_password(deployment(OLD), "Wiese-im-Mai-7")
    assert [is_outdated(each, stored) for each in (deployment(OLD), deployment(NEW, OLD), deployment(OLD, cost=5))] == [
        False,
        True,
        True,
    ]


async def test_nobody_s_password_is_hashed_at_the_same_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[bytes] = []
    check = bcrypt.checkpw

    def noted(prepared: bytes, stored: bytes) -> bool:
        hashed.append(stored)
        return check(prepared, stored)

    monkeypatch.setattr(bcrypt, "checkpw", noted)
    here = deployment(OLD, cost=5)
    stored = await hash_password(here, "Wiese-im-Mai-7")
    unknown_key = StoredPassword(stored.hash, "00000000")
    assert [await is_password(here, "x", each) for each in (stored, None, unknown_key)] == [False, False, False]
    assert [each[:7] for each in hashed] == [b"$2b$05$"] * 3


async def test_whoever_would_wait_too_long_is_refused_and_room_comes_back() -> None:
    threads, go = HashingThreads(1, 1), threading.Event()
    waiting = [asyncio.create_task(threads.run(go.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    try:
        with pytest.raises(PasswordsBusy) as refused:
            await threads.run(go.wait)
    finally:
        go.set()
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "5"})
    assert await asyncio.gather(*waiting) == [True, True]
    assert await threads.run(lambda: "room") == "room"


async def test_caller_who_gives_up_leaves_the_queue() -> None:
    threads, go = HashingThreads(1, 1), threading.Event()
    first: asyncio.Task[Any] = asyncio.create_task(threads.run(go.wait))
    second: asyncio.Task[Any] = asyncio.create_task(threads.run(go.wait))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    third: asyncio.Task[Any] = asyncio.create_task(threads.run(go.wait))
    await asyncio.sleep(0)
    go.set()
    assert (await first, await third) == (True, True)


async def test_list_of_common_passwords_is_real() -> None:
    common = await passwords.common_passwords()
    assert len(common) == 10_000
    assert {"password", "123456789", "qwertyuiop", "letmein", "iloveyou"} <= common
    assert common == {word.lower() for word in common}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
async def test_hashing_steps_back_behind_the_rest_of_the_process() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    threads = HashingThreads(1, 1)

    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await threads.run(niceness) == min(before + 10, 19)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
