"""The catalogue's page: what it shows to whom, what can be chosen and how much of it there is, and what it costs."""

import html
import re
from collections.abc import Callable

import httpx
import pytest

from kernel.testing import Person, School, SchoolFactory
from tests.plugins.courses.conftest import Course, ask, draft, published, watch
from tests.plugins.portal.test_portal_pages import open_page

COUNT = re.compile(r'name="(\w+)" value="([^"]*)"( checked)?>.*?data-part="[^"]*"( data-none)?>(\d+)<')
TITLE = re.compile(r'<h2><a href="([^"]+)"><bdi>([^<]*)</bdi></a></h2>')


async def page_of(person: Person, path: str = "/courses", status: int = 200) -> str:
    answer = await open_page(person.client, path)
    assert answer.status_code == status, answer.text
    return answer.text


def counts(page: str) -> dict[str, int]:
    """Return the number behind each choice that can be made."""
    found = {f"{kind}={value}": int(count) for kind, value, _, _, count in COUNT.findall(page)}
    assert [bool(none) for *_, none, _ in COUNT.findall(page)] == [not count for count in found.values()]
    return found


def titles(page: str) -> list[str]:
    return [html.unescape(title) for _, title in TITLE.findall(page)]


@pytest.fixture
async def shelves(admin: Person) -> dict[str, str]:
    """Ids of categories by name; one stands below another."""
    made: dict[str, str] = {}
    for name, above in (("Crafts", None), ("Knitting", "Crafts"), ("Law", None), ("Empty", None)):
        body = {"name": name, "parent_id": made[above] if above else None}
        made[name] = (await ask(admin, "POST", "/categories", status=201, json=body))["id"]
    return made


@pytest.fixture
async def courses(instructor: Person, shelves: dict[str, str]) -> list[Course]:
    """Four published courses and a draft."""
    given = [
        {"title": "Socks", "category_id": shelves["Knitting"], "is_free": True},
        {"title": "Wood", "category_id": shelves["Crafts"], "level": "advanced", "is_free": True},
        {"title": "Contracts", "category_id": shelves["Law"], "language": "ar", "requires_code": True},
        {"title": "Leases", "category_id": shelves["Law"], "level": "advanced", "requires_code": True, "is_free": True},
    ]
    made = [await published(instructor, **each) for each in given]
    await draft(instructor, title="Not yet", category_id=shelves["Law"])
    return made


async def test_choices_are_counted_as_if_nothing_else_of_their_kind_were_chosen(
    courses: list[Course], student: Person
) -> None:
    everything = await page_of(student)
    assert counts(everything) == {
        "category=crafts": 2, "category=knitting": 1, "category=law": 2,
        "level=beginner": 2, "level=intermediate": 0, "level=advanced": 2,
        "access=free": 2, "access=code": 2, "language=ar": 1, "language=en": 3,
    }  # fmt: skip
    assert "4 courses" in everything
    assert titles(await page_of(student, "/courses?sort=newest")) == ["Leases", "Contracts", "Wood", "Socks"]
    law = await page_of(student, "/courses?category=law")
    assert sorted(titles(law)) == ["Contracts", "Leases"]
    assert counts(law) == {
        "category=crafts": 2, "category=knitting": 1, "category=law": 2,
        "level=beginner": 1, "level=intermediate": 0, "level=advanced": 1,
        "access=free": 0, "access=code": 2, "language=ar": 1, "language=en": 1,
    }  # fmt: skip
    both = await page_of(student, "/courses?category=law&category=crafts&level=advanced")
    assert sorted(titles(both)) == ["Leases", "Wood"]
    assert counts(both)["category=knitting"] == 0
    assert sorted(titles(await page_of(student, "/courses?access=code&language=en"))) == ["Leases"]


async def test_what_is_chosen_can_be_taken_back_one_by_one(courses: list[Course], student: Person) -> None:
    page = await page_of(student, "/courses?q=leases&category=law&access=code&sort=newest")
    chips = re.findall(r'<a class="chip" href="([^"]+)"><bdi>([^<]*)</bdi>', page)
    assert [(html.unescape(address), html.unescape(text)) for address, text in chips] == [
        ("/courses?category=law&access=code&sort=newest", "“leases”"),
        ("/courses?q=leases&access=code&sort=newest", "Law"),
        ("/courses?q=leases&category=law&sort=newest", "With a code"),
    ]
    nothing = await page_of(student, "/courses?level=intermediate&category=law")
    assert "No course fits these filters." in nothing
    assert 'href="/courses?category=law"><span>Remove the last filter' in nothing
    await page_of(student, "/courses?level=none", status=400)
    assert "There are no more courses." in await page_of(student, "/courses?offset=24")


async def test_a_school_without_courses_says_so(school: School, student: Person) -> None:
    assert "Courses are on their way." in await page_of(student)


async def test_strangers_see_it_where_the_school_says_so(
    school: School, instructor: Person, new_school: SchoolFactory
) -> None:
    await published(instructor)
    hidden = await open_page(await school.client(), "/courses")
    assert (hidden.status_code, hidden.headers["location"]) == (302, "/sign-in?next=/courses")
    open_school = await new_school(settings={"courses": {"public_catalogue": True}})
    await published(await open_school.person("instructor"), title="For <b>all</b>", is_free=True)
    seen = (await open_page(await open_school.client(), "/courses")).text
    assert titles(seen) == ["For <b>all</b>"]
    assert "A course" not in seen


async def test_own_courses_show_how_far_one_is(courses: list[Course], student: Person, school: School) -> None:
    socks = courses[0]
    await ask(student, "POST", f"{socks.path}/enroll", status=201)
    await watch(student, socks.videos[0], (0, 40), position=40)
    page = await page_of(student)
    assert dict(TITLE.findall(page))["/learn/socks"] == "Socks"
    assert "/courses/socks" not in page
    assert "Continue where you stopped" in page
    assert "Lesson 1 of 1" in page
    assert f'/learn/socks/{socks.videos[0].rpartition("/")[2]}"' in page
    assert "Continue where you stopped" not in await page_of(student, "/courses?level=beginner")
    # What is kept for everybody has nothing of one person.
    for person in (await school.person("student"), await school.person("instructor")):
        other = await page_of(person)
        assert dict(TITLE.findall(other))["/courses/socks"] == "Socks"
        assert "Continue" not in other


async def test_what_is_the_same_for_many_is_read_once_and_never_old(
    courses: list[Course], student: Person, instructor: Person, school: School, query_count: Callable[[], int]
) -> None:
    async def cost(client: httpx.AsyncClient, path: str) -> int:
        before = query_count()
        assert (await open_page(client, path)).status_code == 200
        return query_count() - before

    other = await school.person("student")
    twin = query_count()
    assert (await student.get("/courses?limit=24&sort=recommended")).status_code == 200
    twin = query_count() - twin
    first = await cost(student.client, "/courses")
    assert first <= twin + 3
    assert await cost(other.client, "/courses") == 2
    for title in ("One more", "And another"):
        await published(instructor, title=title, is_free=True)
    assert await cost(other.client, "/courses") == first
    assert {"One more", "And another"} <= set(titles(await page_of(student)))
    await ask(instructor, "PATCH", courses[0].path, json={"title": "Mittens"})
    assert "Mittens" in titles(await page_of(student))
    assert "الدورات" in (await open_page(student.client, "/courses", **{"Accept-Language": "ar"})).text


async def test_a_course_may_be_called_like_a_part_of_the_page(instructor: Person, student: Person) -> None:
    for title in ("Facets", "Orders", "Pager"):
        await published(instructor, title=title)
    assert set(titles(await page_of(student))) == {"Facets", "Orders", "Pager"}
