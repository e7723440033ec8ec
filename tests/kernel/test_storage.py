"""What every storage does, in a directory and in a bucket: whole objects or none, safe keys, ranges equal to slices."""

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from kernel.clock import now
from kernel.errors import TooLarge
from kernel.ids import new_id
from kernel.storage import ObjectNotFound, ObjectStat, Storage, StoredObject, storage_from_url
from kernel.storage.directory import WRITE_BYTES
from kernel.storage.objects import READ_BYTES
from kernel.storage.s3 import S3Storage
from tests.kernel.objects import OTHER_TENANT, TENANT, a_key, put, read, stored_in, stream

Remains = Callable[[], Awaitable[list[str]]]
Plant = Callable[[str], Awaitable[None]]


@pytest.fixture(params=["directory", "bucket"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    url = (tmp_path / "objects").as_uri()
    if request.param == "bucket":
        url = request.getfixturevalue("s3_server").new_url()
    storage = storage_from_url(url)
    await storage.prepare()
    yield storage
    await storage.aclose()


@pytest.fixture
def remains(storage: Any, tmp_path: Path) -> Remains:
    """Tell everything that the storage holds, unfinished uploads too."""
    return lambda: stored_in(storage, tmp_path / "objects")


@pytest.fixture
def plant(storage: Any, tmp_path: Path) -> Plant:
    """Put something of another program under a name that is no key."""

    async def plant(name: str) -> None:
        if isinstance(storage, S3Storage):
            bucket = storage._bucket
            await asyncio.to_thread(bucket.client.put_object, bucket.name, name, BytesIO(b"x"), 1)
        else:
            (tmp_path / "objects" / name).write_bytes(b"x")

    return plant


async def test_put_stores_a_stream_and_tells_its_facts(storage: Storage, remains: Remains) -> None:
    key = a_key()
    chunks = [os.urandom(size) for size in (0, 1, 70_000, WRITE_BYTES, 3)]
    before = now().replace(microsecond=0)

    stored = await storage.put(key, stream(*chunks), content_type="video/mp4", max_bytes=10_000_000)

    data = b"".join(chunks)
    assert await read(storage, key, 0, len(data)) == data
    assert stored == StoredObject(
        key=key,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        content_type="video/mp4",
        modified_at=stored.modified_at,
    )
    assert before <= stored.modified_at <= now() + timedelta(seconds=1)
    assert await storage.stat(key) == ObjectStat(key=key, size_bytes=len(data), modified_at=stored.modified_at)
    assert await remains() == [key]


async def test_put_stores_an_empty_object(storage: Storage) -> None:
    stored = await put(storage, b"")

    assert (stored.size_bytes, stored.sha256) == (0, hashlib.sha256(b"").hexdigest())
    assert (await storage.stat(stored.key)).size_bytes == 0


async def test_put_takes_exactly_the_limit(storage: Storage) -> None:
    stored = await storage.put(a_key(), stream(b"12", b"345"), content_type="text/plain", max_bytes=5)

    assert stored.size_bytes == 5


async def test_put_stops_reading_as_soon_as_the_limit_is_passed(storage: Storage, remains: Remains) -> None:
    given = []

    async def endless() -> AsyncGenerator[bytes, None]:
        while True:
            given.append(WRITE_BYTES)
            yield bytes(WRITE_BYTES)

    async with aclosing(endless()) as chunks:
        with pytest.raises(TooLarge) as refusal:
            await storage.put(a_key(), chunks, content_type="video/mp4", max_bytes=3 * WRITE_BYTES)

    assert (refusal.value.status, refusal.value.code) == (413, "kernel.too_large")
    assert len(given) == 4
    assert await remains() == []


async def test_put_leaves_nothing_when_the_stream_breaks(storage: Storage, remains: Remains) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(WRITE_BYTES)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await storage.put(a_key(), broken(), content_type="video/mp4", max_bytes=10**9)

    assert await remains() == []


@pytest.mark.parametrize("turns", range(12))
async def test_put_leaves_all_or_nothing_whenever_it_is_cancelled(
    storage: Storage, remains: Remains, turns: int
) -> None:
    key = a_key()
    upload = asyncio.create_task(
        storage.put(key, stream(*[bytes(WRITE_BYTES)] * 3), content_type="video/mp4", max_bytes=10**9)
    )
    for _ in range(turns):
        await asyncio.sleep(0)
    upload.cancel()
    outcome = (await asyncio.gather(upload, return_exceptions=True))[0]

    assert await remains() == ([key] if isinstance(outcome, StoredObject) else [])


async def test_put_replaces_an_object_whole(storage: Storage, remains: Remains) -> None:
    key = (await put(storage, b"a longer first version")).key
    await put(storage, b"second", key)

    assert await read(storage, key, 0, 6) == b"second"
    assert await remains() == [key]


async def test_check_passes_on_a_prepared_storage_and_leaves_nothing(storage: Storage, remains: Remains) -> None:
    await storage.check()

    assert await remains() == []


@pytest.mark.parametrize("size", [1, READ_BYTES - 1, READ_BYTES, READ_BYTES + 1, 3 * READ_BYTES + 7])
async def test_open_range_gives_the_same_bytes_as_a_slice(storage: Storage, size: int) -> None:
    data = os.urandom(size)
    key = (await put(storage, data)).key
    cuts = sorted({0, 1, size // 2, READ_BYTES - 1, READ_BYTES, READ_BYTES + 1, size - 1, size})
    spans = [(start, end) for start in cuts for end in cuts if 0 <= start <= end <= size]

    assert [await read(storage, key, *span) for span in spans] == [data[start:end] for start, end in spans]


async def test_open_range_gives_large_chunks(storage: Storage) -> None:
    key = (await put(storage, bytes(2 * READ_BYTES + 5))).key

    assert [len(chunk) async for chunk in storage.open_range(key, 0, 2 * READ_BYTES + 5)] == [READ_BYTES, READ_BYTES, 5]


async def test_a_lent_object_is_a_file_whose_end_is_not_the_objects(storage: Storage, tmp_path: Path) -> None:
    data = os.urandom(2 * READ_BYTES + 7)
    key = (await put(storage, data)).key
    path = tmp_path / "lent"

    await storage.lend(key, path)
    assert path.read_bytes() == data
    with pytest.raises(Exception, match="exists"):
        await storage.lend(key, path)
    path.unlink()

    assert await read(storage, key, 0, len(data)) == data
    for absent in (a_key(), a_key("/part.ts")):
        with pytest.raises(ObjectNotFound):
            await storage.lend(absent, path)
    assert not path.is_symlink()
    assert not path.exists()


async def test_an_absent_object_is_not_found(storage: Storage) -> None:
    for key in (a_key(), a_key("/part.ts"), a_key("")):
        with pytest.raises(ObjectNotFound) as refusal:
            await storage.stat(key)
        assert (refusal.value.status, refusal.value.code) == (404, "kernel.object_not_found")
        with pytest.raises(ObjectNotFound):
            await read(storage, key, 0, 1)


async def test_the_directory_of_parts_is_no_object(storage: Storage, remains: Remains) -> None:
    part = (await put(storage, b"data", a_key("/1.ts"))).key
    directory = part.rpartition("/")[0]

    with pytest.raises(ObjectNotFound):
        await storage.stat(directory)
    with pytest.raises(ObjectNotFound):
        await read(storage, directory, 0, 1)
    await storage.delete(directory)
    assert await remains() == [part]


async def test_delete_removes_an_object_once_and_then_does_nothing(storage: Storage, remains: Remains) -> None:
    kept, removed = [(await put(storage, b"data")).key for _ in range(2)]

    await storage.delete(removed)
    await storage.delete(removed)

    assert await remains() == [kept]


async def test_list_keys_gives_one_tenant_or_one_object(storage: Storage, plant: Plant) -> None:
    single = (await put(storage, b"data")).key
    whole = a_key("")
    parts = [(await put(storage, b"data", f"{whole}/{name}")).key for name in ("1.ts", "2.ts")]
    other = (await put(storage, b"data", a_key(tenant=OTHER_TENANT))).key
    await plant(f"{TENANT}/foreign.txt")
    await plant(f"{whole}/.hidden")

    assert sorted([key async for key in storage.list_keys(f"{TENANT}/")]) == sorted([single, *parts])
    assert sorted([key async for key in storage.list_keys(f"{whole}/")]) == parts
    assert [key async for key in storage.list_keys(f"{OTHER_TENANT}/")] == [other]
    assert [key async for key in storage.list_keys(f"{new_id()}/")] == []


@pytest.mark.parametrize(
    "key",
    [
        "",
        "file.mp4",
        "/etc/passwd",
        f"/{TENANT}/{TENANT}",
        f"{TENANT}",
        f"{TENANT}/",
        f"{TENANT}/..",
        f"{TENANT}/../{OTHER_TENANT}/{TENANT}",
        f"{TENANT}/{TENANT}/..",
        f"{TENANT}/{TENANT}/.",
        f"{TENANT}/{TENANT}/.hidden",
        f"{TENANT}/{TENANT}/a/b",
        f"{TENANT}/{TENANT}/",
        f"{TENANT}/{TENANT}/a b",
        f"{TENANT}/{TENANT}/{'a' * 101}",
        f"{TENANT}/{TENANT}.MP4",
        f"{TENANT}/{TENANT}.tar.gz",
        f"{TENANT}/{TENANT}.mp4\n",
        f"{TENANT}/{TENANT}.mp4\0",
        f"{TENANT}/{TENANT.hex}",
        f"{str(TENANT).upper()}/{TENANT}",
        f"{TENANT}\\{TENANT}",
        f"{TENANT}/{str(TENANT)[:-1]}\N{FULLWIDTH DIGIT ONE}",
        ".incoming/x",
    ],
)
async def test_a_text_that_is_no_key_is_refused_everywhere(storage: Storage, remains: Remains, key: str) -> None:
    with pytest.raises(ValueError, match="is not a storage key"):
        await put(storage, b"data", key or " ")
    with pytest.raises(ValueError, match="is not a storage key"):
        await storage.stat(key)
    with pytest.raises(ValueError, match="is not a storage key"):
        await storage.delete(key)
    with pytest.raises(ValueError, match="is not a storage key"):
        await read(storage, key, 0, 1)
    with pytest.raises(ValueError, match="is not a storage key"):
        await storage.lend(key, Path("nowhere"))
    assert await remains() == []


@pytest.mark.parametrize("prefix", ["", "/", "..", str(TENANT), f"{TENANT}/x", f"{TENANT}/../", ".incoming/"])
async def test_a_text_that_is_no_prefix_is_refused(storage: Storage, prefix: str) -> None:
    with pytest.raises(ValueError, match="is not a prefix"):
        [key async for key in storage.list_keys(prefix)]
