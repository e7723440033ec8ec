"""The directory storage: whole objects or none, safe keys, ranges equal to slices, nothing left open."""

import asyncio
import errno
import hashlib
import os
import resource
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from datetime import timedelta
from pathlib import Path
from time import sleep
from uuid import UUID

import pytest

from kernel.clock import now
from kernel.errors import TooLarge
from kernel.ids import new_id
from kernel.storage import (
    DirectoryStorage,
    ObjectDamaged,
    ObjectNotFound,
    ObjectStat,
    StorageFull,
    StorageUnavailable,
    StoredObject,
    storage_from_url,
)
from kernel.storage.directory import READ_BYTES, WRITE_BYTES
from kernel.storage.files import Reading, Writing, storage_errors

pytestmark = pytest.mark.anyio

TENANT = UUID("0199c0de-0000-7000-8000-000000000001")
OTHER_TENANT = UUID("0199c0de-0000-7000-8000-000000000002")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[DirectoryStorage]:
    storage = DirectoryStorage(tmp_path / "objects")
    await storage.prepare()
    yield storage
    await storage.aclose()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


def a_key(ending: str = ".mp4", tenant: UUID = TENANT) -> str:
    return f"{tenant}/{new_id()}{ending}"


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def put(storage: DirectoryStorage, data: bytes, key: str | None = None) -> StoredObject:
    return await storage.put(key or a_key(), stream(data), content_type="video/mp4", max_bytes=len(data))


async def read(storage: DirectoryStorage, key: str, start: int, end: int) -> bytes:
    return b"".join([chunk async for chunk in storage.open_range(key, start, end)])


def files_below(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def is_open(path: Path) -> bool:
    """Say whether this process has the file open."""
    wanted = path.stat()
    for descriptor in Path("/dev/fd").iterdir():
        try:
            status = os.fstat(int(descriptor.name))
        except OSError:  # the descriptor of the listing itself
            continue
        if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
            return True
    return False


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_put_stores_a_stream_and_tells_its_facts(storage: DirectoryStorage, root: Path) -> None:
    key = a_key()
    chunks = [os.urandom(size) for size in (0, 1, 70_000, WRITE_BYTES, 3)]
    before = now().replace(microsecond=0)

    stored = await storage.put(key, stream(*chunks), content_type="video/mp4", max_bytes=10_000_000)

    data = b"".join(chunks)
    assert (root / key).read_bytes() == data
    assert stored == StoredObject(
        key=key,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        content_type="video/mp4",
        modified_at=stored.modified_at,
    )
    assert before <= stored.modified_at <= now()
    assert await storage.stat(key) == ObjectStat(key=key, size_bytes=len(data), modified_at=stored.modified_at)
    assert files_below(root) == [key]


async def test_put_makes_files_and_directories_that_only_the_owner_reads(storage: DirectoryStorage, root: Path) -> None:
    key = a_key("/segment-1.ts")
    await put(storage, b"data", key)

    path = root / key
    assert [p.stat().st_mode & 0o777 for p in (path, path.parent, path.parent.parent, root)] == [
        0o600,
        0o700,
        0o700,
        0o700,
    ]


async def test_put_stores_an_empty_object(storage: DirectoryStorage) -> None:
    stored = await put(storage, b"")

    assert (stored.size_bytes, stored.sha256) == (0, hashlib.sha256(b"").hexdigest())
    assert (await storage.stat(stored.key)).size_bytes == 0


async def test_put_takes_exactly_the_limit(storage: DirectoryStorage) -> None:
    stored = await storage.put(a_key(), stream(b"12", b"345"), content_type="text/plain", max_bytes=5)

    assert stored.size_bytes == 5


async def test_put_stops_reading_as_soon_as_the_limit_is_passed(storage: DirectoryStorage, root: Path) -> None:
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
    assert files_below(root) == []


async def test_put_leaves_nothing_when_the_stream_breaks(storage: DirectoryStorage, root: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(WRITE_BYTES)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await storage.put(a_key(), broken(), content_type="video/mp4", max_bytes=10**9)

    assert files_below(root) == []


async def test_put_leaves_nothing_when_it_is_cancelled(storage: DirectoryStorage, root: Path) -> None:
    stalled = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield bytes(WRITE_BYTES)
        stalled.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(storage.put(a_key(), stalling(), content_type="video/mp4", max_bytes=10**9))
    await stalled.wait()
    assert [Path(name).parent for name in files_below(root)] == [Path(".incoming")]
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload

    assert files_below(root) == []


@pytest.mark.parametrize("turns", range(12))
async def test_put_leaves_all_or_nothing_whenever_it_is_cancelled(
    storage: DirectoryStorage, root: Path, turns: int
) -> None:
    key = a_key()
    upload = asyncio.create_task(
        storage.put(key, stream(*[bytes(WRITE_BYTES)] * 3), content_type="video/mp4", max_bytes=10**9)
    )
    for _ in range(turns):
        await asyncio.sleep(0)
    upload.cancel()
    outcome = (await asyncio.gather(upload, return_exceptions=True))[0]

    assert files_below(root) == ([key] if isinstance(outcome, StoredObject) else [])


def test_a_discarded_upload_writes_no_more_and_takes_back_what_it_committed(tmp_path: Path) -> None:
    (tmp_path / ".incoming").mkdir()
    early, late = (Writing(tmp_path, a_key()) for _ in range(2))
    early.discard()
    with pytest.raises(StorageUnavailable):
        early.write([b"data"])
    late.write([b"data"])
    late.commit()
    late.discard()

    assert files_below(tmp_path) == []


async def test_put_without_room_is_storage_full_and_leaves_nothing(storage: DirectoryStorage, root: Path) -> None:
    with file_size_limit(WRITE_BYTES), pytest.raises(StorageFull) as refusal:
        await put(storage, bytes(3 * WRITE_BYTES))

    assert (refusal.value.status, refusal.value.code) == (503, "kernel.storage_full")
    assert files_below(root) == []


def test_a_full_disk_is_storage_full() -> None:
    with pytest.raises(StorageFull) as refusal, storage_errors():
        Path("/dev/full").write_bytes(b"data")

    assert isinstance(refusal.value.__cause__, OSError)
    assert refusal.value.__cause__.errno == errno.ENOSPC


async def test_put_replaces_an_object_whole(storage: DirectoryStorage, root: Path) -> None:
    key = (await put(storage, b"a longer first version")).key
    await put(storage, b"second", key)

    assert await read(storage, key, 0, 6) == b"second"
    assert files_below(root) == [key]


async def test_a_storage_that_was_not_prepared_is_unavailable(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path / "absent")

    with pytest.raises(StorageUnavailable):
        await put(storage, b"data")
    with pytest.raises(StorageUnavailable):
        await storage.check()
    await storage.aclose()


async def test_check_passes_on_a_prepared_storage_and_leaves_nothing(storage: DirectoryStorage, root: Path) -> None:
    await storage.check()

    assert files_below(root) == []


async def test_check_sees_that_there_is_no_room(storage: DirectoryStorage, root: Path) -> None:
    with file_size_limit(100), pytest.raises(StorageFull):
        await storage.check()

    assert files_below(root) == []


async def test_prepare_removes_uploads_abandoned_for_a_day_and_no_others(storage: DirectoryStorage, root: Path) -> None:
    for name, age in (("old", timedelta(hours=25)), ("young", timedelta(hours=23))):
        path = root / ".incoming" / name
        path.write_bytes(b"half an upload")
        moment = (now() - age).timestamp()
        os.utime(path, (moment, moment))

    await storage.prepare()

    assert files_below(root) == [".incoming/young"]


@pytest.mark.parametrize("size", [1, READ_BYTES - 1, READ_BYTES, READ_BYTES + 1, 3 * READ_BYTES + 7])
async def test_open_range_gives_the_same_bytes_as_a_slice(storage: DirectoryStorage, size: int) -> None:
    data = os.urandom(size)
    key = (await put(storage, data)).key
    cuts = sorted({0, 1, size // 2, READ_BYTES - 1, READ_BYTES, READ_BYTES + 1, size - 1, size})
    spans = [(start, end) for start in cuts for end in cuts if 0 <= start <= end <= size]

    assert [await read(storage, key, *span) for span in spans] == [data[start:end] for start, end in spans]


async def test_open_range_gives_large_chunks(storage: DirectoryStorage) -> None:
    key = (await put(storage, bytes(2 * READ_BYTES + 5))).key

    assert [len(chunk) async for chunk in storage.open_range(key, 0, 2 * READ_BYTES + 5)] == [READ_BYTES, READ_BYTES, 5]


async def test_open_range_reads_what_the_page_cache_has_not(storage: DirectoryStorage, root: Path) -> None:
    data = os.urandom(5 * READ_BYTES)
    key = (await put(storage, data)).key
    with (root / key).open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    assert await read(storage, key, 0, len(data)) == data


async def test_open_range_closes_its_file_when_left_early(storage: DirectoryStorage, root: Path) -> None:
    key = (await put(storage, bytes(4 * READ_BYTES))).key
    async with aclosing(storage.open_range(key, 0, 4 * READ_BYTES)) as chunks:
        await anext(chunks)
        assert is_open(root / key)

    assert not is_open(root / key)


@pytest.mark.parametrize("turns", range(4))
async def test_open_range_closes_its_file_when_cancelled(storage: DirectoryStorage, root: Path, turns: int) -> None:
    key = (await put(storage, bytes(4 * READ_BYTES))).key
    reader = asyncio.create_task(read(storage, key, 0, 4 * READ_BYTES))
    for _ in range(turns):
        await asyncio.sleep(0)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    for _ in range(1000):
        if not is_open(root / key):
            break
        await asyncio.sleep(0.01)

    assert not is_open(root / key)


def test_a_reading_that_was_closed_before_its_read_closes_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"data")
    reading = Reading(path)
    reading.close()

    assert reading.read(0, 4) == b"data"
    assert not is_open(path)


def test_closing_does_not_wait_for_a_read_which_closes_when_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)  # opening it waits for a writer, as a disk may keep a reader waiting
    reading = Reading(path)
    with ThreadPoolExecutor(1) as threads:
        read = threads.submit(reading.read, 0, 1)
        while not reading._lock.locked():
            sleep(0.001)
        reading.close()
        assert not read.done()
        with path.open("wb"), pytest.raises(StorageUnavailable):  # a pipe has no positions
            read.result(timeout=60)

    assert not is_open(path)


def test_read_cached_gives_nothing_where_the_system_refuses(tmp_path: Path) -> None:
    reading = Reading(tmp_path)
    assert reading.read_cached(0, 1) == b""
    with pytest.raises(ObjectNotFound):
        reading.read(0, 1)

    assert reading.read_cached(0, 1) == b""
    reading.close()


async def test_open_range_of_a_shortened_file_is_damaged(storage: DirectoryStorage, root: Path) -> None:
    key = (await put(storage, b"0123456789")).key
    os.truncate(root / key, 4)

    async with aclosing(storage.open_range(key, 0, 10)) as chunks:
        assert await anext(chunks) == b"0123"
        with pytest.raises(ObjectDamaged) as refusal:
            await anext(chunks)
    assert refusal.value.code == "kernel.object_damaged"


async def test_an_absent_object_is_not_found(storage: DirectoryStorage) -> None:
    for key in (a_key(), a_key("/part.ts"), a_key("")):
        with pytest.raises(ObjectNotFound) as refusal:
            await storage.stat(key)
        assert (refusal.value.status, refusal.value.code) == (404, "kernel.object_not_found")
        with pytest.raises(ObjectNotFound):
            await read(storage, key, 0, 1)


async def test_the_directory_of_parts_is_no_object(storage: DirectoryStorage, root: Path) -> None:
    part = (await put(storage, b"data", a_key("/1.ts"))).key
    directory = part.rpartition("/")[0]

    with pytest.raises(ObjectNotFound):
        await storage.stat(directory)
    with pytest.raises(ObjectNotFound):
        await read(storage, directory, 0, 1)
    await storage.delete(directory)
    assert files_below(root) == [part]


async def test_a_link_is_not_followed(storage: DirectoryStorage, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    key = (await put(storage, b"data")).key
    (root / key).unlink()
    (root / key).symlink_to(tmp_path / "secret")

    with pytest.raises(ObjectNotFound):
        await storage.stat(key)
    with pytest.raises(StorageUnavailable):
        await read(storage, key, 0, 6)


async def test_delete_removes_an_object_once_and_then_does_nothing(storage: DirectoryStorage, root: Path) -> None:
    kept, removed = [(await put(storage, b"data")).key for _ in range(2)]

    await storage.delete(removed)
    await storage.delete(removed)

    assert files_below(root) == [kept]


async def test_delete_removes_the_directory_with_its_last_part(storage: DirectoryStorage, root: Path) -> None:
    whole = a_key("")
    for part in ("1.ts", "2.ts"):
        await put(storage, b"data", f"{whole}/{part}")

    await storage.delete(f"{whole}/1.ts")
    assert (root / whole).is_dir()
    await storage.delete(f"{whole}/2.ts")

    assert not (root / whole).exists()
    assert (root / str(TENANT)).is_dir()


async def test_list_keys_gives_one_tenant_or_one_object(storage: DirectoryStorage, root: Path) -> None:
    single = (await put(storage, b"data")).key
    whole = a_key("")
    parts = [(await put(storage, b"data", f"{whole}/{name}")).key for name in ("1.ts", "2.ts")]
    other = (await put(storage, b"data", a_key(tenant=OTHER_TENANT))).key
    (root / str(TENANT) / "foreign.txt").write_bytes(b"not ours")
    (root / whole / ".hidden").write_bytes(b"not ours")

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
async def test_a_text_that_is_no_key_is_refused_everywhere(storage: DirectoryStorage, root: Path, key: str) -> None:
    with pytest.raises(ValueError, match="is not a storage key"):
        await put(storage, b"data", key or " ")
    with pytest.raises(ValueError, match="is not a storage key"):
        await storage.stat(key)
    with pytest.raises(ValueError, match="is not a storage key"):
        await storage.delete(key)
    with pytest.raises(ValueError, match="is not a storage key"):
        await read(storage, key, 0, 1)
    assert files_below(root) == []


@pytest.mark.parametrize("prefix", ["", "/", "..", str(TENANT), f"{TENANT}/x", f"{TENANT}/../", ".incoming/"])
async def test_a_text_that_is_no_prefix_is_refused(storage: DirectoryStorage, prefix: str) -> None:
    with pytest.raises(ValueError, match="is not a prefix"):
        [key async for key in storage.list_keys(prefix)]


async def test_storage_from_url_opens_a_directory(tmp_path: Path) -> None:
    storage = storage_from_url(f"file://{tmp_path}/with%20space")
    await storage.prepare()
    stored = await storage.put(a_key(), stream(b"data"), content_type="text/plain", max_bytes=4)
    await storage.aclose()

    assert (tmp_path / "with space" / stored.key).read_bytes() == b"data"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "s3://bucket",
            "COLLEGIUM_STORAGE_URL begins with s3:, which no storage understands. Use file:///absolute/directory.",
        ),
        (
            "/var/lib/collegium",
            "COLLEGIUM_STORAGE_URL begins with no scheme, which no storage understands. "
            "Use file:///absolute/directory.",
        ),
        ("file:relative", "COLLEGIUM_STORAGE_URL is not of the form file:///absolute/directory."),
        ("file://host/directory", "COLLEGIUM_STORAGE_URL is not of the form file:///absolute/directory."),
        ("file:///directory?x=1", "COLLEGIUM_STORAGE_URL is not of the form file:///absolute/directory."),
    ],
)
def test_storage_from_url_says_which_addresses_there_are(url: str, message: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the message is compared whole
        storage_from_url(url)

    assert str(refusal.value) == message
