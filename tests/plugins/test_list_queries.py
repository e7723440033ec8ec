"""Every list takes as many statements for a page of many rows as for a page of one. A list without a row here fails."""

import inspect
from collections.abc import Callable
from typing import Any

from kernel.deployment import Deployment
from kernel.ids import new_id
from kernel.tasks import enqueue
from kernel.testing import PASSWORD, Person, School, SchoolFactory
from plugins.auth.actions.identities import link
from plugins.auth.federation.assertions import Assertion
from plugins.courses.actions.exporting import EXPORT, CourseToExport
from tests.plugins.auth.authenticator import Authenticator
from tests.plugins.courses.conftest import Course, ask, published
from tests.plugins.media.conftest import upload
from tests.plugins.test_other_tenant import handlers_of

MANY = 30
# The operation, its path, who asks, and how many rows there are at least: 30, or fewer where each is dear to make.
LISTS: tuple[tuple[str, str, str, int], ...] = (
    ("access_codes_attempts", "/access-codes/attempts", "admin", MANY),
    ("access_codes_attempts_on", "/access-codes/{code}/attempts", "instructor", MANY),
    ("access_codes_list", "/access-codes", "instructor", MANY),
    ("access_codes_redemptions", "/access-codes/{code}/redemptions", "instructor", MANY),
    ("audit_logs_list", "/audit-logs", "admin", MANY),
    ("auth_passkeys_list", "/auth/passkeys", "instructor", 3),
    ("auth_providers", "/auth/providers", "student", 3),
    ("categories_list", "/categories", "student", MANY),
    ("code_batches_list", "/access-codes/batches", "instructor", MANY),
    ("code_batches_redemptions", "/access-codes/batches/{batch}/redemptions", "instructor", MANY),
    ("courses_list", "/courses?sort=title", "student", MANY),
    ("courses_reviews", "/courses/{course}/reviews", "instructor", MANY),
    ("courses_sections", "/courses/{course}/sections", "student", MANY),
    ("courses_students", "/courses/{course}/students", "instructor", MANY),
    ("courses_videos", "/courses/{course}/videos", "student", MANY),
    ("enrollments_list", "/enrollments", "student", MANY),
    ("files_list", "/files", "instructor", MANY),
    ("materials_list", "/materials?course_id={course}", "student", MANY),
    ("tasks_failures", "/tasks/failures", "admin", MANY),
    ("tasks_list", "/tasks", "admin", MANY),
    ("tenants_list", "/tenants", "operator", 3),
    ("users_list", "/users", "admin", MANY),
    ("users_me_identities", "/users/me/identities", "student", 3),
    ("users_sessions", "/users/me/sessions", "student", 3),
    ("users_sessions_of", "/users/{student}/sessions", "admin", 3),
)


def _provider(number: int) -> dict[str, Any]:
    return {"issuer": f"https://{number}.example", "client_id": "id", "client_secret": "secret"}


async def _course(school: School, author: Person, students: list[Person]) -> Course:
    """Make a course with many of everything, and everybody in it."""
    course = await published(author, title="Many")
    base = {"course_id": str(course.id), "external_url": "https://example.com/"}
    for number in range(MANY):
        section = await course.add_section(title=f"Section {number}")
        await course.add_video(section=section)
        inside = {"title": "A link", "section_id": section.rpartition("/")[2]}
        await ask(author, "POST", "/materials", status=201, json=base | inside)
    for student in students:
        await ask(student, "POST", f"{course.path}/enroll", status=201)
        await ask(student, "POST", f"{course.path}/reviews", status=201, json={"rating": 4})
    return course


async def _code(author: Person, students: list[Person]) -> dict[str, Any]:
    """Make a course behind codes, many batches of codes, and one code that many have redeemed; return it."""
    closed = await published(author, requires_code=True)
    order = {"course_id": str(closed.id), "type": "unlimited"}
    batches = [await ask(author, "POST", "/access-codes/generate", status=201, json=order) for _ in range(MANY)]
    code: dict[str, Any] = batches[0]["items"][0]
    for student in students:
        await ask(student, "POST", "/access-codes/redeem", json={"code": code["code"]})
    return code


async def _fail(school: School, owner: Person) -> None:
    """Let many tasks fail for good: there is no such course."""
    async with school.db() as db:
        for _ in range(MANY):
            order = CourseToExport(new_id(), None, owner.id, None)
            await enqueue(db, EXPORT, order, owner=owner.actor)
    await school.settle(may_fail=True)


async def _sign_in(school: School, person: Person) -> None:
    """Give somebody more ways in, and more devices."""
    async with school.db() as db:
        for number in range(3):
            assertion = Assertion(f"https://{number}.example", "subject", None, False, "Noor", "Haddad")
            await link(db, person.id, assertion)
    for _ in range(2):
        await person.post("/auth/login", json={"email": person.email, "password": PASSWORD})


async def _add_passkeys(school: School, person: Person) -> None:
    for number in range(3):
        phone = Authenticator(school.tenant.url(""))
        options = await ask(person, "POST", "/auth/passkeys/options", json={"password": PASSWORD})
        made = {"name": f"Key {number}", "credential": phone.make(options["public_key"])}
        await ask(person, "POST", "/auth/passkeys", status=201, json=made)


async def test_a_page_of_many_costs_as_much_as_one_of_one(
    new_school: SchoolFactory, query_count: Callable[[], int]
) -> None:
    school = await new_school({"auth": {"providers": {f"site{number}": _provider(number) for number in range(3)}}})
    for _ in range(2):
        await new_school()
    people: dict[str, Any] = {role: await school.person(role) for role in ("admin", "instructor", "student")}
    people["operator"] = await school.person("admin", is_operator=True)
    author = people["instructor"]
    students = [people["student"], *[await school.person("student") for _ in range(MANY - 1)]]
    course = await _course(school, author, students)
    for number in range(MANY):
        await ask(people["admin"], "POST", "/categories", status=201, json={"name": f"Category {number}"})
        other = await published(author, title=f"Course {number}")
        await ask(people["student"], "POST", f"{other.path}/enroll", status=201)
        await upload(author, b"Read me.", "notes.txt", kind="file")
    code = await _code(author, students)
    places = {"course": str(course.id), "code": code["id"], "batch": code["batch_id"], "student": people["student"].id}
    await _fail(school, people["admin"])
    await _sign_in(school, people["student"])
    await _add_passkeys(school, author)

    async def page(operation: str, where: str, who: str, limit: int) -> tuple[int, int]:
        before = query_count()
        separator = "&" if "?" in where else "?"
        answer = await people[who].get(f"{where.format(**places)}{separator}limit={limit}")
        assert answer.status_code == 200, f"{operation}: {answer.status_code} {answer.text}"
        return len(answer.json()["items"]), query_count() - before

    few, wrong = {}, []
    for operation, where, who, rows in LISTS:
        # What is remembered from an earlier reading is remembered for both.
        await page(operation, where, who, 2)
        one, cost_of_one = await page(operation, where, who, 1)
        many, cost_of_many = await page(operation, where, who, 100)
        few[operation] = cost_of_many
        if one != 1 or many < rows or cost_of_many != cost_of_one:
            wrong.append(f"{operation}: {one} rows by {cost_of_one} statements, {many} by {cost_of_many}")
    assert wrong == []
    assert {operation: cost for operation, cost in few.items() if cost > 8} == {}


def test_every_list_stands_in_the_table(deployment: Deployment) -> None:
    lists = {
        name
        for name, handler in handlers_of(deployment).items()
        if "GET" in handler.http_methods and "limit" in inspect.signature(handler.fn).parameters
    }
    assert {operation for operation, *_ in LISTS} == lists
