"""A page asks the database for little more than the API does that shows the same: three statements at most.

Those three are for the frame: what waits in the navigation, and what the page says beside its subject. That many rows
cost no more than one is told by the tests of each plugin.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from kernel.testing import Person
from tests.plugins.portal.furnished import Readers
from tests.plugins.portal.pages import Reader

MOST_MORE = 3


class Row(NamedTuple):
    """A page, who reads it, and what of the API shows the same."""

    page: str
    reader: Reader
    twins: Sequence[str]


ROWS = (
    Row("/courses", "student", ("/courses?limit=24", "/categories")),
    Row("/courses/{course}", "student", ("/courses/{course_id}", "/courses/{course_id}/sections")),
    Row("/courses/{course}/curriculum", "student", ("/courses/{course_id}", "/courses/{course_id}/sections")),
    Row("/courses/{course}/reviews", "student", ("/courses/{course_id}", "/courses/{course_id}/reviews")),
    Row(
        "/learn/{course}/{server_video}",
        "student",
        (
            "/courses/{course_id}",
            "/courses/{course_id}/sections",
            "/videos/{server_video}",
            "/materials?course_id={course_id}",
        ),
    ),
    Row(
        "/learn/{course}/materials",
        "student",
        ("/courses/{course_id}", "/courses/{course_id}/sections", "/materials?course_id={course_id}"),
    ),
    Row("/my/courses", "student", ("/enrollments",)),
    Row("/teach/courses", "instructor", ("/courses?mine=true",)),
    Row(
        "/teach/courses/{published}/materials",
        "instructor",
        ("/courses/{published}", "/courses/{published}/sections", "/materials?course_id={published}"),
    ),
    Row("/teach/courses/{published}/students", "instructor", ("/courses/{published}", "/courses/{published}/students")),
    Row("/teach/courses/{published}/reviews", "instructor", ("/courses/{published}", "/courses/{published}/reviews")),
    Row(
        "/teach/courses/{published}/analytics", "instructor", ("/courses/{published}", "/courses/{published}/analytics")
    ),
    Row("/teach/courses/{published}/access", "instructor", ("/courses/{published}",)),
    Row("/admin/review/{submitted}", "admin", ("/courses/{submitted}", "/courses/{submitted}/sections")),
    Row("/admin/categories", "admin", ("/categories",)),
    Row("/admin/users/{student}", "admin", ("/users/{student}", "/users/{student}/sessions")),
    Row("/teach/codes", "instructor", ("/access-codes/batches",)),
    Row("/admin/tasks", "admin", ("/tasks",)),
    Row("/admin/tasks/failed", "admin", ("/tasks/failures",)),
    Row("/admin/audit", "admin", ("/audit-logs",)),
    Row("/admin/settings", "admin", ("/settings",)),
    Row("/admin/roles", "admin", ("/roles",)),
)


async def _cost(person: Person, path: str, query_count: Callable[[], int]) -> int:
    before = query_count()
    answer = await person.client.get(path)
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
    return query_count() - before


async def test_a_page_asks_little_more_than_the_api(
    readers: Readers, places: dict[str, str], query_count: Callable[[], int]
) -> None:
    wrong = []
    for row in ROWS:
        person = readers[row.reader]
        assert person is not None
        page = f"http://{person.client.base_url.host}{row.page.format_map(places)}"
        # What is remembered from an earlier reading is no part of the comparison.
        await _cost(person, page, query_count)
        cost = await _cost(person, page, query_count)
        twins = [await _cost(person, twin.format_map(places), query_count) for twin in row.twins]
        if cost > sum(twins) + MOST_MORE:
            wrong.append(f"{row.page}: {cost} statements, its twins {twins}")
    assert wrong == []
