"""What administrators do in a browser, from the first click to the last, much of it with the keyboard alone."""

import re

from playwright.async_api import FilePayload, Page, expect

from kernel.testing import Person, School
from tests.browser import browser, chromium  # noqa: F401 - fixtures
from tests.plugins.media.conftest import picture
from tests.plugins.portal.conftest import Site, site  # noqa: F401 - fixtures
from tests.plugins.portal.keyboard import Keyboard

ENTRY_OF_CODES = 'a[href^="/redeem"], a[href*="/codes"]'


async def opened(page: Page, path: str) -> None:
    await page.goto(path)
    await page.wait_for_selector("html[data-ready]")


async def test_an_administrator_looks_after_people(site: Site, school: School, admin: Person) -> None:  # noqa: F811
    student = await school.person("student", email="sami@school.test")
    await admin.patch(f"/users/{student.id}", json={"first_name": "Sami", "last_name": "Aziz"})
    page = await (await site.visit(person=admin)).new_page()
    theirs = await (await site.visit(person=student)).new_page()
    await opened(theirs, "/profile")

    # Three lines, one press: what is wrong stays, with the reason.
    await opened(page, "/admin/users/invite")
    await page.get_by_label("People").fill(
        "Lena Hoffmann, lena@school.test\nnobody\nsami@school.test\nnoor.haddad@school.test"
    )
    await page.get_by_role("button", name="Invite", exact=True).click()
    await expect(page.locator("[data-said]")).to_contain_text("Invited: 2. Not invited: 2.")
    await expect(page.locator("[data-refused]")).to_contain_text("There is no e-mail address in this line.")
    await expect(page.get_by_label("People")).to_have_value("nobody\nsami@school.test")
    invited = (await admin.get("/users?q=noor")).json()["items"][0]
    assert (invited["first_name"], invited["last_name"], invited["role"]) == ("Noor", "Haddad", "student")

    # The filters stand in the address and can be taken away one by one.
    await opened(page, "/admin/users")
    await page.get_by_role("search").get_by_label("Role").select_option("student")
    await page.wait_for_url("**/admin/users?*role=student*")
    await page.wait_for_selector("html[data-ready]")
    await expect(page.get_by_text(admin.email)).to_have_count(0)
    await page.get_by_role("main").get_by_role("searchbox").fill("aziz")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**q=aziz*")
    await page.wait_for_selector("html[data-ready]")
    await expect(page.locator("tbody tr")).to_have_count(1)

    # By the keyboard alone: the person, the button, the dialog, and the focus comes back into the page.
    await page.locator("tbody a.person-link").focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/admin/users/{student.id}")
    await page.wait_for_selector("html[data-ready]")
    keys = Keyboard(page)
    await keys.to("Suspend")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("alertdialog", name="Suspend Sami Aziz?")
    await expect(dialog).to_contain_text("All sessions end now. Nothing is deleted.")
    await keys.to("Suspend")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-toasts]")).to_contain_text("All sessions have ended.")
    await page.wait_for_selector("html[data-ready]")
    assert await keys.look() == "Activate"

    # Who was signed in elsewhere is out at the next click.
    await theirs.get_by_role("link", name="Devices").click()
    await theirs.wait_for_url(re.compile("/sign-in[?]next=/profile/devices$"))
    await expect(theirs.get_by_role("heading", name="Welcome back")).to_be_visible()

    # Many at once: the chosen rows are activated, one call each.
    await opened(page, "/admin/users?status=suspended")
    await page.get_by_label("Choose Sami Aziz").check()
    await page.locator("#chosen-users").get_by_role("button", name="Activate").click()
    await expect(page.locator("[data-toasts]")).to_contain_text("Done: 1")
    assert (await admin.get(f"/users/{student.id}")).json()["status"] == "active"


async def test_an_administrator_shapes_the_school(site: Site, school: School, operator: Person) -> None:  # noqa: F811
    instructor, student = await school.person("instructor"), await school.person("student")
    page = await (await site.visit(person=operator)).new_page()
    learner = await (await site.visit(person=student)).new_page()
    teacher = await (await site.visit(person=instructor)).new_page()

    # Name and colour are seen at once, on this page and on everybody's.
    await opened(page, "/admin/settings")
    before = await page.evaluate("getComputedStyle(document.querySelector('.button.primary')).backgroundColor")
    await page.get_by_label("Name").first.fill("Violet School")
    await page.get_by_label("Main colour", exact=True).fill("#7a1fa2")
    looks = page.locator("[data-preview] .button.primary").first
    assert await looks.evaluate("each => getComputedStyle(each).backgroundColor") != before
    await page.locator("form[data-settings]").get_by_role("button", name="Save").click()
    await expect(page).to_have_title("Settings: General · Violet School")
    await opened(learner, "/profile")
    await expect(learner).to_have_title("Profile · Violet School")
    assert (
        await learner.evaluate("getComputedStyle(document.querySelector('.button.primary')).backgroundColor") != before
    )

    # A picture becomes the logo once it is saved, and visitors see it.
    await opened(page, "/admin/settings")
    logo = FilePayload(name="logo.png", mimeType="image/png", buffer=picture())
    await page.locator("[data-picture-of]").set_input_files([logo])
    await expect(page.locator("[data-toasts]")).to_contain_text("It is uploaded.")
    await page.locator("form[data-settings]").get_by_role("button", name="Save").click()
    await expect(page.locator("[data-toasts]")).to_contain_text("Saved.")
    visitor = await (await site.visit()).new_page()
    await opened(visitor, "/")
    shown = visitor.locator('.school img[src^="/logo/"]').first
    assert await shown.evaluate("each => each.decode().then(() => each.naturalWidth > 0)")

    # What is wrong stands beside its field, and nothing typed is lost.
    await opened(page, "/admin/settings")
    await page.get_by_label("Accent colour", exact=True).fill("orange")
    await page.locator("form[data-settings]").get_by_role("button", name="Save").click()
    await expect(page.locator("#general-accent_colour-error")).to_be_visible()
    await expect(page.get_by_label("Accent colour", exact=True)).to_have_value("orange")

    # A role's grant: shown before it is saved, felt at the next click.
    await opened(teacher, "/dashboard")
    await expect(teacher.get_by_role("link", name="Users")).to_have_count(0)
    await opened(page, "/admin/roles")
    await page.get_by_label("Instructors: List and search accounts").select_option("any")
    await page.get_by_role("button", name="See what changes").click()
    changes = page.get_by_role("dialog", name="Change what roles may?")
    await expect(changes.get_by_role("listitem")).to_have_text("Instructors: List and search accountsNo → All")
    await changes.get_by_role("button", name="Save").click()
    await expect(page.locator("[data-toasts]")).to_contain_text("Saved.")
    await opened(teacher, "/dashboard")
    await teacher.get_by_role("link", name="Users").first.click()
    await expect(teacher.get_by_role("heading", level=1)).to_contain_text("Users")

    # A plugin is switched off after a look at what goes with it, and no page knows of it any more.
    await opened(learner, "/")
    await expect(learner.locator(ENTRY_OF_CODES)).not_to_have_count(0)
    await opened(page, "/admin/plugins")
    await page.get_by_role("switch", name="Access codes").uncheck()
    await page.get_by_role("button", name="See what changes").click()
    preview = page.get_by_role("dialog", name="Switch plugins?")
    await expect(preview.get_by_role("listitem")).to_contain_text("codes is not switched on for this tenant.")
    await preview.get_by_role("button", name="Switch").click()
    await expect(page.locator("[data-toasts]")).to_contain_text("Saved.")
    for who, paths in (
        (learner, ("/", "/dashboard", "/courses")),
        (teacher, ("/dashboard",)),
        (page, ("/dashboard", "/admin/roles")),
    ):
        for path in paths:
            await opened(who, path)
            assert await who.locator(ENTRY_OF_CODES).count() == 0, path
            assert await who.get_by_text("codes.access_code").count() == 0, path
    assert (await learner.goto("/redeem")).status == 404  # type: ignore[union-attr]


async def test_a_mail_is_said_in_the_schools_own_words(site: Site, school: School, admin: Person) -> None:  # noqa: F811
    page = await (await site.visit(person=admin)).new_page()
    await opened(page, "/admin/mail-templates/auth.invitation?locale=en")
    await page.get_by_label("Text").fill("Welcome.\n\n")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#body-error")).to_contain_text("link")
    await page.get_by_label("Text").focus()
    await page.keyboard.press("Control+End")
    await page.get_by_role("button", name="Insert link").click()
    await page.get_by_role("button", name="Show the mail").click()
    await expect(page.get_by_role("dialog", name="How the mail looks")).to_contain_text("Welcome.")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Your own words", exact=True)).to_be_visible()
    await page.wait_for_selector("html[data-ready]")
    await page.get_by_role("button", name="Back to how it comes").click()
    await page.get_by_role("button", name="Give up my words").click()
    await expect(page.get_by_text("As it comes", exact=True)).to_be_visible()
    assert not (await admin.get("/mail-templates/auth.invitation")).json()["is_changed"]


async def test_an_operator_makes_a_tenant_and_takes_it_away(site: Site, school: School, operator: Person) -> None:  # noqa: F811
    slug = f"north-{school.tenant.slug[-8:]}"
    page = await (await site.visit(person=operator)).new_page()
    await opened(page, "/admin/tenants/new")
    await page.get_by_label("Name of the school").fill("North School")
    await page.get_by_label("Short name").fill("North!")
    await page.get_by_label("Hosts").fill(f"{slug}.test")
    for label, text in (("First name", "Noor"), ("Last name", "Haddad"), ("E-mail", f"noor@{slug}.test")):
        await page.locator("main").get_by_label(label).fill(text)
    await page.get_by_role("button", name="Make the tenant").click()
    await expect(page.locator("#slug-error")).to_contain_text("small letters")
    await expect(page.get_by_label("Name of the school")).to_have_value("North School")
    await page.get_by_label("Short name").fill(slug)
    await page.get_by_role("button", name="Make the tenant").click()
    await page.wait_for_url(re.compile("/admin/tenants/[0-9a-f-]{36}$"))
    await page.wait_for_selector("html[data-ready]")
    await expect(page.get_by_role("heading", level=1)).to_have_text("North School")

    # Plugins are switched for it alone.
    await page.get_by_role("switch", name="Access codes").uncheck()
    await page.get_by_role("button", name="See what changes").click()
    await page.get_by_role("dialog", name="Switch plugins?").get_by_role("button", name="Switch").click()
    await expect(page.locator("[data-toasts]")).to_contain_text("Saved.")
    await expect(page.get_by_role("switch", name="Access codes")).not_to_be_checked()
    made = (await operator.get(f"/tenants/{page.url.rpartition('/')[2]}")).json()
    assert "codes" not in made["plugins"]

    # Only what is disabled can be erased, and only by who types its name.
    await page.get_by_role("button", name="Disable").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Disable").click()
    await expect(page.get_by_text("Disabled", exact=True).first).to_be_visible()
    await page.get_by_role("button", name="Erase").click()
    erasing = page.get_by_role("alertdialog", name="Erase North School?")
    await erasing.get_by_role("textbox").fill("south")
    await erasing.get_by_role("button", name="Erase").click()
    await expect(erasing.get_by_text("This is not the same text.")).to_be_visible()
    await erasing.get_by_role("textbox").fill(slug)
    await erasing.get_by_role("button", name="Erase").click()
    await page.wait_for_url("**/admin/tasks")
    await page.wait_for_selector("html[data-ready]")
    await expect(page.get_by_text("Erase a tenant").first).to_be_visible()
    assert await page.locator("[data-under-way]").count() == 1
    await school.settle()
    await expect(page.locator("[data-under-way]")).to_have_count(0, timeout=10_000)
    assert (await operator.get(f"/tenants/{made['id']}")).status_code == 404


async def test_another_sign_in_is_added_and_removed(site: Site, admin: Person) -> None:  # noqa: F811
    page = await (await site.visit(person=admin)).new_page()
    await opened(page, "/admin/settings/auth")
    await page.locator("summary", has_text="Add").click()
    form = page.locator("form[data-new-entry]")
    await form.get_by_label("Short name").fill("google")
    await form.get_by_role("button", name="Add").click()
    await expect(form.locator("[data-summary]")).to_contain_text("needs its issuer")
    for name, text in (("issuer", "https://accounts.example"), ("client_id", "us"), ("client_secret", "the-word")):
        await form.locator(f'[name="auth.providers.google.{name}"]').fill(text)
    await form.get_by_role("button", name="Add").click()
    await expect(page.locator("[data-toasts]")).to_contain_text("Saved.")
    kept = (await admin.get("/settings?category=auth")).json()["auth"]["providers"]["google"]
    assert (kept["issuer"], kept["client_secret"]) == ("https://accounts.example", "***")
    assert "the-word" not in await page.content()
    await page.get_by_role("button", name="Remove").click()
    await page.get_by_role("alertdialog", name="Remove google?").get_by_role("button", name="Remove").click()
    await expect(page.locator("[data-toasts]")).to_contain_text("Removed")
    assert (await admin.get("/settings?category=auth")).json()["auth"]["providers"] == {}
