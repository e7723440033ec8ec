"""The search: who finds what, in which groups, and what it costs."""

from collections.abc import Callable

from kernel.testing import AppFactory, Person, School
from polls import plugin
from tests.plugins.courses.conftest import published
from tests.plugins.portal.test_portal_pages import open_page


async def test_each_finds_what_they_may_see(school: School, admin: Person, instructor: Person, student: Person) -> None:
    await published(instructor, 10, is_free=True, title="Weaving <b>baskets</b>")
    for person in (admin, instructor, student):
        page = (await open_page(person.client, "/search?q=weaving")).text
        assert "Weaving &lt;b&gt;baskets&lt;/b&gt;" in page
        assert 'href="/courses?q=weaving"' in page
    assert "baskets" not in (await open_page(await school.client(), "/search?q=weaving")).text
    address = student.email
    assert address in (await open_page(admin.client, f"/search?q={address}")).text
    for person in (student, instructor):
        page = (await open_page(person.client, f"/search?q={address}")).text
        assert "Nothing for" in page
        assert "/admin/users/" not in page


async def test_another_school_is_not_searched(other_school: School, instructor: Person) -> None:
    await published(instructor, 10, is_free=True, title="Weaving baskets")
    stranger = await other_school.person("admin")
    for words in ("weaving", instructor.email):
        assert "Nothing for" in (await open_page(stranger.client, f"/search?q={words}")).text


async def test_words_are_shown_as_text_and_too_few_only_show_the_field(student: Person) -> None:
    page = (await open_page(student.client, "/search?q=%3Cscript%3Ealert(1)%3C/script%3E")).text
    assert "<script>alert" not in page
    assert "Nothing for “&lt;script&gt;alert(1)&lt;/script&gt;”." in page
    for path in ("/search", "/search?q=a", "/search?q=%20%20a%20"):
        page = (await open_page(student.client, path)).text
        assert page.count('role="search"') == 1
        assert "Nothing for" not in page
    assert (await open_page(student.client, f"/search?q={'a' * 101}")).status_code == 400


async def test_five_results_cost_as_many_queries_as_one(
    instructor: Person, student: Person, query_count: Callable[[], int]
) -> None:
    async def cost() -> tuple[int, int]:
        await open_page(student.client, "/search?q=weaving")
        before = query_count()
        page = (await open_page(student.client, "/search?q=weaving")).text
        return query_count() - before, page.count('class="item"')

    await published(instructor, 10, is_free=True, title="Weaving 0")
    queries, shown = await cost()
    assert shown == 1
    for number in range(1, 7):
        await published(instructor, 10, is_free=True, title=f"Weaving {number}")
    assert await cost() == (queries, 5)


async def test_a_plugin_that_is_off_finds_nothing(app_with: AppFactory) -> None:
    school = await (await app_with(plugin, "portal")).school()
    instructor = await school.person("instructor")
    made = await instructor.post("/polls", json={"question": "Tea or coffee?", "options": ["Tea", "Coffee"]})
    assert made.status_code == 201, made.text
    assert "Tea or coffee?" in (await open_page(instructor.client, "/search?q=COFFEE")).text
    assert "Nothing for" in (await open_page(instructor.client, "/search?q=%25%25")).text
    await school.switch_off("polls")
    gone = (await open_page(instructor.client, "/search?q=coffee")).text
    assert "Nothing for" in gone
    assert "Tea or" not in gone
