"""The bucket: parts, a server that goes and comes, addresses for browsers, nothing left behind."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from minio.error import S3Error

from kernel.clock import now
from kernel.ids import new_id
from kernel.storage import ObjectDamaged, StorageFull, StorageUnavailable, StoredObject, ranged_response
from kernel.storage.s3 import PART_BYTES, S3Storage
from kernel.storage.s3_calls import S3Reading, S3Writing, s3_errors
from kernel.storage.s3_place import S3Place, s3_place
from tests.kernel.objects import a_key, put, read, stored_in, stream
from tests.s3 import S3Server

NOWHERE = Path("nowhere")
MIB = 1024 * 1024


@pytest.fixture
async def storage(s3_server: S3Server) -> AsyncIterator[S3Storage]:
    async with opened(s3_server.new_url()) as storage:
        yield storage


@asynccontextmanager
async def opened(url: str, *, public_url: str = "", redirects: bool = True) -> AsyncIterator[S3Storage]:
    storage = S3Storage(s3_place(url, public_url=public_url), redirects=redirects)
    await storage.prepare()
    yield storage
    await storage.aclose()


class Way:
    """The way to a server, which a test may close, cut and let fall silent."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener: asyncio.Server | None = None
        self._conversations: set[asyncio.Task[None]] = set()
        self.port = 0
        self.cut_after: int | None = None

    async def open(self) -> None:
        self._listener = await asyncio.start_server(self._converse, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._listener is not None
        self._listener.close()
        for each in list(self._conversations):
            each.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)
        await self._listener.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        task.add_done_callback(self._conversations.discard)
        there, to = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            await asyncio.gather(_pour(reader, to, None), _pour(there, writer, self.cut_after))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for each in (writer, to):
                each.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None) -> None:
    poured = 0
    while data := await reader.read(65_536):
        poured += len(data)
        if most is not None and poured > most:
            raise ConnectionResetError
        writer.write(data)
        await writer.drain()
    writer.write_eof()


@pytest.fixture
async def way(s3_server: S3Server) -> AsyncIterator[Way]:
    way = Way(s3_server.port)
    await way.open()
    yield way
    await way.close()


# --- uploads ---------------------------------------------------------------------------------------------------------


async def test_a_large_object_goes_in_parts_and_holds_two_in_memory(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    write = S3Writing.write

    def counted(self: S3Writing, data: bytes) -> None:
        sizes.append(len(data))
        write(self, data)

    monkeypatch.setattr(S3Writing, "write", counted)
    block = os.urandom(MIB)

    stored = await storage.put(a_key(), stream(*[block] * 21), content_type="video/mp4", max_bytes=10**9)

    assert sizes == [PART_BYTES, PART_BYTES, 5 * MIB]
    assert (await storage.stat(stored.key)).size_bytes == 21 * MIB
    assert await read(storage, stored.key, 7 * MIB + 5, 9 * MIB) == (block * 2)[5:]
    assert await stored_in(storage, NOWHERE) == [stored.key]


async def test_an_object_of_exactly_one_part_ends_without_an_empty_one(storage: S3Storage) -> None:
    stored = await put(storage, bytes(PART_BYTES))

    assert (await storage.stat(stored.key)).size_bytes == PART_BYTES


@pytest.mark.parametrize("step", range(1, 5))
async def test_an_upload_leaves_all_or_nothing_at_whichever_step_it_is_cancelled(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Three parts and the end are four steps; each is under way in its thread when the cancellation comes."""
    taken = 0
    run = storage._run

    async def stepping(call: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal taken
        taken += 1
        if taken == step:
            asyncio.get_running_loop().call_soon(upload.cancel)
        return await run(call, *arguments)

    monkeypatch.setattr(storage, "_run", stepping)
    key = a_key()
    upload = asyncio.create_task(
        storage.put(key, stream(*[bytes(PART_BYTES)] * 3), content_type="video/mp4", max_bytes=10**9)
    )
    outcome = (await asyncio.gather(upload, return_exceptions=True))[0]

    assert taken == step
    assert isinstance(outcome, asyncio.CancelledError)
    assert await stored_in(storage, NOWHERE) == []


async def test_a_given_up_upload_writes_no_more(storage: S3Storage) -> None:
    writing = S3Writing(storage._bucket, a_key(), "video/mp4")
    await asyncio.to_thread(writing.write, bytes(5 * MIB))
    await asyncio.to_thread(writing.discard)

    with pytest.raises(StorageUnavailable):
        await asyncio.to_thread(writing.write, b"more")
    with pytest.raises(StorageUnavailable):
        await asyncio.to_thread(writing.commit, b"more")
    assert await stored_in(storage, NOWHERE) == []


async def test_an_upload_that_the_server_shortened_is_none(storage: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage._bucket, "stat", lambda key: (3, now()))

    with pytest.raises(StorageUnavailable):
        await put(storage, b"data")
    assert await stored_in(storage, NOWHERE) == []


async def test_prepare_ends_uploads_that_began_a_day_ago_and_no_others(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = S3Writing(storage._bucket, a_key(), "video/mp4")
    await asyncio.to_thread(writing.write, bytes(5 * MIB))
    await storage.prepare()
    assert len(await stored_in(storage, NOWHERE)) == 1

    monkeypatch.setattr("kernel.storage.s3.now", lambda: now() + timedelta(hours=25))
    await storage.prepare()
    assert await stored_in(storage, NOWHERE) == []


async def test_a_bucket_that_we_make_ends_abandoned_uploads_itself(storage: S3Storage) -> None:
    rules = await asyncio.to_thread(storage._bucket.client.get_bucket_lifecycle, storage._bucket.name)

    assert rules is not None
    (rule,) = rules.rules
    assert rule.abort_incomplete_multipart_upload is not None
    assert (rule.rule_id, rule.abort_incomplete_multipart_upload.days_after_initiation) == ("collegium-uploads", 2)


# --- a server that goes and comes ------------------------------------------------------------------------------------


async def test_a_server_that_is_away_is_503_and_works_again_without_a_restart(s3_server: S3Server, way: Way) -> None:
    async with opened(s3_server.url(f"test-{new_id()}", port=way.port)) as storage:
        key = (await put(storage, b"before")).key
        await way.close()
        for attempt in (
            put(storage, b"x"),
            storage.stat(key),
            read(storage, key, 0, 6),
            storage.delete(key),
            storage.check(),
        ):
            with pytest.raises(StorageUnavailable) as refusal:
                await attempt
            assert (refusal.value.status, refusal.value.headers) == (503, {"Retry-After": "5"})
        await way.open()

        assert await read(storage, key, 0, 6) == b"before"
        assert (await put(storage, b"after")).size_bytes == 5
        await storage.check()


async def test_a_server_that_is_away_does_not_hinder_the_start(s3_server: S3Server, way: Way) -> None:
    await way.close()
    async with opened(s3_server.url(f"test-{new_id()}", port=way.port)) as storage:
        with pytest.raises(StorageUnavailable):
            await storage.check()
        await way.open()
        await storage.prepare()
        await storage.check()


async def test_a_server_that_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch, s3_server: S3Server) -> None:
    monkeypatch.setattr("kernel.storage.s3_calls.ANSWER_S", 0.05)
    silence = asyncio.Event()

    async def listen(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silence.wait()
        writer.close()

    listener = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with opened(s3_server.url("silent", port=listener.sockets[0].getsockname()[1])) as storage:
        with pytest.raises(StorageUnavailable):
            await storage.check()
    silence.set()
    listener.close()
    await listener.wait_closed()


async def test_a_download_that_is_cut_breaks_off_and_is_not_taken_for_whole(s3_server: S3Server, way: Way) -> None:
    async with opened(s3_server.url(f"test-{new_id()}", port=way.port)) as storage:
        key = (await put(storage, os.urandom(2 * MIB))).key
        await way.close()
        way.cut_after = MIB
        await way.open()
        came = 0

        async def take() -> None:
            nonlocal came
            async for chunk in storage.open_range(key, 0, 2 * MIB):
                came += len(chunk)

        with pytest.raises(StorageUnavailable):
            await take()
        assert 0 < came <= MIB


async def test_a_download_that_is_left_early_hangs_up(storage: S3Storage) -> None:
    key = (await put(storage, bytes(4 * MIB))).key
    async with aclosing(storage.open_range(key, 0, 4 * MIB)) as chunks:
        await anext(chunks)

    assert await read(storage, key, 0, 5) == bytes(5)


async def test_a_reading_that_was_closed_before_its_read_closes_afterwards(storage: S3Storage) -> None:
    key = (await put(storage, b"data")).key
    reading = S3Reading(storage._bucket, key, 0, 4)
    reading.close()

    assert await asyncio.to_thread(reading.read, 4) == b"data"
    assert reading._response is None


async def test_a_range_beyond_the_object_is_damage(storage: S3Storage) -> None:
    key = (await put(storage, b"0123")).key

    with pytest.raises(ObjectDamaged):
        await read(storage, key, 4, 8)
    async with aclosing(storage.open_range(key, 0, 8)) as chunks:
        assert await anext(chunks) == b"0123"
        with pytest.raises(ObjectDamaged):
            await anext(chunks)


def test_no_room_is_storage_full() -> None:
    with pytest.raises(StorageFull), s3_errors():
        raise S3Error(None, "QuotaExceeded", "full", None, None, None)  # type: ignore[arg-type]


async def test_being_asked_often_whether_it_works_asks_the_server_once(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes = 0
    probe = storage._bucket.probe

    def counted() -> None:
        nonlocal probes
        probes += 1
        probe()

    monkeypatch.setattr(storage._bucket, "probe", counted)
    await asyncio.gather(*(storage.check() for _ in range(20)))
    assert probes == 1

    monkeypatch.setattr("kernel.storage.s3._BELIEVED_S", 0)
    await storage.check()
    assert probes == 2


# --- what is set up wrongly ------------------------------------------------------------------------------------------


async def test_a_missing_bucket_and_a_wrong_secret_refuse_the_start(s3_server: S3Server) -> None:
    absent = s3_server.url("absent").replace("create=1", "create=0")
    with pytest.raises(StorageUnavailable, match="The bucket 'absent' does not exist; with create=1 it would be made"):
        async with opened(absent):
            pass
    with pytest.raises(StorageUnavailable, match="The S3 server refuses the bucket 'secret': AccessDenied"):
        async with opened(s3_server.url("secret", secret="swordfish")):
            pass


def test_addresses_of_buckets() -> None:
    assert s3_place("s3://key:se%2Fcret@s3.test/files") == S3Place("s3.test", "files", "key", "se/cret")
    assert s3_place(
        "s3://key:secret@[::1]:9000/files?region=eu-1&secure=0&create=1", public_url="https://files.test/"
    ) == S3Place(
        "[::1]:9000",
        "files",
        "key",
        "secret",
        region="eu-1",
        secure=False,
        create=True,
        public_url="https://files.test",
    )


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket",
        "s3://key@host/bucket",
        "s3://key:swordfish@/bucket",
        "s3://key:swordfish@host",
        "s3://key:swordfish@host/Bucket",
        "s3://key:swordfish@host/a/b",
        "s3://key:swordfish@host:port/bucket",
        "s3://key:swordfish@host/bucket?secure=maybe",
        "s3://key:swordfish@host/bucket?regoin=x",
        "s3://key:swordfish@host/bucket?region=a b",
        "s3://key:swordfish@host/bucket#x",
    ],
)
def test_other_addresses_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(ValueError, match="COLLEGIUM_STORAGE_URL is not of the form s3://") as refusal:
        s3_place(url)

    assert "swordfish" not in str(refusal.value)


def test_a_secret_is_not_printed() -> None:
    assert "swordfish" not in repr(s3_place("s3://key:swordfish@host/bucket"))


# --- addresses for browsers ------------------------------------------------------------------------------------------


def answer(storage: S3Storage, stored: StoredObject, method: str = "GET", **headers: str) -> Any:
    return ranged_response(
        storage, stored, headers=headers, method=method, disposition="inline", filename="Überblick 1.mp4"
    )


def headers_of(response: Any) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in response.encode_headers()}


async def test_a_browser_is_sent_to_the_server_for_a_minute(storage: S3Storage) -> None:
    data = os.urandom(1000)
    stored = await put(storage, data)

    redirect = answer(storage, stored)

    headers = headers_of(redirect)
    assert redirect.status_code == 302
    assert headers["cache-control"] == "private, no-store"
    assert parse_qs(urlsplit(headers["location"]).query)["X-Amz-Expires"] == ["60"]
    async with httpx.AsyncClient() as browser:
        part = await browser.get(headers["location"], headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, data[10:20])
        assert part.headers["content-type"] == "video/mp4"
        assert part.headers["content-disposition"] == (
            "inline; filename=\"Uberblick 1.mp4\"; filename*=UTF-8''%C3%9Cberblick%201.mp4"
        )
        assert part.headers["cache-control"] == "private, no-store"
        for old, new in (("video%2Fmp4", "text%2Fhtml"), ("inline", "attachment"), ("Expires=60", "Expires=600")):
            assert old in headers["location"]
            assert (await browser.get(headers["location"].replace(old, new))).status_code == 403
        other = await put(storage, b"other")
        assert (await browser.get(headers["location"].replace(stored.key, other.key))).status_code == 403


async def test_a_head_is_sent_there_with_an_address_of_its_own(storage: S3Storage) -> None:
    stored = await put(storage, b"data")
    redirect = answer(storage, stored, "HEAD")

    location = headers_of(redirect)["location"]
    async with httpx.AsyncClient() as browser:
        head = await browser.head(location)
        assert (head.status_code, head.headers["content-length"]) == (200, "4")
        assert (await browser.get(location)).status_code == 403


async def test_what_a_browser_might_run_is_sent_there_as_an_attachment(storage: S3Storage) -> None:
    page = await storage.put(a_key(".html"), stream(b"<script>"), content_type="text/html", max_bytes=100)

    location = headers_of(answer(storage, page))["location"]
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(location)).headers["content-disposition"].startswith("attachment;")


async def test_the_server_has_another_name_for_browsers(s3_server: S3Server) -> None:
    async with opened(s3_server.new_url(), public_url=f"http://localhost:{s3_server.port}") as storage:
        stored = await put(storage, b"data")
        location = headers_of(answer(storage, stored))["location"]
        async with httpx.AsyncClient() as browser:
            assert (await browser.get(location)).content == b"data"

    assert storage.direct_origin == f"http://localhost:{s3_server.port}"
    assert location.startswith(f"http://localhost:{s3_server.port}/")


async def test_pages_are_told_of_the_host_that_addresses_lead_to() -> None:
    storage = S3Storage(s3_place("s3://key:secret@s3.eu-central-1.amazonaws.com/my-bucket?region=eu-central-1"))
    address = storage.direct_address(a_key(), method="GET", content_type="video/mp4", disposition="inline")
    await storage.aclose()

    assert address is not None
    assert "my-bucket" in urlsplit(storage.direct_origin).netloc
    assert address.startswith(storage.direct_origin + "/")


async def test_without_redirects_we_send_the_object_ourselves(s3_server: S3Server) -> None:
    async with opened(s3_server.new_url(), redirects=False) as storage:
        stored = await put(storage, b"0123456789")
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            await asyncio.Event().wait()

        await answer(storage, stored, range="bytes=2-4")({"type": "http"}, receive, send)

    assert (storage.direct_origin, sent[0]["status"]) == ("", 206)
    assert b"".join(message["body"] for message in sent[1:]) == b"234"
