"""The pages of files and of one's own data: who sees them, what they say, and the account's end in a real browser."""

from playwright.async_api import expect

from kernel.testing import PASSWORD, School
from tests.browser import browser  # noqa: F401 - a fixture
from tests.plugins.codes.conftest import Classroom, classroom, new_classroom, redeem  # noqa: F401 - fixtures
from tests.plugins.portal.conftest import Site, site  # noqa: F401 - a fixture
from tests.plugins.portal.test_portal_pages import open_page


async def test_a_file_is_for_who_may_see_it(school: School, other_school: School) -> None:
    student, assigned = await school.person("student"), await school.person("instructor")
    admin = await school.person("admin")
    kept = {"notes": "Needs <b>light</b>.", "education_level": "Bachelor", "assigned_instructor": str(assigned.id)}
    assert (await admin.patch(f"/users/{student.id}/file", json=kept)).status_code == 200
    clients = {
        "student": student.client,
        "another": (await school.person("student")).client,
        "assigned": assigned.client,
        "other": (await school.person("instructor")).client,
        "admin": admin.client,
        "foreign": (await other_school.person("admin")).client,
        "visitor": await school.client(),
    }

    answers = {who: await open_page(client, f"/users/{student.id}/file") for who, client in clients.items()}

    assert {who: answer.status_code for who, answer in answers.items()} == {
        "student": 200, "another": 404, "assigned": 200, "other": 404, "admin": 200, "foreign": 404, "visitor": 302,
    }  # fmt: skip
    keeps = f'data-api="PATCH /api/v1/users/{student.id}/file"'
    assert [keeps in answers[who].text for who in ("student", "assigned", "admin")] == [False, True, True]
    assert ["Needs &lt;b&gt;" in answers[who].text for who in ("student", "assigned", "admin")] == [False, True, True]
    assert ['id="assigned_instructor"' in answers[who].text for who in ("assigned", "admin")] == [False, True]
    own = (await open_page(student.client, "/my/file")).text
    assert "Bachelor" in own
    assert "Needs" not in own
    assert 'href="/my/file"' in own
    assert 'href="/my/file"' not in (await open_page(admin.client, "/profile")).text


async def test_plugins_draw_their_parts_of_a_file(classroom: Classroom) -> None:  # noqa: F811
    student = await classroom.student()
    assert "No course yet." in (await open_page(student.client, "/my/file")).text
    await redeem(student, await classroom.code(access_days=5))
    other = await classroom.school.person("instructor")
    assign = {"assigned_instructor": str(other.id)}
    assert (await classroom.admin.patch(f"/users/{student.id}/file", json=assign)).status_code == 200

    own = (await open_page(student.client, "/my/file")).text
    assert own.count("Tables and chairs<") == 2
    assert "Codes that were used" in own
    seen = (await open_page(other.client, f"/users/{student.id}/file")).text
    assert "Codes that were used" not in seen
    await classroom.school.switch_off("codes")
    assert "Codes that were used" not in (await open_page(student.client, "/my/file")).text


async def test_what_an_instructor_knows_is_changed_by_them_and_by_administrators(
    site: Site,  # noqa: F811
    school: School,
) -> None:
    instructor, admin = await school.person("instructor"), await school.person("admin")
    page = await (await site.visit(person=instructor)).new_page()
    await page.goto("/profile")
    await page.wait_for_selector("html[data-ready]")
    work = page.get_by_role("region", name="Qualifications")
    save = work.get_by_role("button", name="Save the qualifications")
    await work.get_by_label("Specialization").fill("<b>Wood</b>")
    await work.get_by_label("Years of experience").fill("many")
    await save.click()
    await expect(page.locator("#experience_years-error")).to_have_text("A whole number, at most 80.")
    await expect(work.get_by_label("Years of experience")).to_be_focused()
    await work.get_by_label("Years of experience").fill("١٢")
    await save.click()
    await expect(page.locator("[data-toasts]")).to_contain_text("Saved")
    path = f"/users/{instructor.id}/instructor-profile"
    kept = (await instructor.get(path)).json()
    assert (kept["specialization"], kept["qualification"], kept["experience_years"]) == ("<b>Wood</b>", None, 12)

    sends = f'data-api="PATCH /api/v1{path}"'
    seen = (await open_page(admin.client, f"/admin/users/{instructor.id}")).text
    assert sends in seen
    assert "&lt;b&gt;Wood" in seen
    student = await school.person("student")
    for text in (
        (await open_page(student.client, "/profile")).text,
        (await open_page(admin.client, "/profile")).text,
        (await open_page(admin.client, f"/admin/users/{student.id}")).text,
    ):
        assert "/instructor-profile" not in text


async def test_own_data_is_offered_whole(school: School) -> None:
    student = await school.person("student")
    page = (await open_page(student.client, "/profile/data")).text
    assert 'href="/api/v1/users/me/export"' in page
    assert "Your account and profile" in page
    answer = await student.get("/users/me/export")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]


async def test_an_account_ends_by_typing_its_address(site: Site, school: School) -> None:  # noqa: F811
    student = await school.person("student")
    page = await (await site.visit(person=student)).new_page()
    await page.goto("/profile/data")
    await page.wait_for_selector("html[data-ready]")
    await page.locator("#password").fill(PASSWORD)
    await page.get_by_role("button", name="Close my account").click()
    dialog = page.get_by_role("alertdialog", name="Close the account for good?")
    await dialog.get_by_role("button", name="Close my account").click()
    await expect(dialog.get_by_text("This is not the same text.")).to_be_visible()
    assert (await student.get("/users/me")).status_code == 200
    await dialog.get_by_role("textbox").fill(student.email)
    await dialog.get_by_role("button", name="Close my account").click()
    await expect(page).to_have_url(f"{site.origin}/sign-in")
    await expect(page.locator("[data-toasts]")).to_contain_text("Your account is closed.")
    assert (await student.get("/users/me")).status_code == 401
