"""A page asks the database for little more than the API does that shows the same: three statements at most.

Those three are for the frame: who looks, what waits in the navigation, and what the page says beside its subject. That
many rows cost no more than one is told by the tests of each plugin.
"""

import re
from collections.abc import Callable

import httpx

from kernel.testing import App, School
from tests.plugins.portal.furnished import Readers
from tests.plugins.portal.twins import TWINS

MOST_MORE = 3
MOVED = frozenset({"/learn/{slug:str}"})
"""Pages that lead to another one."""


def test_every_page_has_a_twin(app: App) -> None:
    told = [re.sub(r"{[^}]*}", "{}", each.page.partition("?")[0]) for each in TWINS]
    registered = {each.item.path for each in app.deployment.registry.contributions("register_pages")} - MOVED
    missing = [path for path in sorted(registered) if not any(_pattern(path).fullmatch(each) for each in told)]
    assert missing == []


def _pattern(path: str) -> re.Pattern[str]:
    """Return what matches a page's path with its places emptied; a text may also be named."""
    texts = re.sub(r"{\w+:str}", r"[^/]+", path)
    return re.compile(re.sub(r"{\w+:\w+}", r"\\{\\}", texts))


async def test_a_page_asks_little_more_than_the_api(
    furnished_school: tuple[School, Readers], places: dict[str, str], query_count: Callable[[], int]
) -> None:
    school, readers = furnished_school
    stranger = await school.client()

    async def cost(client: httpx.AsyncClient, path: str) -> int:
        # What is remembered from an earlier reading is no part of the comparison, on either side.
        school.deployment.kept.clear()
        school.deployment.kept_parts.clear()
        before = query_count()
        answer = await client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
        return query_count() - before

    wrong = []
    for twin in TWINS:
        person = readers[twin.reader]
        client = person.client if person is not None else stranger
        page = f"http://{client.base_url.host}{twin.page.format_map(places)}"
        asked = await cost(client, page)
        calls = [await cost(client, call.format_map(places)) for call in twin.calls]
        if asked > sum(calls) + MOST_MORE:
            wrong.append(f"{twin.page} ({twin.reader}): {asked} statements, its twin {calls}")
    assert wrong == []
