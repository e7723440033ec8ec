"""Folders for work under way: gone with their block, and swept once their process is dead, but never before."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from kernel import scratch
from kernel.scratch import PREFIX, scratch_folder, sweep_scratch

HOLDER = """
import sys
from kernel.scratch import scratch_folder

with scratch_folder("test") as folder:
    (folder / "half.mp4").write_bytes(b"half")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the temporary files of a test are."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


@contextmanager
def holder(place: Path) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """Run a process that works in a folder; give it with the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        env={**os.environ, "TMPDIR": str(place)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, Path(process.stdout.readline().strip())
    finally:
        process.kill()
        process.communicate()


def test_a_folder_is_ours_alone_and_gone_with_its_block(place: Path) -> None:
    with ExitStack() as block:
        folder = block.enter_context(scratch_folder("video"))
        assert folder.parent == place
        assert folder.name.startswith("collegium-scratch-video-")
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "inner").mkdir()
        (folder / "inner" / "a").write_bytes(b"x")
    with suppress(KeyError), scratch_folder("video"):
        raise KeyError
    assert list(place.iterdir()) == []


def test_the_folder_of_a_process_that_was_killed_is_swept_and_that_of_a_living_one_is_not(place: Path) -> None:
    with holder(place) as (dead, left), holder(place) as (_, held), scratch_folder("own") as own:
        assert sweep_scratch() == 0
        dead.kill()
        dead.wait()
        assert (left / "half.mp4").exists()
        assert sweep_scratch() == 1
        assert sorted(place.iterdir()) == sorted([held, own])
        assert (held / "half.mp4").read_bytes() == b"half"
        assert sweep_scratch() == 0


def test_what_others_have_there_stays(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (place / f"{PREFIX}link").symlink_to(treasure)
    (place / f"{PREFIX}file").write_bytes(b"x")
    (place / "collegium-else").mkdir()
    assert sweep_scratch() == 0
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    (place / f"{PREFIX}foreign").mkdir()
    assert sweep_scratch() == 0
    assert (treasure.exists(), len(list(place.iterdir()))) == (True, 4)


def test_a_folder_that_is_swept_before_it_is_held_is_replaced(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def swept(prefix: str) -> str:
        made.append(tempfile.mkdtemp(prefix=prefix))
        if len(made) == 1:
            assert sweep_scratch() == 1
        return made[-1]

    monkeypatch.setattr(scratch, "mkdtemp", swept)
    with scratch_folder("test") as folder:
        assert [str(folder), *map(str, place.iterdir())] == [made[1], made[1]]


def test_many_sweep_and_work_at_once(place: Path) -> None:
    """Whoever has a folder keeps it, however many come and sweep."""

    def work(number: int) -> None:
        for _ in range(40):
            with ExitStack() as stack:
                folder = stack.enter_context(scratch_folder("test"))
                (folder / "a").write_text(str(number))
                sweep_scratch()
                assert (folder / "a").read_text() == str(number)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    sweep_scratch()
    assert list(place.iterdir()) == []
