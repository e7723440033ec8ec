"""Every node of the user flows is found by following links, no link is dead, and a plugin that is off leaves none."""

from collections.abc import Iterable

import pytest

from kernel.testing import School
from tests.plugins.portal.crawl import Page, crawl, plain
from tests.plugins.portal.furnished import Readers
from tests.plugins.portal.nodes import LATER, NODES, Node
from tests.plugins.portal.pages import Reader

READERS: tuple[Reader, ...] = ("visitor", "student", "instructor", "admin")
OF_CODES = ("/redeem", "/teach/codes", "/admin/codes", "/access-codes", "/admin/settings/codes")
OF_COURSES = (
    *OF_CODES, "/courses", "/learn", "/my/courses", "/teach", "/instructors", "/admin/courses", "/admin/categories",
    "/admin/review", "/admin/settings/courses",
)  # fmt: skip


async def _walk(school: School, readers: Readers, reader: Reader, wanted: Iterable[str] = ()) -> dict[str, Page]:
    person = readers[reader]
    return await crawl(person.client if person else await school.client(), wanted)


def _lacks(node: Node, page: Page | None, places: dict[str, str]) -> str:
    """Return what a node misses, or nothing."""
    if page is None:
        return f"{node.flow}, {node.name}: no link leads to {node.path}"
    says, sends, leads = (each.format_map(places) for each in (node.says, node.sends, node.leads))
    if says not in page.text:
        return f"{node.flow}, {node.name}: {node.path} does not say {says!r}"
    if sends and not any(each.startswith(sends) for each in page.sends):
        return f"{node.flow}, {node.name}: no form of {node.path} sends to {sends}"
    if leads and not any(plain(each).startswith(leads) for each in page.links):
        return f"{node.flow}, {node.name}: no link of {node.path} leads to {leads}"
    return ""


@pytest.mark.parametrize("reader", READERS)
async def test_nodes_are_reached_by_links_and_no_link_is_dead(
    furnished_school: tuple[School, Readers], places: dict[str, str], reader: Reader
) -> None:
    nodes = [node for node in NODES if node.flow == reader]
    wanted = {node.path.format_map(places) for node in nodes}
    pages = await _walk(*furnished_school, reader, wanted)
    assert [(path, page.status) for path, page in pages.items() if page.status != 200] == []
    assert [lack for node in nodes if (lack := _lacks(node, pages.get(node.path.format_map(places)), places))] == []


def test_each_node_stands_on_a_page_or_comes_later() -> None:
    assert all(node.says or node.sends or node.leads for node in NODES)
    assert {(node.flow, node.name) for node in NODES}.isdisjoint(
        (flow, name) for flow, names in LATER.items() for name in names
    )


@pytest.mark.parametrize(("plugin", "traces"), [("codes", OF_CODES), ("courses", OF_COURSES)])
async def test_what_is_off_leaves_no_trace(
    furnished_school: tuple[School, Readers], plugin: str, traces: tuple[str, ...]
) -> None:
    school, readers = furnished_school
    await school.switch_off(plugin)
    try:
        for reader in READERS:
            pages = await _walk(school, readers, reader)
            assert [(path, page.status) for path, page in pages.items() if page.status != 200] == []
            named = {(path, each) for path, page in pages.items() for each in page.links | page.sends
                     if plain(each.partition("/api/v1")[2] or each).startswith(traces)}  # fmt: skip
            assert named == set(), reader
    finally:
        await school.switch_on("courses", "codes")
