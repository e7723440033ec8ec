"""`collegium plugins new`: what it writes keeps the rules of this project, and what it refuses.

That its tests pass is seen by the tutorial, which begins with it (`tests/e2e/test_tutorial.py`).
"""

import subprocess
import sys
from pathlib import Path

import pytest

from kernel.errors import Conflict, Invalid
from kernel.plugin_checks import find_plugin
from kernel.plugin_checks.imports import import_problems
from kernel.starter import write_plugin
from tests.architecture.sources import ROOT

CONFIG = str(ROOT / "pyproject.toml")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that was just written."""
    write_plugin("scribbles", tmp_path / "project")
    return tmp_path / "project"


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "--no-cache", "--config", CONFIG, "."],
        ["ruff", "format", "--no-cache", "--check", "--config", CONFIG, "."],
        ["mypy", "--config-file", CONFIG, "--cache-dir", str(ROOT / ".mypy_cache"), "scribbles", "tests"],
    ],
    ids=["lint", "format", "types"],
)
def test_new_plugin_passes_our_own_checks(project: Path, command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project,
        env={"PATH": "/usr/bin:/bin", "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_new_plugin_imports_what_it_may_and_stands_in_a_package_of_its_own(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    plugin = find_plugin(str(project))

    assert import_problems(plugin, {"plugins.auth": "auth"}) == []
    assert plugin.module.__name__ == "scribbles.plugin"
    assert "{{" not in "".join(
        path.read_text() for path in project.rglob("*") if path.suffix in (".py", ".md", ".toml")
    )


@pytest.mark.parametrize("name", ["Scribbles", "scrib-bles", "1st", "kernel", "queue", "plugins", "public", ""])
def test_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid, match="is no name of a plugin"):
        write_plugin(name, tmp_path / "project")


@pytest.mark.parametrize("name", ["auth", "json", "pytest"])
def test_name_that_is_taken_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Conflict, match=f"There is a plugin or a package '{name}' already"):
        write_plugin(name, tmp_path / "project")


def test_directory_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()

    with pytest.raises(Conflict, match="is not empty"):
        write_plugin("doodles", tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
