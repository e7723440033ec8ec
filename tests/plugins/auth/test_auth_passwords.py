"""How passwords are hashed."""

from types import SimpleNamespace
from typing import cast
from uuid import UUID

import bcrypt
import pytest

from kernel.db import Db
from kernel.keys import Keyring
from plugins.auth import passwords
from plugins.auth.passwords import StoredPassword, hash_password, is_outdated, is_password

OLD, NEW = "o" * 40, "n" * 40
OURS = UUID(int=1)


def place(*secrets: str, cost: int = 4) -> Db:
    """Return as much of a school's database as hashing looks at."""
    settings = SimpleNamespace(password_hash_cost=cost)
    return cast(
        "Db", SimpleNamespace(tenant_id=OURS, deployment=SimpleNamespace(keyring=Keyring(secrets), settings=settings))
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [("a" * 72, "a" * 128), ("a" * 127 + "b", "a" * 128), ("word\0one", "word\0two"), ("Straße", "Strasse")],
)
async def test_passwords_that_differ_anywhere_are_different(one: str, other: str) -> None:
    here = place(OLD)
    stored = await hash_password(here, one)
    assert await is_password(here, one, stored)
    assert not await is_password(here, other, stored)


async def test_same_letters_typed_on_another_keyboard_are_the_same_password() -> None:
    here = place(OLD)
    assert await is_password(here, "Cafe\u0301-Wiese", await hash_password(here, "Caf\u00e9-Wiese"))


async def test_hash_is_worth_nothing_without_its_key() -> None:
    stored = await hash_password(place(OLD), "Wiese-im-Mai-7")
    assert stored.key_id == Keyring([OLD]).newest_kid
    assert await is_password(place(NEW, OLD), "Wiese-im-Mai-7", stored)
    assert not await is_password(place(NEW), "Wiese-im-Mai-7", stored)


async def test_hash_is_outdated_under_an_older_key_or_at_another_cost() -> None:
    stored = await hash_password(place(OLD), "Wiese-im-Mai-7")
    assert [is_outdated(each, stored) for each in (place(OLD), place(NEW, OLD), place(OLD, cost=5))] == [
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
    here = place(OLD, cost=5)
    stored = await hash_password(here, "Wiese-im-Mai-7")
    unknown_key = StoredPassword(stored.hash, "00000000")
    assert [await is_password(here, "x", each) for each in (stored, None, unknown_key)] == [False, False, False]
    assert [each[:7] for each in hashed] == [b"$2b$05$"] * 3


async def test_list_of_common_passwords_is_real() -> None:
    common = await passwords.common_passwords()
    assert len(common) == 10_000
    assert {"password", "123456789", "qwertyuiop", "letmein", "iloveyou"} <= common
    assert common == {word.lower() for word in common}
