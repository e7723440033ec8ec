"""Every page of the portal and of accounts, as its HTML: who sees it, what it says, what it never says."""

import httpx
import pytest

from kernel.testing import Person, School, SchoolFactory

HTML = {"Accept": "text/html,application/xhtml+xml"}
OUTSIDE = ("/", "/sign-in", "/register", "/forgot-password", "/reset-password", "/invitation", "/verify-email",
           "/offline", "/without-script")  # fmt: skip
INSIDE = ("/dashboard", "/profile", "/profile/security", "/profile/devices", "/profile/preferences")


async def open_page(client: httpx.AsyncClient, path: str, **headers: str) -> httpx.Response:
    url = f"http://{client.base_url.host}{path}"
    return await client.get(url, headers={**HTML, **headers}, follow_redirects=False)


@pytest.mark.parametrize("path", OUTSIDE)
async def test_visitors_see_what_is_open(school: School, path: str) -> None:
    answer = await open_page(await school.client(), path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8"), answer.text
    assert answer.text.count("<h1") >= 1
    assert "style=" not in answer.text
    assert "<script>" not in answer.text


@pytest.mark.parametrize("path", INSIDE)
async def test_pages_of_people_lead_visitors_to_the_sign_in(school: School, student: Person, path: str) -> None:
    answer = await open_page(await school.client(), path)
    assert (answer.status_code, answer.headers["location"]) == (302, f"/sign-in?next={path}")
    seen = await open_page(student.client, path)
    assert seen.status_code == 200, seen.text
    assert "style=" not in seen.text


async def test_a_visitor_who_goes_on_after_signing_in_stays_here(school: School) -> None:
    client = await school.client()
    kept = await open_page(client, "/sign-in?next=/profile/devices")
    assert 'data-next="/profile/devices"' in kept.text
    for foreign in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        answer = await open_page(client, f"/sign-in?next={foreign}")
        assert 'data-next="/dashboard"' in answer.text


async def test_design_system_is_for_staff(school: School, student: Person, instructor: Person) -> None:
    assert (await open_page(student.client, "/design")).status_code == 403
    assert (await open_page(instructor.client, "/design")).status_code == 200
    assert "Design system" not in (await open_page(student.client, "/dashboard")).text


@pytest.mark.parametrize(("accept", "kind"), [("text/html", "text/html"), ("application/json", "application/problem")])
async def test_refusals_are_pages_for_browsers_alone(school: School, accept: str, kind: str) -> None:
    client = await school.client()
    missing = await open_page(client, "/nowhere/at/all", Accept=accept)
    assert missing.status_code == 404
    assert missing.headers["content-type"].startswith(kind)
    api = await client.get("/nowhere", headers={"Accept": accept})
    assert api.headers["content-type"] == "application/problem+json"


async def test_without_the_portal_there_is_no_trace(new_school: SchoolFactory) -> None:
    school = await new_school(plugins=["auth", "admin"])
    student = await school.person("student")
    for path in (*OUTSIDE, *INSIDE, "/theme.css", "/manifest.webmanifest", "/sw.js"):
        answer = await open_page(student.client, path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"


async def test_planted_text_stays_text(school: School) -> None:
    admin = await school.person("admin")
    planted = "<script>alert(1)</script>\"'&"
    changed = await admin.patch(f"/users/{admin.id}", json={"first_name": planted.replace("/", "")})
    assert changed.status_code == 200, changed.text
    for path in ("/dashboard", "/profile"):
        text = (await open_page(admin.client, path)).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize(
    ("site", "is_packed"), [("same-origin", True), ("none", True), ("cross-site", False), ("", False)]
)
async def test_what_others_open_is_not_compressed(school: School, student: Person, site: str, is_packed: bool) -> None:
    asked = {"Sec-Fetch-Site": site} if site else {}
    answer = await open_page(student.client, "/profile", **asked)
    assert (answer.headers.get("content-encoding") == "gzip") is is_packed
    assert "Sec-Fetch-Site" in answer.headers["vary"]
    visitors = await open_page(await school.client(), "/", **asked)
    assert visitors.headers["content-encoding"] == "gzip"


async def test_pages_speak_the_language_of_the_reader(school: School, student: Person) -> None:
    client = await school.client()
    arabic = await open_page(client, "/sign-in", **{"Accept-Language": "ar-EG,ar;q=0.9,en;q=0.5"})
    assert '<html lang="ar" dir="rtl"' in arabic.text
    chosen = await open_page(client, "/sign-in?lang=ar")
    assert "collegium_language=ar" in chosen.headers["set-cookie"]
    await student.patch("/users/me/preferences", json={"locale": "ar", "theme": "dark"})
    own = await open_page(student.client, "/dashboard")
    assert '<html lang="ar" dir="rtl" data-theme="dark"' in own.text


async def test_files_are_kept_for_good_under_their_digest(school: School) -> None:
    client = await school.client()
    page = (await open_page(client, "/")).text
    address = next(part for part in page.split('"') if part.endswith("portal.css"))
    found = await open_page(client, address)
    assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert found.headers["content-encoding"] == "gzip"
    old = await open_page(client, f"/static/0123456789ab/{address.split('/', 3)[3]}")
    assert (old.status_code, old.headers["cache-control"]) == (200, "public, max-age=60")
    for name in ("portal/../plugin.py", "portal/none.css", "courses/tables.py"):
        assert (await open_page(client, f"/static/{address.split('/')[2]}/{name}")).status_code == 404


async def test_a_tenants_colours_are_its_own(new_school: SchoolFactory) -> None:
    plain = await new_school()
    coloured = await new_school(settings={"general": {"primary_colour": "#b00020", "name": "Red School"}})
    assert (await open_page(await plain.client(), "/theme.css")).text == ""
    client = await coloured.client()
    page = (await open_page(client, "/")).text
    address = next(part for part in page.split('"') if part.startswith("/theme.css"))
    assert "Red School" in page
    style = await open_page(client, address)
    assert style.text.startswith(":root{--brand:light-dark(oklch(46.0%")
    assert "immutable" in style.headers["cache-control"]
