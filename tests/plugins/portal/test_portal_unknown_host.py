"""Where no school is at home: a page says what is wrong, is drawn with files of no school, and tells of none."""

import re

import httpx
import pytest

from kernel.strangers import MOST_PER_MINUTE
from kernel.testing import School
from tests.browser import violations
from tests.plugins.portal.conftest import Site
from tests.plugins.portal.test_portal_in_every_look import listen

HTML = {"Accept": "text/html,application/xhtml+xml"}
NOWHERE = "http://nobody.test"


@pytest.fixture
async def stranger(school: School, other_school: School) -> httpx.AsyncClient:
    """A visitor of a deployment of more than one school."""
    assert school.host != other_school.host
    return await school.client()


@pytest.mark.parametrize("path", ["/", "/dashboard?next=1", "/sign-in", "/admin/users"])
async def test_browsers_are_told_that_no_school_is_here(stranger: httpx.AsyncClient, school: School, path: str) -> None:
    answer = await stranger.get(f"{NOWHERE}{path}", headers=HTML)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert answer.headers["cache-control"] == "no-store"
    assert "No school is at home at this address" in answer.text
    assert '<bdi class="host" dir="ltr">nobody.test</bdi>' in answer.text
    assert "<script" not in answer.text
    assert school.host not in answer.text
    for file in re.findall(r'"(/static/[^"#]+)', answer.text):
        sent = await stranger.get(f"{NOWHERE}{file}")
        assert (sent.status_code, "immutable" in sent.headers["cache-control"]) == (200, True), file


async def test_where_no_page_is_only_that_is_said(stranger: httpx.AsyncClient, school: School) -> None:
    home = f"http://{school.host}"
    await stranger.get(f"{home}/sign-in")
    for host, name in ((home, f"· {school.tenant.name}</title>"), (NOWHERE, "· Collegium</title>")):
        answer = await stranger.get(f"{host}/nowhere/at/all", headers=HTML)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "There is nothing at this address" in answer.text
        assert name in answer.text


async def test_programs_are_told_as_programs(stranger: httpx.AsyncClient) -> None:
    for path, accept in (("/", "application/json"), ("/", "*/*"), ("/api/v1/users/me", HTML["Accept"])):
        answer = await stranger.get(f"{NOWHERE}{path}", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        assert answer.json()["code"] == "kernel.tenant_unknown"


async def test_what_belongs_to_a_school_is_not_there(stranger: httpx.AsyncClient) -> None:
    for path in ("/theme.css", "/manifest.webmanifest", "/sw.js", "/offline", "/logo/x"):
        assert (await stranger.get(f"{NOWHERE}{path}")).status_code == 404, path
    assert (await stranger.get(f"{NOWHERE}/static/0123/portal/none.css")).status_code == 404


async def test_a_host_that_is_markup_is_shown_as_text(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get(f"{NOWHERE}/", headers={**HTML, "Host": "<script>alert(1)</script>.test"})
    assert "<script" not in answer.text


async def test_who_tries_too_many_hosts_reads_a_page_too(school: School, other_school: School) -> None:
    assert school.host != other_school.host
    transport = httpx.ASGITransport(app=(await school.client())._transport.app, client=("203.0.113.7", 1))  # type: ignore[attr-defined]
    async with httpx.AsyncClient(transport=transport) as guesser:
        for turn in range(MOST_PER_MINUTE):
            await guesser.get(f"http://guess-{turn}.test/")
        answer = await guesser.get(f"{NOWHERE}/", headers=HTML)
        assert answer.status_code == 429
        assert "Wait a minute, then try again." in answer.text
        style = re.findall(r'"(/static/[^"]+\.css)"', answer.text)[0]
        assert (await guesser.get(f"{NOWHERE}{style}")).status_code == 200


@pytest.mark.usefixtures("other_school")
async def test_the_page_is_drawn_as_the_others_are(site: Site) -> None:
    port = site.origin.rpartition(":")[2]
    for locale, heading in (("en", "No school is at home at this address"), ("ar", "لا توجد أي مدرسة في هذا العنوان")):
        page = await (await site.visit(locale=locale)).new_page()
        said = listen(page)
        await page.goto(f"http://nobody.localhost:{port}/courses")
        assert await page.get_by_role("heading", level=1).inner_text() == heading
        assert await page.evaluate("getComputedStyle(document.querySelector('.gate')).display") == "grid"
        assert await violations(page) == []
        await page.set_viewport_size({"width": 320, "height": 800})
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.get_by_role("link", name="العربية").click()
        await page.wait_for_url("**?lang=ar")
        assert await page.evaluate("document.documentElement.dir") == "rtl"
        assert said == []
