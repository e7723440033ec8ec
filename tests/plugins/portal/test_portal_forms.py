"""The contract of forms in a real browser: nothing typed is lost, whatever the answer is."""

import asyncio

import pytest
from playwright.async_api import Page, Route, expect

from kernel.testing import Person, School
from tests.plugins.portal.conftest import Site

ME = "**/api/v1/users/*"


@pytest.fixture
async def person(school: School) -> Person:
    """Whose profile it is."""
    return await school.person("student")


@pytest.fixture
async def profile(site: Site, person: Person) -> Page:
    """The form of the own profile."""
    page = await (await site.visit(person=person)).new_page()
    await page.goto("/profile")
    await page.wait_for_selector("html[data-ready]")
    return page


def answering(status: int, **headers: str) -> tuple[list[Route], object]:
    """Return what answers so often with a refusal, and lets pass what comes after."""
    seen: list[Route] = []

    async def answer(route: Route) -> None:
        if route.request.method != "PATCH":
            await route.continue_()
            return
        seen.append(route)
        if len(seen) == 1:
            body = {"detail": "Somebody else has changed it."}
            await route.fulfill(
                status=status, json=body, headers={"content-type": "application/problem+json", **headers}
            )
        else:
            await route.continue_()

    return seen, answer


async def save(page: Page) -> None:
    await page.locator("form:has(#city)").get_by_role("button", name="Save").click()


async def set_attributes(page: Page, **attributes: str) -> None:
    await page.locator("form:has(#city)").evaluate("(form, given) => Object.assign(form.dataset, given)", attributes)


async def keep_drafts(page: Page) -> None:
    """Have the form kept, as one with a text of several lines is by itself."""
    await set_attributes(page, keep="")
    await page.evaluate(
        """async () => {
          const base = document.querySelector("link[href$='/forms.js']").href;
          (await import(base.replace("forms.js", "drafts.js"))).start();
        }"""
    )


async def test_a_draft_is_offered_again_to_whom_it_belongs(profile: Page) -> None:
    await keep_drafts(profile)
    await profile.locator("#city").fill("Alexandria <b>")
    await profile.goto("/profile/preferences")
    await profile.go_back()
    await profile.wait_for_selector("html[data-ready]")
    stored = await profile.evaluate("JSON.stringify(Object.entries(sessionStorage))")
    assert "Alexandria" in stored
    await keep_drafts(profile)
    await profile.get_by_role("button", name="Use it").click()
    await expect(profile.locator("#city")).to_have_value("Alexandria <b>")
    await save(profile)
    await expect(profile.locator("[data-toasts]")).to_contain_text("Saved")
    assert "Alexandria" not in await profile.evaluate("JSON.stringify(Object.entries(sessionStorage))")


async def test_a_conflict_stands_at_the_button(profile: Page) -> None:
    _, answer = answering(409)
    await profile.route(ME, answer)  # type: ignore[arg-type]
    await profile.locator("#city").fill("Cairo")
    await save(profile)
    conflict = profile.get_by_role("alert").filter(has_text="Somebody else has changed it.")
    await expect(conflict).to_be_visible()
    await conflict.get_by_role("button", name="Load what changed").click()
    await profile.wait_for_load_state()
    await expect(profile.locator("#city")).to_have_value("")


@pytest.mark.parametrize("status", [503, 0], ids=["not ready", "no network"])
async def test_what_could_not_be_sent_is_tried_again(profile: Page, person: Person, status: int) -> None:
    if status:
        _, answer = answering(status)
        await profile.route(ME, answer)  # type: ignore[arg-type]
    else:
        await profile.context.set_offline(True)
        await expect(profile.get_by_text("You are offline. What you type is kept.")).to_be_visible()
    await profile.locator("#city").fill("Aswan")
    await save(profile)
    summary = profile.locator("[data-summary]:visible")
    await expect(summary).to_be_focused()
    await profile.context.set_offline(False)
    await expect(profile.locator("#city")).to_have_value("Aswan")
    await summary.get_by_role("button", name="Try again").click()
    await expect(profile.locator("[data-toasts]")).to_contain_text("Saved")
    assert (await person.get("/users/me")).json()["city"] == "Aswan"


async def test_too_many_tries_are_counted_down(profile: Page) -> None:
    _, answer = answering(429, **{"retry-after": "2"})
    await profile.route(ME, answer)  # type: ignore[arg-type]
    await profile.locator("#city").fill("Luxor")
    await save(profile)
    await expect(profile.get_by_text("Too many tries. Again in 2 s.")).to_be_visible()
    await expect(profile.get_by_text("You can try again now.")).to_be_visible()


async def test_a_change_is_undone_from_its_toast(profile: Page) -> None:
    undone: list[str] = []

    async def answer(route: Route) -> None:
        undone.append(f"{route.request.method} {route.request.url.rpartition('/')[2]}")
        await route.fulfill(status=204)

    await profile.route("**/api/v1/undone-*", answer)
    await set_attributes(profile, undo="DELETE /api/v1/undone-{id}", then="stay")
    await profile.locator("#city").fill("Suez")
    await save(profile)
    await profile.locator("[data-toasts]").get_by_role("button", name="Undo").click()
    await profile.wait_for_load_state()
    assert [each.partition("-")[0] for each in undone] == ["DELETE undone"]


async def test_a_task_is_followed_to_its_end(profile: Page) -> None:
    states = iter(
        [
            {"status": "running", "progress": {"done": 1, "total": 2, "note": ""}, "result": None},
            {
                "status": "failed",
                "progress": {"done": 1, "total": 2, "note": ""},
                "result": None,
                "error": "The disk is full.",
            },
            {
                "status": "done",
                "progress": {"done": 2, "total": 2, "note": ""},
                "result": {"place": "devices"},
                "error": None,
            },
        ]
    )

    async def begin(route: Route) -> None:
        await route.fulfill(status=202, json={"task_id": "t1"})

    async def tell(route: Route) -> None:
        await route.fulfill(json=next(states))

    await profile.route(ME, begin)
    await profile.route("**/api/v1/tasks/t1", tell)
    await set_attributes(profile, poll="", then="/profile/{place}")
    await profile.locator("#city").fill("Tanta")
    await save(profile)
    await expect(profile.get_by_text("The disk is full.")).to_be_visible()
    await save(profile)
    await profile.wait_for_url("**/profile/devices")


async def test_what_is_hoped_for_is_shown_and_taken_back(profile: Page) -> None:
    held: list[Route] = []
    arrived = asyncio.Event()

    async def hold(route: Route) -> None:
        held.append(route)
        arrived.set()

    await profile.route(ME, hold)
    await set_attributes(profile, optimistic=".hoped")
    await profile.locator("#city").fill("Dahab")
    await save(profile)
    form = profile.locator("form.hoped")
    await expect(form).to_have_count(1)
    await arrived.wait()
    await held[0].fulfill(status=403, json={"detail": "Not you."})
    await expect(form).to_have_count(0)
