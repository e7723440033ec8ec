"""The directory storage: files that only we read, no room, links, nothing left open."""

import asyncio
import errno
import os
import resource
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from datetime import timedelta
from pathlib import Path
from time import sleep

import pytest

from kernel.clock import now
from kernel.storage import (
    DirectoryStorage,
    ObjectDamaged,
    ObjectNotFound,
    StorageFull,
    StorageUnavailable,
    storage_from_url,
)
from kernel.storage.directory import WRITE_BYTES
from kernel.storage.files import Reading, Writing, storage_errors
from kernel.storage.objects import READ_BYTES
from tests.kernel.objects import TENANT, a_key, files_below, put, read, stream
from tests.kernel.probe.background import until


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[DirectoryStorage]:
    storage = DirectoryStorage(tmp_path / "objects")
    await storage.prepare()
    yield storage
    await storage.aclose()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


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


async def test_put_leaves_nothing_when_it_is_cancelled(storage: DirectoryStorage, root: Path) -> None:
    stalled = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield bytes(WRITE_BYTES)
        stalled.set()
        await asyncio.Event().wait()

    async def is_begun() -> bool:
        return [Path(name).parent for name in files_below(root)] == [Path(".incoming")]

    upload = asyncio.create_task(storage.put(a_key(), stalling(), content_type="video/mp4", max_bytes=10**9))
    await stalled.wait()
    # The batch is with a thread while the next one is asked for.
    await until(is_begun)
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload

    assert files_below(root) == []


def test_a_discarded_upload_writes_no_more_and_takes_back_what_it_committed(tmp_path: Path) -> None:
    (tmp_path / ".incoming").mkdir()
    early, late = (Writing(tmp_path, a_key()) for _ in range(2))
    early.discard()
    with pytest.raises(StorageUnavailable):
        early.write(b"data")
    late.write(b"data")
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


async def test_a_storage_that_was_not_prepared_is_unavailable(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path / "absent")

    with pytest.raises(StorageUnavailable):
        await put(storage, b"data")
    with pytest.raises(StorageUnavailable):
        await storage.check()
    await storage.aclose()


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


async def test_a_lent_object_takes_no_room(storage: DirectoryStorage, root: Path, tmp_path: Path) -> None:
    key = (await put(storage, b"data")).key

    await storage.lend(key, tmp_path / "lent")

    assert (tmp_path / "lent").readlink() == root / key


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


async def test_a_link_is_not_followed(storage: DirectoryStorage, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    key = (await put(storage, b"data")).key
    (root / key).unlink()
    (root / key).symlink_to(tmp_path / "secret")

    with pytest.raises(ObjectNotFound):
        await storage.stat(key)
    with pytest.raises(StorageUnavailable):
        await read(storage, key, 0, 6)


async def test_delete_removes_the_directory_with_its_last_part(storage: DirectoryStorage, root: Path) -> None:
    whole = a_key("")
    for part in ("1.ts", "2.ts"):
        await put(storage, b"data", f"{whole}/{part}")

    await storage.delete(f"{whole}/1.ts")
    assert (root / whole).is_dir()
    await storage.delete(f"{whole}/2.ts")

    assert not (root / whole).exists()
    assert (root / str(TENANT)).is_dir()


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
            "ftp://bucket",
            "COLLEGIUM_STORAGE_URL begins with ftp:, which no storage understands. Use file:///absolute/directory or "
            "s3://key:secret@host:port/bucket?region=us-east-1.",
        ),
        (
            "/var/lib/collegium",
            "COLLEGIUM_STORAGE_URL begins with no scheme, which no storage understands. Use file:///absolute/directory "
            "or s3://key:secret@host:port/bucket?region=us-east-1.",
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
