"""The pages of who hands out codes: who sees them, what they say and cost, and one story in a real browser."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import func, update

from kernel.testing import Person
from plugins.codes import paper
from plugins.codes.actions import large_batches
from plugins.codes.tables import AccessCode
from tests.browser import browser  # noqa: F401 - a fixture
from tests.plugins.codes.conftest import Classroom, ClassroomFactory, redeem
from tests.plugins.portal.conftest import Site, site  # noqa: F401 - a fixture
from tests.plugins.portal.test_portal_pages import open_page

STATIC = Path(__file__).parents[3] / "plugins/codes/static"
SEEN = {"admin": 200, "owner": 200, "other": 404, "student": 403, "visitor": 302, "foreign": 404}
LISTED = {**SEEN, "other": 200, "foreign": 200}
MAY = {
    "/teach/codes": LISTED,
    "/teach/codes/new": LISTED,
    "/teach/codes/new?course_id={course}": SEEN,
    "/teach/codes?course_id={course}": SEEN,
    "/teach/codes/batches/{batch}": SEEN,
    "/teach/codes/batches/{batch}/print": SEEN,
    "/teach/codes/{code}": SEEN,
    "/admin/codes": {**LISTED, "owner": 403, "other": 403},
    "/admin/codes/new": {**LISTED, "owner": 403, "other": 403},
    "/admin/codes/batches/{batch}": {**SEEN, "owner": 403, "other": 403},
    "/admin/codes/batches/{batch}/print": {**SEEN, "owner": 403, "other": 403},
    "/admin/codes/{code}": {**SEEN, "owner": 403, "other": 403},
    "/admin/codes/attempts": {**LISTED, "owner": 403, "other": 403},
}
_PAUSE = update(AccessCode).values(paused_until=func.now() + func.make_interval(0, 0, 0, 0, 1))


async def shown(person: Person, path: str) -> str:
    answer = await open_page(person.client, path)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_each_page_lets_in_whom_the_table_says(
    classroom: Classroom, other_school: object, new_classroom: ClassroomFactory
) -> None:
    batch = await classroom.order(count=2)
    foreign = await new_classroom(other_school)  # type: ignore[arg-type]
    clients = {
        "admin": classroom.admin.client,
        "owner": classroom.instructor.client,
        "other": (await classroom.school.person("instructor")).client,
        "student": (await classroom.student()).client,
        "visitor": await classroom.school.client(),
        "foreign": foreign.admin.client,
    }
    ids = {"batch": batch["batch_id"], "code": batch["items"][0]["id"], "course": classroom.course_id}

    answers = {
        path: {who: (await open_page(client, path.format(**ids))).status_code for who, client in clients.items()}
        for path in MAY
    }

    assert answers == MAY


async def test_a_batch_shows_codes_uses_and_documents(classroom: Classroom) -> None:
    batch = await classroom.order(count=2, type="single_use", label="<b>Fair</b>", allowed_domains=["a.example"])
    first, second = batch["items"]
    domain = await classroom.student()
    async with classroom.school.db() as db:
        await db.run(update(AccessCode).values(allowed_domains=[]))
    await redeem(domain, first)

    page = await shown(classroom.instructor, f"/teach/codes/batches/{batch['batch_id']}")

    assert f'<bdi class="code-text" dir="ltr">{second["code"]}</bdi>' in page
    assert "&lt;b&gt;Fair&lt;/b&gt;" in page
    assert "<b>Fair" not in page
    assert "Student Test" in page
    assert "2 codes · 1 use each · no end" in page
    for kind in ("csv", "xlsx", "pdf"):
        (address,) = re.findall(rf'href="(/api/v1/access-codes/export[^"]*format={kind})"', page)
        document = await classroom.instructor.get(address.replace("&amp;", "&").removeprefix("/api/v1"))
        assert document.status_code == 200
    printed = await shown(classroom.instructor, f"/teach/codes/batches/{batch['batch_id']}/print")
    assert second["code"] in printed
    assert first["code"] not in printed


async def test_an_attacked_code_says_so_and_is_switched_on_again(classroom: Classroom) -> None:
    code = await classroom.code()
    async with classroom.school.db() as db:
        await db.run(_PAUSE)

    assert f'href="/teach/codes/{code["id"]}"' in await shown(classroom.instructor, "/dashboard")
    assert f'href="/admin/codes/{code["id"]}"' in await shown(classroom.admin, "/dashboard")
    assert "are being attacked" in await shown(classroom.instructor, f"/teach/codes/batches/{code['batch_id']}")
    page = await shown(classroom.instructor, f"/teach/codes/{code['id']}")
    assert "Resting after an attack until" in page
    assert f'data-api="PATCH /api/v1/access-codes/{code["id"]}"' in page
    await classroom.instructor.patch(f"/access-codes/{code['id']}", json={"paused_until": None})
    assert "Resting after an attack" not in await shown(classroom.instructor, f"/teach/codes/{code['id']}")
    assert "is attacked" not in await shown(classroom.instructor, "/dashboard")


async def test_batches_are_found_and_counted_by_what_the_address_says(classroom: Classroom) -> None:
    autumn, spring = await classroom.order(label="Autumn"), await classroom.order(label="Spring")
    code = autumn["items"][0]["code"]

    async def links(query: str) -> list[str]:
        page = await shown(classroom.instructor, f"/teach/codes?{query}")
        return re.findall(r'class="batch-name" href="/teach/codes/batches/([^"]+)"', page)

    assert await links("") == [spring["batch_id"], autumn["batch_id"]]
    assert await links(f"q={code}") == [autumn["batch_id"]]
    assert await links(f"course_id={classroom.course_id}&is_open=true") == [spring["batch_id"], autumn["batch_id"]]
    assert "No codes fit" in await shown(classroom.instructor, "/teach/codes?is_open=false")
    assert "No codes yet" in await shown(await classroom.school.person("instructor"), "/teach/codes")


@pytest.mark.parametrize(
    "path", ["/teach/codes?limit=100", "/teach/codes/batches/{batch}?limit=100", "/teach/codes/{code}"]
)
async def test_pages_cost_the_same_for_one_row_and_for_thirty(
    classroom: Classroom, query_count: Callable[[], int], path: str
) -> None:
    one, many = [await classroom.order(count=count, max_uses=40) for count in (1, 30)]
    crowd = [await classroom.student() for _ in range(3)]
    await redeem(crowd[0], one["items"][0])
    costs = []
    for batch, more in ((one, 0), (many, 29)):
        for _ in range(more):
            await classroom.order()
        for person, code in zip(crowd, batch["items"], strict=False):
            await redeem(person, code)
        before = query_count()
        await shown(classroom.instructor, path.format(batch=batch["batch_id"], code=batch["items"][0]["id"]))
        costs.append(query_count() - before)
    assert costs[0] == costs[1]


@pytest.mark.parametrize("path", ["/admin/codes/attempts?limit=100", "/users/{student}/file"])
async def test_tries_and_files_cost_the_same_for_one_row_and_for_thirty(
    classroom: Classroom, query_count: Callable[[], int], path: str
) -> None:
    student = await classroom.student()
    costs = []
    for count in (1, 29):
        for code in (await classroom.order(count=count))["items"]:
            await redeem(student, code)
        before = query_count()
        await shown(classroom.admin, path.format(student=student.id))
        costs.append(query_count() - before)
    assert costs[0] == costs[1]


def test_paper_and_page_have_the_same_measures() -> None:
    style, sheet, letter = (
        (STATIC / f"{name}.css").read_text(encoding="utf-8") for name in ("codes", "print", "letter")
    )
    width, height = paper.CARD
    for kind, size, page in ((paper.PAPERS["a4"], "A4", sheet), (paper.PAPERS["letter"], "letter", letter)):
        across, down = (round(each, 2) for each in kind.margin)
        assert f"size: {size} portrait; margin: {down:g}mm {across:g}mm" in page
    assert f"inline-size: {width:g}mm; block-size: {height:g}mm; padding: {paper.PADDING:g}mm" in style
    assert f"inline-size: {paper.QR:g}mm; block-size: {paper.QR:g}mm" in style
    assert f"{paper.CODE_POINTS:g}pt/1.2" in style
    assert f"repeat({paper.COLUMNS}, {width:g}mm)" in sheet
    assert f"grid-auto-rows: {height:g}mm" in sheet
    assert f"max-inline-size: {paper.LOGO[0]:g}mm" in style
    assert f"block-size: {paper.LOGO[1]:g}mm" in style
    assert (paper.PAPERS["a4"].per_page, paper.PAPERS["a4"].margin) == (10, (20, 13.5))
    assert paper.PAPERS["letter"].per_page == 8


async def opened(page: Page, path: str) -> None:
    await page.goto(path)
    await page.wait_for_selector("html[data-ready]")


async def test_an_instructor_makes_codes_prints_ten_on_a_page_and_switches_one_off(
    classroom: Classroom,
    site: Site,  # noqa: F811
) -> None:
    page = await (await site.visit(person=classroom.instructor)).new_page()
    await opened(page, "/teach/codes")
    await page.get_by_role("link", name="New codes").first.click()
    await page.wait_for_selector("html[data-ready]")
    await page.get_by_role("combobox", name="Course").focus()
    await page.keyboard.type("chairs")
    await expect(page.get_by_role("option", name="Tables and chairs")).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.get_by_role("radio", name="Several times").check()
    await page.locator("#count").fill("20")
    await page.locator("#expires_at").fill("2090-12-31")
    await page.get_by_role("button", name="Make codes").click()
    await expect(page.locator("#max_uses-error")).to_be_visible()
    await page.locator("#max_uses").fill("3")
    await expect(page.locator("[data-sum]")).to_have_text("20 codes · 3 uses each · until Dec 31, 2090")
    await expect(page.locator(".preview [data-card-title]")).to_have_text("Tables and chairs")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Tables and chairs")).to_be_visible()
    batch = re.search(r"/teach/codes/batches/([\w-]+)$", page.url)
    assert batch, page.url
    codes = (await classroom.instructor.get(f"/access-codes?batch_id={batch[1]}&limit=100")).json()["items"]
    assert (len(codes), codes[0]["expires_at"][:7]) == (20, "2090-12") or codes[0]["expires_at"][:7] == "2091-01"

    await opened(page, f"/teach/codes/batches/{batch[1]}/print")
    document = await page.pdf(prefer_css_page_size=True)
    assert re.findall(rb"/Type /Pages\s+/Count (\d+)", document) == [b"2"]
    await page.get_by_role("navigation", name="Paper").get_by_role("link", name="Letter").click()
    await page.wait_for_url("**/print?paper=letter")
    document = await page.pdf(prefer_css_page_size=True)
    assert re.findall(rb"/Type /Pages\s+/Count (\d+)", document) == [b"3"]
    assert re.search(rb"/MediaBox \[0 0 612 792\]", document)

    await opened(page, f"/teach/codes/batches/{batch[1]}")
    row = page.locator("tr", has_text=codes[0]["code"])
    await row.get_by_role("button").focus()
    await page.keyboard.press("Enter")
    await expect(row.get_by_role("menuitem").first).to_be_focused()
    await page.keyboard.press("End")
    await expect(row.get_by_role("menuitem", name="Switch off")).to_be_focused()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("alertdialog", name="Switch this code off?")
    await expect(dialog).to_contain_text("3 uses are lost")
    await dialog.get_by_role("button", name="Switch off").click()
    await expect(row).to_contain_text("Switched off")
    await page.locator("tr", has_text=codes[1]["code"]).get_by_role("checkbox").check()
    await page.locator("tr", has_text=codes[2]["code"]).get_by_role("checkbox").check()
    await page.locator("#chosen-codes").get_by_role("button", name="Switch off").click()
    asked = page.get_by_role("alertdialog", name="Switch the chosen codes off?")
    await expect(asked).to_contain_text("Uses that are lost: 6.")
    await asked.get_by_role("button", name="Switch off").click()
    await expect(page.locator("[data-toasts]")).to_contain_text("Done: 2")
    states = (await classroom.instructor.get(f"/access-codes?batch_id={batch[1]}&state=inactive")).json()
    assert states["total"] == 3


async def test_many_codes_for_a_lesson_are_made_while_one_looks(
    classroom: Classroom,
    site: Site,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(large_batches, "_SLICE", 600)
    page = await (await site.visit(width=390, person=classroom.instructor)).new_page()
    await opened(page, f"/teach/codes/new?course_id={classroom.course_id}")
    await page.get_by_role("radio", name="One lesson").check()
    await expect(page.locator("#video_id")).to_have_text("The saw")
    await page.locator("#count").fill("1001")
    await expect(page.locator("[data-sum]")).to_have_text("1,001 codes · 1 use each · no end")
    await page.get_by_role("button", name="Make codes").click()
    await expect(page.get_by_role("heading", name="Codes are being made")).to_be_visible()
    await classroom.school.settle()
    await expect(page.get_by_role("heading", name="Codes are being made")).to_be_hidden()
    assert "task=" not in page.url
    found = (await classroom.instructor.get(f"/access-codes?video_id={classroom.video_id}")).json()
    assert found["total"] == 1001
