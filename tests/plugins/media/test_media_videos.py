"""What becomes of a video after its upload: qualities, poster, MP4; broken ones, crashes, bounds."""

import asyncio
import os
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from kernel.ids import new_id
from kernel.storage.objects import StorageUnavailable
from kernel.tasks import enqueue
from kernel.testing import App, AppFactory, Person, School
from plugins.media import api as media
from plugins.media.actions import processing, transcoding
from plugins.media.actions.transcoding import SOURCE, Unplayable, run_ffmpeg
from plugins.media.actions.uploads import remember_object
from plugins.media.rules.ladder import variants
from plugins.media.rules.videos import is_progressive
from tests.kernel.objects import put
from tests.plugins.media.conftest import Leftovers, mp4, read, upload
from tests.plugins.media.films import FASTSTART, H264, VP8, facts, film, lines, playback, watched


@pytest.fixture(scope="module")
async def app(app_with: AppFactory) -> App:
    """Media and what it needs."""
    return await app_with("media")


async def state(school: School, file: dict[str, Any]) -> dict[str, Any]:
    """Return what the table says of a video."""
    async with school.db() as db:
        driver = await db.driver()
        row = await driver.fetchrow("SELECT * FROM media.videos WHERE file_id = $1", UUID(file["id"]))
        return dict(row or {})


async def renditions(school: School, file: dict[str, Any]) -> list[str]:
    """Return what was made of a file."""
    async with school.db() as db:
        return sorted((await media.renditions_by_file(db, [UUID(file["id"])])).get(UUID(file["id"]), {}))


async def test_video_becomes_encrypted_hls_with_a_poster(
    school: School, instructor: Person, leftovers: Leftovers
) -> None:
    file = await upload(instructor, film(size="640x360", seconds=7))
    task_id = file["processing"].pop("task_id")
    assert file["processing"] == {"status": "queued", "progress": 0, "problem": None}
    assert (await instructor.get(f"/tasks/{task_id}")).json()["status"] == "queued"
    before = await playback(school, instructor, file)
    assert (before.type, before.fallback_url, before.poster_url) == ("file", None, None)

    await school.settle()
    task = (await instructor.get(f"/tasks/{task_id}")).json()
    assert (task["status"], task["result"]["status"], task["progress"]["done"]) == ("done", "done", 100)
    row = await state(school, file)
    known = {name: row[name] for name in ("status", "progress", "width", "height", "video_codec", "audio_codec")}
    assert known == {
        "status": "done", "progress": 100, "width": 640, "height": 360, "video_codec": "h264", "audio_codec": "aac",
    }  # fmt: skip
    assert abs(row["duration_ms"] - 7000) <= 100
    # It is an MP4 that plays everywhere, so nothing else has to stand beside it.
    assert await renditions(school, file) == ["360p.ts", "poster-w1280.webp", "poster-w640.webp"]

    shown = await playback(school, instructor, file)
    assert (shown.type, shown.captions) == ("hls", [])
    assert shown.fallback_url is not None
    assert (await read(instructor, school, shown.fallback_url)).content == film(size="640x360", seconds=7)
    master = await lines(instructor, school, shown.url)
    assert master[3].startswith("#EXT-X-STREAM-INF:BANDWIDTH=")
    assert master[3].endswith('CODECS="avc1.64001e,mp4a.40.2",RESOLUTION=640x360')
    variant = await lines(instructor, school, master[4])
    assert [line for line in variant if line.startswith("#EXTINF")] == ["#EXTINF:6.000,", "#EXTINF:1.000,"]
    assert "#EXT-X-TARGETDURATION:6" in variant
    told = facts(await watched(instructor, school, variant))
    assert (told["codec_id 0"], told["dimensions 0"], told["codec_id 1"]) == ("h264", "640x360", "aac")
    poster = await read(instructor, school, str(shown.poster_url))
    assert (poster.headers["content-type"], poster.content[8:12]) == ("image/webp", b"WEBP")
    # The video, one variant and two posters; nothing is under way.
    assert await leftovers(school) == (4, 1, 0)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1920, 1080), ["1080p 1920x1080 4.0", "720p 1280x720 3.1", "360p 640x360 3.0"]),
        ((3840, 2160), ["1080p 1920x1080 4.0", "720p 1280x720 3.1", "360p 640x360 3.0"]),
        ((1280, 720), ["720p 1280x720 3.1", "360p 640x360 3.0"]),
        ((640, 360), ["360p 640x360 3.0"]),
        ((160, 120), ["120p 160x120 3.0"]),
        ((1000, 562), ["562p 1000x562 3.1", "360p 640x360 3.0"]),
        ((1080, 1920), ["1080p 1080x1920 4.0", "720p 720x1280 3.1", "360p 360x640 3.0"]),
        ((1440, 1080), ["1080p 1440x1080 4.0", "720p 960x720 3.1", "360p 480x360 3.0"]),
        ((4000, 200), ["96p 1920x96 3.0", "64p 1280x64 3.0", "32p 640x32 3.0"]),
    ],
)
def test_qualities_are_never_larger_than_the_video(size: tuple[int, int], expected: list[str]) -> None:
    made = variants(*size)
    assert [f"{each.name} {each.width}x{each.height} {each.level}" for each in made] == expected
    assert [each.bits for each in made] == sorted((each.bits for each in made), reverse=True)


async def test_other_kinds_get_an_mp4_that_every_browser_plays(school: School, instructor: Person) -> None:
    files = {
        "webm": await upload(instructor, film(*VP8, ending="webm", seconds=1), "a.webm"),
        "mov": await upload(instructor, film(*H264, ending="mov", seconds=1), "b.mov"),
        "late": await upload(instructor, film(*H264, seconds=1, sound=False), "c.mp4"),
    }
    await school.settle()
    for name, file in files.items():
        assert (await state(school, file))["status"] == "done", name
        shown = await playback(school, instructor, file)
        fallback = (await read(instructor, school, str(shown.fallback_url))).content
        told = facts(fallback)
        assert (told["codec_id 0"], told.get("codec_id 1")) == ("h264", None if name == "late" else "aac")
        assert is_progressive(BytesIO(fallback))
        assert "fallback.mp4" in await renditions(school, file)
    master = await lines(instructor, school, (await playback(school, instructor, files["late"])).url)
    assert 'CODECS="avc1.64001e",' in master[3]


async def test_standing_and_fast_videos_are_made_upright_and_slower(school: School, instructor: Person) -> None:
    file = await upload(instructor, film(size="120x200", rate=60, seconds=1))
    await school.settle()
    master = await lines(instructor, school, (await playback(school, instructor, file)).url)
    assert master[3].endswith("RESOLUTION=120x200")
    told = facts(await watched(instructor, school, await lines(instructor, school, master[4])))
    assert told["dimensions 0"] == "120x200"


async def test_broken_video_stays_and_says_why(school: School, instructor: Person, leftovers: Leftovers) -> None:
    file = await upload(instructor, mp4(5000))
    await school.settle()
    row = await state(school, file)
    assert (row["status"], row["problem"]) == ("failed", "The video is damaged, or of a kind that cannot be read.")
    task = (await instructor.get(f"/tasks/{row['task_id']}")).json()
    assert (task["status"], task["result"]["problem"]) == ("done", row["problem"])
    shown = await playback(school, instructor, file)
    assert (shown.type, (await read(instructor, school, shown.url)).content) == ("file", mp4(5000))
    assert await leftovers(school) == (1, 1, 0)


async def test_school_without_hls_gets_an_mp4_alone(new_school: Any) -> None:
    school = await new_school(settings={"media": {"hls": False}})
    instructor = await school.person("instructor")
    good = await upload(instructor, film(seconds=1))
    other = await upload(instructor, film(*VP8, ending="webm", seconds=1))
    await school.settle()
    assert await renditions(school, good) == ["poster-w1280.webp", "poster-w640.webp"]
    assert await renditions(school, other) == ["fallback.mp4", "poster-w1280.webp", "poster-w640.webp"]
    shown = await playback(school, instructor, other)
    assert (shown.type, shown.fallback_url) == ("file", None)
    assert facts((await read(instructor, school, shown.url)).content)["codec_id 0"] == "h264"


async def test_work_that_fails_in_between_is_taken_up_and_leaves_nothing(
    school: School, instructor: Person, leftovers: Leftovers, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage: Any = school.deployment.storage
    put, stored = storage.put, []

    async def failing(key: str, *arguments: Any, **options: Any) -> Any:
        stored.append(key.rpartition("-")[2])
        if key.endswith(".ts") and stored.count(stored[-1]) == 1:
            await put(key, *arguments, **options)
            raise StorageUnavailable("for a test")
        return await put(key, *arguments, **options)

    file = await upload(instructor, film(seconds=1))
    monkeypatch.setattr(storage, "put", failing)
    assert len(await school.settle(may_fail=True)) == 1
    assert (await state(school, file))["status"] == "running"
    assert await leftovers(school) == (3, 1, 0)
    await school.bring_forward()
    await school.settle()
    assert stored == ["w640.webp", "w1280.webp", "120p.ts", "120p.ts"]
    assert (await state(school, file))["status"] == "done"
    assert await leftovers(school) == (4, 1, 0)


async def test_video_that_fails_each_time_is_given_up_and_can_be_started_again(
    school: School, instructor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_arguments: Any) -> None:
        raise RuntimeError("for a test")

    file = await upload(instructor, film(seconds=1))
    probe = transcoding.probe
    monkeypatch.setattr(transcoding, "probe", failing)
    for _ in range(processing.ATTEMPTS):
        await school.settle(may_fail=True)
        await school.bring_forward()
    row = await state(school, file)
    assert (row["status"], row["attempts"]) == ("failed", processing.ATTEMPTS)
    assert "An administrator can start it again." in row["problem"]
    monkeypatch.setattr(transcoding, "probe", probe)
    async with school.db() as db:
        await enqueue(db, processing.PROCESS_VIDEO, processing.VideoToProcess(UUID(file["id"])))
    await school.settle(may_fail=True)
    row = await state(school, file)
    assert (row["status"], row["attempts"], row["problem"]) == ("done", 1, None)


async def test_video_that_ends_its_worker_each_time_is_given_up(school: School, instructor: Person) -> None:
    file = await upload(instructor, film(seconds=1))
    async with school.db() as db:
        driver = await db.driver()
        await driver.execute("UPDATE media.videos SET status = 'running', attempts = 3")
    failed = await school.settle(may_fail=True)
    assert failed == ["The task media.process_video failed: The last attempt ended its worker."]
    assert (await state(school, file))["status"] == "failed"


async def test_video_that_is_removed_meanwhile_leaves_nothing(
    school: School, instructor: Person, leftovers: Leftovers, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = await upload(instructor, film(seconds=1))
    going = await upload(instructor, film(seconds=1))
    encode = transcoding.encode

    async def removing(*arguments: Any) -> Path:
        made = await encode(*arguments)
        async with school.db() as db:
            await media.remove_files(db, [UUID(going["id"])])
        return made

    async with school.db() as db:
        await media.remove_files(db, [UUID(gone["id"])])
    monkeypatch.setattr(transcoding, "encode", removing)
    await school.settle(may_fail=True)
    await school.bring_forward()
    await school.settle(may_fail=True)
    assert await leftovers(school) == (0, 0, 0)


async def test_what_an_attempt_that_died_has_half_stored_is_removed_by_the_next_one(
    school: School, instructor: Person, leftovers: Leftovers
) -> None:
    file = await upload(instructor, film(seconds=1))
    other = await upload(instructor, b"text", "a.txt", kind="file")
    for owner in (file, other):
        key = f"{school.id}/{owner['id']}/0123456789ab-120p.ts"
        await put(school.deployment.storage, b"half", key)
        async with school.db() as db:
            await remember_object(db, new_id(), key)
    assert await leftovers(school) == (4, 2, 2)
    await school.settle()
    assert await renditions(school, file) == ["120p.ts", "poster-w1280.webp", "poster-w640.webp"]
    # What is half stored of another file may be under way.
    assert await leftovers(school) == (6, 2, 1)


async def test_source_in_a_directory_is_read_where_it_is(
    school: School, instructor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await upload(instructor, film(seconds=1))

    def copying(*_arguments: Any) -> None:
        raise AssertionError("it is read through the server")

    monkeypatch.setattr(school.deployment.storage, "open_range", copying)
    await school.settle()
    assert (await state(school, file))["status"] == "done"


@pytest.mark.parametrize("loss", ["gone", "shorter", "shorter later"])
async def test_source_that_is_lost_is_no_fault_of_the_video(
    school: School, instructor: Person, stored_path: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    file = await upload(instructor, film(seconds=1))
    path = stored_path(f"{school.id}/{file['id']}.mp4")
    content = path.read_bytes()

    async def losing(*_arguments: Any) -> None:
        path.write_bytes(content[:100])
        raise Unplayable("It is damaged.")

    if loss == "gone":
        path.unlink()
    elif loss == "shorter":
        path.write_bytes(content[:-1])
    else:
        monkeypatch.setattr(transcoding, "probe", losing)
    assert len(await school.settle(may_fail=True)) == 1
    row = await state(school, file)
    assert (row["status"], row["attempts"], row["problem"]) == ("running", 1, None)
    monkeypatch.undo()
    path.write_bytes(content)
    await school.bring_forward()
    await school.settle()
    assert (await state(school, file))["status"] == "done"


async def test_others_wait_while_a_video_is_made_ready(
    school: School, instructor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processing, "_under_way", {UUID(int=1)})
    file = await upload(instructor, film(seconds=1))
    await school.settle()
    row = await state(school, file)
    assert (row["status"], row["attempts"]) == ("queued", 0)
    processing._under_way.clear()
    await school.bring_forward()
    await school.settle()
    assert (await state(school, file))["status"] == "done"


async def test_videos_of_former_times_are_made_ready_too(school: School, instructor: Person) -> None:
    file = await upload(instructor, film(seconds=1))
    async with school.db() as db:
        driver = await db.driver()
        await driver.execute("DELETE FROM media.videos")
        assert await processing.process_forgotten_videos(db) == 1
        assert await processing.process_forgotten_videos(db) == 0
    await school.settle()
    assert (await state(school, file))["status"] == "done"


async def test_ffmpeg_ends_when_nobody_waits_for_it(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def told(_done_ms: int) -> None:
        begun.set()

    endless = ("-re", "-f", "lavfi", "-i", "testsrc2=s=160x120:d=1000", "-f", "null", "-")
    running = asyncio.create_task(run_ffmpeg(tmp_path, endless, cpu_s=100, told=told))
    await asyncio.wait_for(begun.wait(), 30)
    [pid] = _working_in(tmp_path)
    assert os.getpriority(os.PRIO_PROCESS, pid) == 19
    # Python adds the language to what is empty otherwise.
    assert _environment(pid) in ([], ["LC_CTYPE=C.UTF-8"])
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert _working_in(tmp_path) == []


async def test_ffmpeg_ends_with_its_worker(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from plugins.media.actions.transcoding import run_ffmpeg\n"
        "async def told(_done_ms): print('begun', flush=True)\n"
        "endless = ('-re', '-f', 'lavfi', '-i', 'testsrc2=s=160x120:d=1000', '-f', 'null', '-')\n"
        "asyncio.run(run_ffmpeg(Path(sys.argv[1]), endless, cpu_s=100, told=told))"
    )
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    stdout: Any = worker.stdout
    assert await asyncio.wait_for(stdout.readline(), 30) == b"begun\n"
    assert len(_working_in(tmp_path)) == 1
    worker.kill()
    await worker.wait()
    async with asyncio.timeout(10):
        while _working_in(tmp_path):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("arguments", "bounds"),
    [
        (("-f", "lavfi", "-i", "testsrc2=s=640x360:d=1000", "-f", "null", "-"), {"cpu_s": 1}),
        (
            ("-f", "lavfi", "-i", "testsrc2=d=10", "-c:v", "rawvideo", "-f", "avi", "large"),
            {"cpu_s": 60, "most_bytes": 10**6},
        ),
    ],
    ids=["time", "bytes"],
)
async def test_ffmpeg_takes_no_more_than_it_is_given(
    tmp_path: Path, arguments: tuple[str, ...], bounds: dict[str, Any]
) -> None:
    with pytest.raises(Unplayable):
        await run_ffmpeg(tmp_path, arguments, **bounds)
    assert all(size <= 10**6 for size in _sizes(tmp_path))


async def test_fault_of_ours_is_no_fault_of_the_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcoding, "get_ffmpeg_exe", lambda: "/nowhere/ffmpeg")
    with pytest.raises(RuntimeError, match="ffmpeg could not work"):
        await run_ffmpeg(tmp_path, ("-version",), cpu_s=10)


@pytest.mark.parametrize("content_type", ["video/mp4", "video/webm"])
@pytest.mark.parametrize(
    "hostile",
    [
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
    ],
)
async def test_list_of_other_files_is_no_video(tmp_path: Path, hostile: bytes, content_type: str) -> None:
    (tmp_path / SOURCE).write_bytes(hostile)
    with pytest.raises(Unplayable):
        await transcoding.probe(tmp_path, content_type)


async def test_sound_without_a_picture_is_no_video(tmp_path: Path) -> None:
    (tmp_path / SOURCE).write_bytes(film("-map", "1:a", *H264, *FASTSTART))
    with pytest.raises(Unplayable):
        await transcoding.probe(tmp_path, "video/mp4")


def _environment(pid: int) -> list[str]:
    return [each for each in Path(f"/proc/{pid}/environ").read_text().split("\0") if each]


def _sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.iterdir()]


def _working_in(folder: Path) -> list[int]:
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if (process / "cwd").readlink() == folder:
                    found.append(int(process.name))
            except OSError:
                continue
    return found


async def test_upload_costs_a_few_queries_more(instructor: Person, query_count: Callable[[], int]) -> None:
    async def cost(name: str, kind: str) -> int:
        before = query_count()
        await upload(instructor, mp4(100) if kind == "video" else b"text", name, kind=kind)
        return query_count() - before

    assert await cost("a.mp4", "video") - await cost("a.txt", "file") == 4
