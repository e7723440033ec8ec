"""A second virtual environment, as somebody else has it: Collegium from its wheel, and packages of others beside it.

The dependencies are those of the running environment, linked into the second one, so that nothing is fetched; Collegium
itself is not among them.
"""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import kernel

ROOT = Path(kernel.__file__).parents[1]
SAMPLE = ROOT / "tests" / "sample_plugin"
_PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", ".*_cache")


class Wheels(NamedTuple):
    """What is built once a run."""

    collegium: Path
    polls: Path


class Environment:
    """A virtual environment below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        self.python = folder / "bin" / "python"
        [self.packages] = folder.glob("lib/python*/site-packages")
        linked = folder / "dependencies"
        linked.mkdir()
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if "collegium" not in entry.name.lower():
                (linked / entry.name).symlink_to(entry)
        (self.packages / "dependencies.pth").write_text(f"{linked}\n")

    @property
    def program(self) -> tuple[str, ...]:
        """The command `collegium` of this environment."""
        return (str(self.folder / "bin" / "collegium"),)

    def install(self, *wheels: Path) -> None:
        """Install wheels with pip, from the disk alone."""
        self._pip("install", "--no-index", "--no-deps", "--no-compile", *map(str, wheels))

    def remove(self, package: str) -> None:
        """Remove a package with pip."""
        self._pip("uninstall", "--yes", package)

    def check(self) -> str:
        """Return what pip finds wrong with what is installed; nothing if every requirement is met."""
        done = subprocess.run(
            [*_PIP, "--python", str(self.python), "check"], capture_output=True, text=True, timeout=120, check=False
        )
        return done.stdout if done.returncode else ""

    def collegium(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `collegium`, far from this source tree."""
        return subprocess.run(
            [*self.program, *arguments],
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def _pip(self, *arguments: str) -> None:
        done = subprocess.run(
            [*_PIP, "--python", str(self.python), *arguments], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def build_wheel(source: Path, folder: Path) -> Path:
    """Build the wheel of a project with pip, from a copy, so that no trace stays in the source tree."""
    copy = folder / "source"
    names = ("README.md", "kernel", "plugins", "polls", "pyproject.toml")
    copy.mkdir(parents=True)
    for entry in (source / name for name in names):
        if entry.is_dir():
            shutil.copytree(entry, copy / entry.name, ignore=_LEFT_OUT)
        elif entry.exists():
            shutil.copy(entry, copy)
    done = subprocess.run(
        [*_PIP, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(copy)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = folder.glob("*.whl")
    return wheel
