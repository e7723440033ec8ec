"""The pages of those in whose care courses are: who may see them, and that they say what the API says."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from kernel.testing import Person, School, SchoolFactory
from tests.plugins.courses.conftest import Course, Deliver, ask, draft, published, watch
from tests.plugins.portal.test_portal_pages import open_page

# The page, and what each gets: stranger, student, owner, another instructor, administrator, administrator elsewhere.
DOORS = (
    ("/admin/review", "302 403 403 403 200 200"),
    ("/admin/review/{course}", "302 403 403 403 200 404"),
    ("/admin/courses", "302 403 403 403 200 200"),
    ("/admin/categories", "302 403 403 403 200 200"),
    ("/teach/reviews", "302 403 200 200 200 200"),
    ("/teach/students", "302 403 200 200 200 200"),
    ("/teach/analytics", "302 403 200 200 200 200"),
    ("/teach/courses/{course}/reviews", "302 403 200 404 200 404"),
    ("/teach/courses/{course}/students", "302 403 200 404 200 404"),
    ("/teach/courses/{course}/analytics", "302 403 200 404 200 404"),
)


async def submitted(author: Person, **fields: str) -> Course:
    course = await draft(author, **fields)
    await course.add_section(title="Section one")
    await course.add_video(title="Lesson one")
    await ask(author, "POST", f"{course.path}/submit")
    return course


async def test_who_may_see_a_page(school: School, other_school: School, student: Person, instructor: Person) -> None:
    course = await submitted(instructor)
    people = [
        student,
        instructor,
        await school.person("instructor"),
        await school.person("admin"),
        await other_school.person("admin"),
    ]
    clients = [await school.client(), *[person.client for person in people]]
    found = {}
    for path, _ in DOORS:
        answers = [await open_page(client, path.format(course=course.id)) for client in clients]
        found[path] = " ".join(str(answer.status_code) for answer in answers)
    assert found == dict(DOORS)


async def test_a_reviewer_sees_the_queue_and_the_course_as_it_is(school: School, instructor: Person) -> None:
    admin = await school.person("admin")
    assert "No course waits" in (await open_page(admin.client, "/admin/review")).text
    course = await submitted(instructor, title="Chairs <b>& tables")
    queue = (await open_page(admin.client, "/admin/review")).text
    assert "Chairs &lt;b&gt;&amp; tables" in queue
    assert '<span class="number">1</span>' in queue
    page = (await open_page(admin.client, f"/admin/review/{course.id}")).text
    assert f'data-api="POST /api/v1/courses/{course.id}/approve"' in page
    video = course.videos[0].rpartition("/")[2]
    assert f'data-note="video:{video}"' in page
    assert "It has no cover." in page
    assert "waits for your review" in (await open_page(admin.client, "/dashboard")).text

    note = {"target": f"video:{video}", "text": "The sound is missing."}
    await ask(admin, "POST", f"{course.path}/reject", json={"reason": "Not yet.", "notes": [note]})
    decided = (await open_page(admin.client, f"/admin/review/{course.id}")).text
    assert "does not wait for a review any more" in decided
    assert "The sound is missing." in decided
    assert "/approve" not in decided


async def test_reviews_wait_until_they_are_answered(school: School, student: Person, instructor: Person) -> None:
    course = await published(instructor, title="Chairs")
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    said = {"rating": 4, "comment": "Good <i>legs</i>"}
    review = await ask(student, "POST", f"{course.path}/reviews", status=201, json=said)
    for path in ("/teach/reviews", f"/teach/courses/{course.id}/reviews"):
        page = (await open_page(instructor.client, path)).text
        assert "Good &lt;i&gt;legs&lt;/i&gt;" in page
        assert "4 stars of 5" in page
        assert f'data-api="PUT /api/v1/reviews/{review["id"]}/reply"' in page
    await ask(instructor, "PUT", f"/reviews/{review['id']}/reply", json={"text": "Thank you"})
    assert "No review waits" in (await open_page(instructor.client, "/teach/reviews")).text
    assert "Thank you" in (await open_page(instructor.client, "/teach/reviews?waiting=false")).text
    colleague = await school.person("instructor")
    assert "legs" not in (await open_page(colleague.client, "/teach/reviews?waiting=false")).text


async def test_students_stand_with_those_first_who_have_gone_quiet(school: School, instructor: Person) -> None:
    course = await published(instructor, title="Chairs")
    quiet, busy, gone = [await school.person("student") for _ in range(3)]
    for student in (busy, quiet, gone):
        await ask(student, "POST", f"{course.path}/enroll", status=201)
    await watch(busy, course.videos[0], (0, 50))
    await ask(gone, "DELETE", f"{course.path}/enroll", status=204)
    async with school.db() as db:
        driver = await db.driver()
        long_ago = datetime.now(UTC) - timedelta(days=20)
        await driver.execute(
            "UPDATE courses.course_enrollments SET enrolled_at = $1 WHERE user_id = $2", long_ago, quiet.id
        )
    # A name leads to the file where the reader may open it: of who is assigned to them.
    assert "/file" not in (await open_page(instructor.client, "/teach/students")).text
    admin = await school.person("admin")
    for student in (quiet, busy, gone):
        await ask(admin, "PATCH", f"/users/{student.id}/file", json={"assigned_instructor": str(instructor.id)})
    page = (await open_page(instructor.client, "/teach/students")).text
    places = [page.index(f"/users/{each.id}/file") for each in (quiet, busy)]
    assert places == sorted(places)
    assert f"/users/{gone.id}/file" not in page
    assert "50%" in page
    found = await ask(instructor, "GET", f"{course.path}/students")
    assert page.count('scope="row"') == found["total"] == 2
    only = (await open_page(instructor.client, "/teach/students?show=quiet")).text
    assert f"/users/{quiet.id}/file" in only
    assert f"/users/{busy.id}/file" not in only
    left = (await open_page(instructor.client, f"/teach/courses/{course.id}/students?show=dropped&sort=-seen")).text
    assert f"/users/{gone.id}/file" in left
    assert "1 student has gone quiet" in (await open_page(instructor.client, "/dashboard")).text

    table = await instructor.get(f"{course.path}/students/export")
    assert table.headers["content-type"].startswith("text/csv")
    lines = table.text.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("first_name,last_name,status,progress")
    assert ",active,50.0,0," in lines[2] or ",active,50.0,0," in lines[1]


async def test_students_are_found_by_a_part_of_their_name(school: School, instructor: Person) -> None:
    admin, stranger = await school.person("admin"), await school.person("student")
    mine, theirs = await published(instructor), await published(await school.person("instructor"))
    people = [await school.person("student") for _ in range(3)]
    names = (("Éva", "Ünal"), ("Per", "Percent%"), ("Eva", "Elsewhere"))
    for person, (first_name, last_name), course in zip(people, names, (mine, mine, theirs), strict=True):
        await ask(admin, "PATCH", f"/users/{person.id}", json={"first_name": first_name, "last_name": last_name})
        await ask(person, "POST", f"{course.path}/enroll", status=201)
    await ask(people[1], "DELETE", f"{mine.path}/enroll", status=204)

    async def found(query: str) -> list[str]:
        text = (await open_page(instructor.client, f"/teach/students?{query}")).text
        return [last_name for _, last_name in names if f"{last_name}</b>" in text]

    assert await found("q=éva") == ["Ünal"]
    assert await found("q=VA+ü") == ["Ünal"]
    assert await found("q=%25") == []
    assert await found("q=%25&show=dropped") == ["Percent%"]
    # An address is nobody's to guess at, and who is no student of theirs is not there.
    for nobody in ("elsewhere", people[0].email, stranger.email, "_"):
        answer = await open_page(instructor.client, f"/teach/students?q={nobody}")
        assert "Nobody is called so" in answer.text, nobody
    own = (await open_page(instructor.client, f"/teach/courses/{mine.id}/students?q=nal")).text
    assert "Ünal</b>" in own
    assert 'value="nal"' in own


async def test_a_name_leads_to_a_file_that_opens(school: School, student: Person, instructor: Person) -> None:
    admin = await school.person("admin")
    course = await published(instructor)
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    await ask(student, "POST", f"{course.path}/reviews", status=201, json={"rating": 5})
    link, pages = f'href="/users/{student.id}/file"', ("/teach/reviews?waiting=false", "/dashboard")

    async def leads(person: Person, path: str) -> bool:
        return link in (await open_page(person.client, path)).text

    assert [await leads(instructor, path) for path in pages] == [False, False]
    assert await leads(admin, f"/teach/courses/{course.id}/reviews")
    await ask(admin, "PATCH", f"/users/{student.id}/file", json={"assigned_instructor": str(instructor.id)})
    assert [await leads(instructor, path) for path in pages] == [True, True]
    assert (await open_page(instructor.client, f"/users/{student.id}/file")).status_code == 200


async def test_analytics_say_what_the_api_says(school: School, student: Person, instructor: Person) -> None:
    course = await published(instructor, 100, 7200, title="Chairs")
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    await watch(student, course.videos[0], (0, 100))
    await watch(student, course.videos[1], (0, 3500), total=7200)
    found = await ask(instructor, "GET", f"{course.path}/analytics")
    assert found["watched_seconds"] == 3600
    page = (await open_page(instructor.client, f"/teach/courses/{course.id}/analytics?days=7")).text
    assert '<span class="value">1 h 0 min</span>' in page
    assert "Watched: 1 h 0 min. There was nothing in the period before." in page
    assert '<progress value="100.0" max="100" aria-label="A video">' in page
    assert "1 enrolment." in page
    every = (await open_page(instructor.client, "/teach/analytics?days=90")).text
    assert "Watched: 1 h 0 min." in every
    assert 'class="end" data-label="Watch time"><span class="text">1 h 0 min</span></td>' in every
    assert (await open_page(instructor.client, "/teach/analytics?days=5")).status_code == 400


async def test_all_courses_are_found_whatever_their_state(school: School, instructor: Person) -> None:
    admin = await school.person("admin")
    assert "No course yet" in (await open_page(admin.client, "/admin/courses")).text
    shelf = await ask(admin, "POST", "/categories", status=201, json={"name": "Wood"})
    await draft(instructor, title="Draft of <i>chairs", category_id=shelf["id"])
    await published(await school.person("instructor"), title="Open tables")
    every = (await open_page(admin.client, "/admin/courses")).text
    assert "Draft of &lt;i&gt;chairs" in every
    assert "Open tables" in every
    assert "/feature" in every
    for query, found, other in (
        ("status=draft", "Draft of", "Open tables"),
        ("status=published", "Open tables", "Draft of"),
        (f"instructor={instructor.id}", "Draft of", "Open tables"),
        (f"category={shelf['id']}", "Draft of", "Open tables"),
        ("q=tables&sort=title", "Open tables", "Draft of"),
    ):
        page = (await open_page(admin.client, f"/admin/courses?{query}")).text
        assert found in page, query
        assert other not in page, query
    assert "No course fits" in (await open_page(admin.client, "/admin/courses?status=archived")).text
    # The API's list is as it was: without a state, what is published.
    assert (await ask(admin, "GET", "/courses"))["total"] == 1


async def test_categories_are_moved_one_place_at_a_time(school: School) -> None:
    admin = await school.person("admin")
    assert "No category yet" in (await open_page(admin.client, "/admin/categories")).text
    ids = {}
    for name in ("One", "Two", "Three"):
        ids[name] = (await ask(admin, "POST", "/categories", status=201, json={"name": name}))["id"]

    async def move(name: str, parent: str | None, before: str | None, *, status: int = 200) -> None:
        order = {"parent_id": parent and ids[parent], "before_id": before and ids[before]}
        await ask(admin, "POST", f"/categories/{ids[name]}/move", status=status, json=order)

    async def tree() -> list[tuple[str, str | None]]:
        names = {value: name for name, value in ids.items()}
        items = (await ask(admin, "GET", "/categories"))["items"]
        return [(each["name"], names.get(each["parent_id"])) for each in items]

    await move("Three", None, "One")
    assert [name for name, _ in await tree()] == ["Three", "One", "Two"]
    await move("Three", None, None)
    await move("Two", "One", None)
    assert set(await tree()) == {("One", None), ("Two", "One"), ("Three", None)}
    page = (await open_page(admin.client, f"/admin/categories?moved={ids['Two']}&by=in")).text
    assert page.index(">One</b>") < page.index(">Two</b>") < page.index(">Three</b>")
    assert "branch d1" in page
    # It cannot go further in, so the focus stands on the way out.
    assert page.count(" autofocus>") == 1
    assert page.index(" autofocus>") < page.index("Move “Two” further out")
    await move("One", "Two", None, status=409)
    await move("Three", None, "Two", status=409)
    await move("Two", None, "Three")
    assert [name for name, _ in await tree()] == ["One", "Two", "Three"]


async def test_many_cost_as_many_queries_as_one(
    school: School, instructor: Person, query_count: Callable[[], int]
) -> None:
    admin = await school.person("admin")
    pages = (
        "/teach/students",
        "/teach/reviews?waiting=false",
        "/teach/analytics",
        "/admin/review",
        "/dashboard",
        "/admin/courses",
        "/admin/categories",
    )

    async def costs() -> list[int]:
        found = []
        for path in pages:
            person = admin if path.startswith("/admin") else instructor
            before = query_count()
            assert (await open_page(person.client, path)).status_code == 200
            found.append(query_count() - before)
        return found

    async def one_more(number: int) -> None:
        course = await published(instructor, title=f"Course {number}")
        student = await school.person("student")
        await ask(student, "POST", f"{course.path}/enroll", status=201)
        await ask(student, "POST", f"{course.path}/reviews", status=201, json={"rating": 5})
        await submitted(instructor, title=f"New {number}")

    await one_more(0)
    await costs()
    few = await costs()
    for number in range(1, 9):
        await one_more(number)
    assert await costs() == few


async def test_dashboards_are_each_roles_own(
    school: School, student: Person, instructor: Person, deliver: Deliver
) -> None:
    admin = await school.person("admin")
    new = (await open_page(instructor.client, "/dashboard")).text
    assert "Your first steps" in new
    assert 'href="/teach/courses/new"' in new
    course = await published(instructor, 100, title="Chairs")
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    await watch(student, course.videos[0], (0, 60))
    said = {"rating": 4, "comment": "Firm."}
    await ask(student, "POST", f"{course.path}/reviews", status=201, json=said)

    await ask(instructor, "PATCH", course.path, json={"price": "20.00"})
    await deliver()

    teaching = (await open_page(instructor.client, "/dashboard?days=7")).text
    assert "Your first steps" not in teaching
    for part in (
        "Watched: 1 min.",
        "Where viewers stop",
        "My courses",
        "Firm.",
        "1 review waits for a reply",
        "New course",
    ):
        assert part in teaching, part
    found = await ask(instructor, "GET", f"{course.path}/analytics")
    places = found["enrollments"]["active"] + found["enrollments"]["completed"]
    assert f'<span class="name">Students</span><span class="value">{places}</span>' in teaching

    looking = (await open_page(admin.client, "/dashboard")).text
    for part in (
        "Enrolments",
        "1 enrolment.",
        '<span class="name">Videos</span><span class="value">1</span>',
        "$20.00",
    ):
        assert part in looking, part
    for foreign in ("My courses", "Your first steps", "/teach/courses/new", 'href="/teach/students"'):
        assert foreign not in looking, foreign
    learning = (await open_page(student.client, "/dashboard")).text
    assert "Watch time" not in learning
    assert "/teach/" not in learning
    assert "/admin/" not in learning
    assert (await open_page(instructor.client, "/dashboard?days=8")).status_code == 400


async def test_without_courses_there_is_no_trace_of_these_pages(new_school: SchoolFactory) -> None:
    school = await new_school(plugins=["auth", "admin", "media", "portal"])
    admin, instructor = await school.person("admin"), await school.person("instructor")
    for person, paths in ((admin, ("/admin/review", "/admin/courses")), (instructor, ("/teach/students",))):
        dashboard = (await open_page(person.client, "/dashboard")).text
        for path in paths:
            assert path not in dashboard
            assert (await open_page(person.client, path)).status_code == 404
