"""What plugin authors may import: it is there, and costs nothing until it is used.

That our own plugins import no more is seen by `test_plugin_checks`.
"""

import subprocess
import sys
from importlib import import_module

import pytest

from kernel import PUBLIC


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_there(module: str) -> None:
    assert [name for name in PUBLIC[module] if not hasattr(import_module(module), name)] == []
    assert sorted(PUBLIC[module]) == sorted(set(PUBLIC[module]))


def test_importing_the_errors_loads_no_framework() -> None:
    program = "import sys, kernel.errors; print(*(m for m in ('litestar', 'sqlalchemy', 'redis') if m in sys.modules))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "\n"
