"""How heavy pages are, every row of the table: what a first view sends, and what the next one does; pictures aside."""

import gzip
import re

import httpx

from kernel.testing import School
from tests.plugins.portal.furnished import Readers
from tests.plugins.portal.pages import ROWS
from tests.plugins.portal.places import path_of
from tests.plugins.portal.test_portal_pages import open_page

FIRST_BYTES, NEXT_BYTES = 100_000, 15_000
_FILE = re.compile(r"/(?:static/[\w./-]+\.(?:css|js|svg)|theme\.css\?v=\w+)")
_INLINE = re.compile(r"\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=\"")


async def test_pages_are_light_and_bring_no_style_or_script_inline(
    furnished_school: tuple[School, Readers], places: dict[str, str]
) -> None:
    school, readers = furnished_school
    stranger = await school.client()
    files: dict[str, int] = {}
    faults = []
    for row in ROWS:
        person = readers[row.reader]
        client = person.client if person is not None else stranger
        answer = await open_page(client, path_of(row, places).partition("#")[0])
        weight = _packed(answer)
        named = set(_FILE.findall(answer.text))
        for each in named - files.keys():
            files[each] = _packed(await open_page(stranger, each))
        first = weight + sum(files[each] for each in named)
        faults += [f"{row.name}: {weight} bytes for the next view"] if weight >= NEXT_BYTES else []
        faults += [f"{row.name}: {first} bytes for a first view"] if first >= FIRST_BYTES else []
        faults += [f"{row.name}: {each}" for each in _INLINE.findall(answer.text)]
    assert faults == []
    assert len(files) > 10


def _packed(answer: httpx.Response) -> int:
    """Return how much of an answer is sent, compressed."""
    return len(gzip.compress(answer.content, 4))
