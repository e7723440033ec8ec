"""The states of a course: submitted, taken back, approved, sent back, archived; and what is featured."""

import asyncio
from collections.abc import Callable

from kernel.testing import Mailbox, Person, School
from tests.plugins.courses.conftest import Course, ask, draft, published, refused

WRONG = "courses.state_wrong"


async def submitted(author: Person, **fields: object) -> Course:
    """Make a course that waits for a review."""
    course = await draft(author, **fields)
    await course.add_section()
    await course.add_video()
    await ask(author, "POST", f"{course.path}/submit")
    return course


async def test_course_is_submitted_approved_and_published(instructor: Person, admin: Person, student: Person) -> None:
    course = await submitted(instructor)
    waiting = await ask(admin, "GET", "/courses?status=submitted&sort=submitted")
    assert [each["id"] for each in waiting["items"]] == [str(course.id)]
    assert (await student.get(course.path)).status_code == 404

    approved = await ask(admin, "POST", f"{course.path}/approve")

    verdict = {**approved["verdict"], "decided_at": "", "reviewer": approved["verdict"]["reviewer"]["id"]}
    assert verdict == {
        "decision": "approved", "reason": None, "notes": [], "decided_at": "", "reviewer": str(admin.id),
    }  # fmt: skip
    assert (approved["status"], approved["is_published"]) == ("published", True)
    assert (await ask(student, "GET", course.path))["verdict"] is None


async def test_course_that_lacks_something_is_not_submitted(instructor: Person) -> None:
    course = await draft(instructor)
    answer = await ask(instructor, "POST", f"{course.path}/submit", status=409)
    assert (answer["code"], [each["field"] for each in answer["errors"]]) == (
        "courses.incomplete",
        ["sections", "videos"],
    )
    assert (await ask(instructor, "GET", course.path))["status"] == "draft"


async def test_course_that_was_emptied_meanwhile_is_not_approved(instructor: Person, admin: Person) -> None:
    course = await submitted(instructor)
    await ask(instructor, "DELETE", course.videos[0], status=204)
    assert await refused(admin, "POST", f"{course.path}/approve", status=409) == "courses.incomplete"


async def test_course_is_sent_back_with_notes_mended_and_submitted_again(instructor: Person, admin: Person) -> None:
    course = await submitted(instructor)
    video_id = course.videos[0].rpartition("/")[2]
    order = {
        "reason": "The sound is missing.",
        "notes": [{"target": "title", "text": "Say more."}, {"target": f"video:{video_id}", "text": "No sound."}],
    }

    rejected = await ask(admin, "POST", f"{course.path}/reject", json=order)

    shown = await ask(instructor, "GET", course.path)
    assert rejected["status"] == shown["status"] == "rejected"
    reviewer = {"id": str(admin.id), "first_name": "Admin", "last_name": "Test", "avatar_url": None}
    assert {**shown["verdict"], "decided_at": ""} == {
        **order, "decision": "rejected", "decided_at": "", "reviewer": reviewer,
    }  # fmt: skip
    again = await ask(instructor, "POST", f"{course.path}/submit")
    assert (again["status"], again["verdict"]) == ("submitted", shown["verdict"])


async def test_wrong_verdicts_are_refused_and_named(instructor: Person, admin: Person) -> None:
    course = await submitted(instructor)
    for body, field in (
        ({}, "reason"),
        ({"reason": " "}, "reason"),
        ({"reason": "No.", "notes": [{"target": "<script>", "text": "x"}]}, "notes[0].target"),
        ({"reason": "No.", "notes": [{"target": "title", "text": ""}]}, "notes[0].text"),
        ({"reason": "No.", "decision": "approved"}, "decision"),
    ):
        answer = await ask(admin, "POST", f"{course.path}/reject", status=400, json=body)
        assert [each["field"] for each in answer["errors"]] == [field]


async def test_course_is_taken_back_from_review(instructor: Person) -> None:
    course = await submitted(instructor)
    back = await ask(instructor, "POST", f"{course.path}/withdraw")
    assert (back["status"], back["submitted_at"]) == ("draft", None)


async def test_archived_course_stays_open_to_its_students_alone(
    school: School, instructor: Person, student: Person
) -> None:
    course = await published(instructor, is_free=True)
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    archived = await ask(instructor, "POST", f"{course.path}/archive")
    stranger = await school.person("student")

    assert archived["status"] == "archived"
    assert (await ask(student, "GET", course.path))["status"] == "archived"
    assert (await stranger.get(course.path)).status_code == 404
    assert (await ask(instructor, "POST", f"{course.path}/publish"))["status"] == "published"


async def test_featured_courses_stand_in_front(instructor: Person, admin: Person, student: Person) -> None:
    first, second = await published(instructor), await published(instructor)
    await ask(admin, "PUT", f"{first.path}/feature")

    listed = (await ask(student, "GET", "/courses?sort=recommended"))["items"]
    assert [(each["id"], each["is_featured"]) for each in listed] == [(str(first.id), True), (str(second.id), False)]
    featured = await ask(student, "GET", "/courses?featured=true")
    others = await ask(student, "GET", "/courses?featured=false")
    assert [[each["id"] for each in page["items"]] for page in (featured, others)] == [
        [str(first.id)],
        [str(second.id)],
    ]

    await ask(admin, "DELETE", f"{first.path}/feature")
    assert (await ask(student, "GET", "/courses?featured=true"))["total"] == 0


async def test_archiving_ends_the_featuring(instructor: Person, admin: Person) -> None:
    course = await published(instructor)
    await ask(admin, "PUT", f"{course.path}/feature")
    await ask(instructor, "POST", f"{course.path}/archive")
    assert (await ask(instructor, "POST", f"{course.path}/publish"))["is_featured"] is False


MOVES = {
    "submit": {"draft", "rejected", "archived"},
    "withdraw": {"submitted"},
    "approve": {"submitted"},
    "reject": {"submitted"},
    "archive": {"published"},
    "feature": {"published"},
}
"""From which states each change begins."""
WAYS = {
    "draft": (),
    "submitted": ("submit",),
    "rejected": ("submit", "reject"),
    "published": ("publish",),
    "archived": ("publish", "archive"),
}


async def move(admin: Person, course: Course, change: str) -> tuple[int, str]:
    """Ask for a change and return status and code."""
    method = "PUT" if change == "feature" else "POST"
    body = {"reason": "No."} if change == "reject" else None
    answer = await admin.request(method, f"{course.path}/{change}", json=body)
    return answer.status_code, answer.json().get("code", "")


async def test_every_change_begins_with_its_states_alone(admin: Person) -> None:
    for state, way in WAYS.items():
        for change, begins in MOVES.items():
            course = await draft(admin)
            await course.add_section()
            await course.add_video()
            for step in way:
                assert await move(admin, course, step) == (200, "")
            wanted = (200, "") if state in begins else (409, WRONG)
            assert (state, change, await move(admin, course, change)) == (state, change, wanted)


async def test_of_two_verdicts_at_once_one_counts(instructor: Person, admin: Person) -> None:
    course = await submitted(instructor)
    answers = await asyncio.gather(*(move(admin, course, "approve") for _ in range(4)), move(admin, course, "reject"))
    assert sorted(answers) == [(200, ""), *[(409, WRONG)] * 4]


async def test_details_cost_the_same_number_of_queries_with_many_verdicts(
    instructor: Person, admin: Person, query_count: Callable[[], int]
) -> None:
    course = await submitted(instructor)

    async def cost() -> int:
        before = query_count()
        await ask(instructor, "GET", course.path)
        return query_count() - before

    await move(admin, course, "reject")
    one = await cost()
    for _ in range(3):
        await move(admin, course, "submit")
        await move(admin, course, "reject")
    assert await cost() == one


async def test_reviewers_and_authors_are_mailed(
    school: School, instructor: Person, admin: Person, student: Person, mailbox: Mailbox
) -> None:
    colleague = await school.person("admin")
    course = await submitted(instructor, title="Chairs")
    await school.settle()
    page = school.tenant.url(course.path)
    for reviewer in (admin, colleague):
        (mail,) = await mailbox.mails(reviewer.email)
        assert (mail.subject, mail.links) == ("“Chairs” waits for your review", [page])
        assert "Instructor Test has submitted" in mail.text
    notes = [{"target": "title", "text": "Say more."}, {"target": "description", "text": "Say less."}]
    await ask(admin, "POST", f"{course.path}/reject", json={"reason": "The sound is missing.", "notes": notes})
    await school.settle()
    (mail,) = await mailbox.mails(instructor.email)
    assert (mail.subject, mail.links) == ("“Chairs” needs some changes", [page])
    assert "The sound is missing.\n\n- Say more.\n- Say less.\n" in mail.text.replace("\r", "")
    await ask(instructor, "POST", f"{course.path}/submit")
    await ask(admin, "POST", f"{course.path}/approve")
    await school.settle()
    # The course did not wait any more when the reviewers were to be told.
    assert len(await mailbox.mails(admin.email)) == 1
    assert [mail.subject for mail in await mailbox.mails(instructor.email)][1] == "“Chairs” is published"
    assert await mailbox.mails(student.email) == []


async def test_nobody_is_mailed_about_their_own_doing(school: School, admin: Person, mailbox: Mailbox) -> None:
    course = await submitted(admin)
    await school.settle()
    await ask(admin, "POST", f"{course.path}/approve")
    await school.settle()
    assert await mailbox.mails(admin.email) == []


async def test_whoever_has_chosen_so_is_not_mailed(
    school: School, instructor: Person, admin: Person, mailbox: Mailbox
) -> None:
    off = {"notifications": {"courses.course_approved": {"mail": False}}}
    chosen = await ask(instructor, "PATCH", "/users/me/preferences", json=off)
    told = {each["kind"]: each["channels"]["mail"] for each in chosen["notifications"]}
    assert [kind for kind, is_told in told.items() if not is_told] == ["courses.course_approved"]
    # Another choice leaves that one alone.
    other = {"notifications": {"courses.course_submitted": {"mail": True}}, "theme": "dark"}
    await ask(instructor, "PATCH", "/users/me/preferences", json=other)
    course = await submitted(instructor)
    await ask(admin, "POST", f"{course.path}/reject", json={"reason": "Too short."})
    await ask(instructor, "POST", f"{course.path}/submit")
    await ask(admin, "POST", f"{course.path}/approve")
    await school.settle()
    assert ["needs some changes" in mail.subject for mail in await mailbox.mails(instructor.email)] == [True]
    await school.switch_off("courses")
    own = await ask(instructor, "GET", "/users/me/preferences")
    assert [each["kind"] for each in own["notifications"] if each["kind"].startswith("courses.")] == []
