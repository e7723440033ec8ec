"""The author's guide, carried out as it stands beside the built wheel: each block in order, and what it promises."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.environments import ROOT, Environment, Wheels

GUIDE = ROOT / "docs" / "writing-a-plugin.md"


class Block(NamedTuple):
    """A fenced block: what it is, for which file if for one, and its text."""

    kind: str
    file: str
    text: str


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a document."""
    for words, body in re.findall(r"^```(.+?)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        kind, _, file = words.partition(" ")
        yield Block(kind, file, body)


class Author:
    """Somebody who follows the guide, in a folder and an environment of their own."""

    def __init__(self, folder: Path, *wheels: Path) -> None:
        self.place = folder
        self.output = ""
        environment = Environment(folder / "environment")
        if wheels:
            environment.install(*wheels)
        programs = environment.folder / "bin"
        offline = "--no-index --no-deps --no-build-isolation --quiet --disable-pip-version-check"
        pip = f'{sys.executable} -m pip --python {environment.python} "$1" {offline} "${{@:2}}"'
        for name, command in {
            "pip": pip,
            "pytest": f'{environment.python} -m pytest "$@"',
            "collegium": f'{environment.python} -m kernel.cli "$@"',
        }.items():
            (programs / name).write_text(f"#!/bin/bash\nexec {command}\n")
            (programs / name).chmod(0o755)
        self._variables = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}

    def follow(self, block: Block) -> None:
        """Do what a block says."""
        match block.kind:
            case "sh":
                for line in block.text.splitlines():
                    self._run(line)
            case "text":
                assert block.text.strip() in self.output
            case "python":
                self._write(block)
            case "diff":
                self._change(self.place / block.file, block.text)
            case _:
                raise AssertionError(f"nobody knows what to do with a block of {block.kind}")

    def _run(self, line: str) -> None:
        words = shlex.split(line)
        if words[0] == "cd":
            self.place /= words[1]
            return
        done = subprocess.run(
            words, cwd=self.place, env=self._variables, capture_output=True, text=True, timeout=300, check=False
        )
        self.output = done.stdout + done.stderr
        assert done.returncode == 0, f"{line}\n{self.output}"

    def _write(self, block: Block) -> None:
        name, _, more = block.file.partition(" ")
        file = self.place / name
        if more == "+":
            file.write_text(file.read_text() + block.text)
        else:
            assert not file.exists(), f"{name} is there already"
            file.write_text(block.text)

    def _change(self, file: Path, text: str) -> None:
        old = "\n".join(line[1:] for line in text.splitlines() if line.startswith(("-", " ")))
        new = "\n".join(line[1:] for line in text.splitlines() if line.startswith(("+", " ")))
        before = file.read_text()
        assert before.count(old) == 1, f"{old!r} stands {before.count(old)} times in {file.name}"
        file.write_text(before.replace(old, new))


def test_guide_works_as_it_stands(tmp_path: Path, wheels: Wheels) -> None:
    author = Author(tmp_path, wheels.collegium)
    author._variables |= {key: value for key, value in os.environ.items() if key.startswith("COVERAGE")}
    found = list(blocks(GUIDE.read_text()))

    for block in found:
        author.follow(block)

    assert {block.kind for block in found} == {"sh", "text", "python", "diff"}


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        (Block("sh", "", "false\n"), "false"),
        (Block("text", "", "1 passed\n"), "1 passed"),
        (Block("diff", "a.py", "-two\n+three\n"), "stands 0 times"),
        (Block("python", "a.py", "one\n"), "is there already"),
        (Block("toml", "", "a = 1\n"), "nobody knows"),
    ],
    ids=["command", "output", "change", "file", "kind"],
)
def test_step_that_does_not_work_is_seen(tmp_path: Path, block: Block, complaint: str) -> None:
    author = Author(tmp_path)
    (tmp_path / "a.py").write_text("one\n")

    with pytest.raises(AssertionError, match=complaint):
        author.follow(block)
