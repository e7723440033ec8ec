"""What each kind of person comes for, done by the keyboard alone from the first key to the last."""

from urllib.parse import urlsplit

from playwright.async_api import expect

from kernel.testing import PASSWORD, Mailbox, Person, School
from tests.plugins.courses.conftest import ask, draft, published
from tests.plugins.portal.conftest import Site
from tests.plugins.portal.keyboard import Keyboard

NEWCOMER = "noor@stranger.example"


async def test_a_visitor_registers_uses_a_code_and_learns(
    site: Site, school: School, instructor: Person, mailbox: Mailbox
) -> None:
    course = await published(instructor, title="Chairs that last", requires_code=True)
    order = {"type": "single_use", "course_id": str(course.id), "count": 1}
    code = (await ask(instructor, "POST", "/access-codes/generate", status=201, json=order))["items"][0]["code"]
    page = await (await site.visit()).new_page()
    keys = Keyboard(page)
    await keys.open("/")
    await keys.press("Tab")
    assert await keys.look() == "Skip to the content"
    await keys.to("Make an account")
    await keys.follow("**/register*")
    for field, text in (
        ("First name", "Noor"),
        ("Last name", "Haddad"),
        ("E-mail", NEWCOMER),
        ("Password", "Longenough1"),
    ):
        await keys.to(field)
        await keys.type(text)
    await page.keyboard.press("Enter")
    await expect(page.locator("#password-error")).to_be_visible()
    assert await keys.look() == "Password"
    await keys.press("ControlOrMeta+A")
    await keys.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Check your mail")).to_be_focused()
    await keys.look()

    link = urlsplit((await mailbox.mail(NEWCOMER)).links[0])
    await keys.open(f"{link.path}#{link.fragment}")
    await keys.to("Confirm the address")
    await keys.follow("**/sign-in*")
    await keys.to("E-mail")
    await keys.type(NEWCOMER)
    await keys.to("Password")
    await keys.type(PASSWORD)
    await keys.follow("**/dashboard")

    await keys.to("Enter a code")
    await keys.follow("**/redeem")
    await keys.to("Access code")
    await keys.type(code)
    await expect(page.locator("[data-opens]")).to_contain_text("Chairs that last")
    await keys.to("Use this code")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="It is open for you")).to_be_focused()
    await keys.look()
    await keys.to("Start learning")
    await keys.follow("**/learn/chairs-that-last*/**")
    await keys.to("I have watched it")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-watched]")).to_have_text("Done")
    await keys.look()

    # The menu of the account opens, closes and gives the focus back; in it stands the way out.
    await keys.open("/my/courses")
    await keys.to("NH Your account")
    await keys.press("Enter")
    await keys.to("Profile")
    await keys.press("Escape")
    assert await keys.look() == "NH Your account"
    await keys.press("Enter")
    await keys.to("Sign out")
    await keys.follow(f"{site.origin}/")
    await keys.to("Sign in")


async def test_an_instructor_builds_orders_and_submits_a_course(site: Site, school: School, admin: Person) -> None:
    instructor = await school.person("instructor")
    await ask(admin, "PATCH", "/settings", json={"courses": {"review_required": True}})
    page = await (await site.visit(person=instructor)).new_page()
    keys = Keyboard(page)
    await keys.open("/dashboard")
    await keys.to("Courses")
    await keys.follow("**/teach/courses")
    await keys.to("Make a course")
    await keys.follow("**/teach/courses/new")
    await keys.to("Title")
    await keys.type("Queues and workers")
    await keys.follow("**/curriculum")
    course = page.url.split("/")[-2]
    await keys.to("Title of the new section")
    for title in ("Why a queue", "Building one"):
        await keys.type(title)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("link", name=title)).to_be_visible()
        await expect(page.locator("#new-section")).to_be_focused()
        await keys.look()

    await keys.to("Add a video to “Why a queue”", key="Shift+Tab")
    await keys.press("Enter")
    await keys.to("A video on YouTube")
    await keys.press("Enter")
    for field, text in (
        ("Address of the video", "https://youtu.be/dQw4w9WgXcQ"),
        ("Title", "Work that may be done twice"),
        ("Length", "8:40"),
    ):
        await keys.to(field)
        await keys.type(text)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="Work that may be done twice")).to_be_focused()
    await keys.look()

    # The first section goes below the second: lifted, moved, put down.
    await keys.to("Move “Why a queue”", key="Shift+Tab")
    await keys.press("Space", "ArrowDown")
    async with page.expect_response(lambda answer: answer.request.method != "GET" and answer.ok):
        await keys.press("Space")
    await expect(page.locator("[data-live]")).to_contain_text("put down, position 2 of 2")
    assert await keys.look() == "Move “Why a queue”"
    sections = (await ask(instructor, "GET", f"/courses/{course}/sections"))["items"]
    assert [each["title"] for each in sections] == ["Building one", "Why a queue"]

    # A dialog that is left gives the focus back; what is submitted is read anew, and the focus is where it was done.
    await keys.to("Submit for review", key="Shift+Tab")
    await keys.press("Enter", "Escape")
    assert await keys.look() == "Submit for review"
    await keys.press("Enter")
    await keys.to("Submit for review")
    await keys.act("Submitted. You hear from us.")
    await keys.to("Take back")
    await keys.act("It is a draft again")
    assert (await ask(instructor, "GET", f"/courses/{course}"))["status"] == "draft"


async def test_an_administrator_approves_a_course_and_suspends_somebody(site: Site, school: School) -> None:
    admin, instructor = await school.person("admin"), await school.person("instructor")
    student = await school.person("student")
    await ask(admin, "PATCH", f"/users/{student.id}", json={"first_name": "Sami", "last_name": "Aziz"})
    course = await draft(instructor, title="Chairs that last")
    await course.add_section()
    await course.add_video()
    await ask(instructor, "POST", f"{course.path}/submit")
    page = await (await site.visit(person=admin)).new_page()
    keys = Keyboard(page)
    await keys.open("/dashboard")
    await keys.to("Review queue")
    await keys.follow("**/admin/review")
    await keys.to("Chairs that last")
    await keys.follow(f"**/admin/review/{course.id}")
    await keys.to("Approve and publish")
    await keys.follow("**/admin/review")
    assert (await ask(instructor, "GET", course.path))["status"] == "published"

    # From the list: a menu, its dialog left, then said yes to; the focus comes back to the menu each time.
    await keys.to("Users")
    await keys.follow("**/admin/users")
    menu = "Actions for Sami Aziz"
    await keys.to(menu)
    await keys.press("Enter")
    await keys.to("Suspend", key="ArrowDown")
    await keys.press("Enter")
    await expect(page.get_by_role("dialog", name="Suspend Sami Aziz?")).to_be_visible()
    await keys.press("Escape")
    assert await keys.look() == menu
    await keys.press("Enter")
    await keys.to("Suspend", key="ArrowDown")
    await keys.press("Enter")
    await keys.to("Suspend")
    await keys.act("Suspended. All sessions have ended.")
    assert await keys.look() == menu
    assert (await student.get("/users/me")).status_code == 401

    # Chosen by the space bar, many are changed at once.
    await keys.to("Choose Sami Aziz", key="Shift+Tab")
    await keys.press("Space")
    await keys.to("Activate")
    await keys.act("Done: 1")
    assert (await ask(admin, "GET", f"/users/{student.id}"))["status"] == "active"
