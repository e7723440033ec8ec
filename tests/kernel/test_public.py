"""What plugin authors may import: it is there, it costs nothing until it is used, and our own plugins use no more."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import kernel
from kernel import PUBLIC

ROOT = Path(kernel.__file__).parents[1]
PLUGINS = sorted(path for path in (ROOT / "plugins").glob("*/**/*.py"))


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_there(module: str) -> None:
    assert [name for name in PUBLIC[module] if not hasattr(import_module(module), name)] == []
    assert sorted(PUBLIC[module]) == sorted(set(PUBLIC[module]))


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Yield what a file imports from the kernel, as module and name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "kernel":
            yield from ((f"kernel.{alias.name}", "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kernel."):
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.partition(".")[0] == "kernel")


def test_plugins_import_public_names_alone() -> None:
    private = {
        f"{path.relative_to(ROOT)}: {module}.{name}"
        for path in PLUGINS
        for module, name in imported(path)
        if module not in PUBLIC or (name and name not in PUBLIC[module])
    }

    assert private == set()


def test_importing_the_errors_loads_no_framework() -> None:
    program = "import sys, kernel.errors; print(*(m for m in ('litestar', 'sqlalchemy', 'redis') if m in sys.modules))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "\n"
