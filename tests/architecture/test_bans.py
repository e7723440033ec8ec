"""What ruff refuses by our configuration: each ban is broken on purpose, and its one exception is allowed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

RUFF = str(Path(sys.executable).with_name("ruff"))
NOW = "from datetime import UTC, datetime\n\nMOMENT = datetime.now(UTC)\n"
ENVIRONMENT = 'import os\n\nHOME = os.environ["HOME"]\n'
FETCH = 'import httpx\n\nPAGE = httpx.get("https://example.com")\n'
HANDLER = """from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import get

if TYPE_CHECKING:
    from uuid import UUID


@get("/courses")
async def read_course(course_id: UUID) -> None:
    \"\"\"Answer nothing.\"\"\"
    print(course_id)
"""


def refusals(name: str, text: str) -> list[str]:
    """Return the codes by which ruff refuses a text that stands in the file of this name."""
    command = [RUFF, "check", "--no-cache", "--output-format=json", "--stdin-filename", name, "-"]
    done = subprocess.run(
        command, input=f'"""A module."""\n\n{text}', capture_output=True, text=True, cwd=ROOT, check=False
    )
    return [found["code"] for found in json.loads(done.stdout)]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (NOW, ["TID251"]),
        ("from datetime import datetime\n\nMOMENT = datetime.utcnow()\n", ["TID251", "DTZ003"]),
        ("from datetime import date\n\nTODAY = date.today()\n", ["TID251", "DTZ011"]),
        ("import time\n\nMOMENT = time.time()\n", ["TID251"]),
        (ENVIRONMENT, ["TID251"]),
        ('from os import getenv\n\nHOME = getenv("HOME")\n', ["TID251"]),
        (FETCH, ["TID251"]),
        ("from . import rules\n\nRULES = rules\n", ["TID252"]),
        ("def redeem() -> None:\n    pass\n", ["D103"]),
        (HANDLER, ["TC004"]),
    ],
)
def test_ruff_refuses(text: str, codes: list[str]) -> None:
    assert sorted(refusals("plugins/codes/actions.py", text)) == sorted(codes)


@pytest.mark.parametrize(
    ("name", "text"),
    [("kernel/clock.py", NOW), ("kernel/settings.py", ENVIRONMENT), ("kernel/outbound.py", FETCH)],
)
def test_ruff_allows_it_in_its_one_place(name: str, text: str) -> None:
    assert refusals(name, text) == []
