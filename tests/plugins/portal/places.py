"""What the `{places}` in the paths of pages stand for: found in a school by asking its API as the readers do.

The school of a test (`furnished`) and the demonstration are asked by the same function, so a row of `pages.py` leads to
something in both.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.plugins.portal.pages import Reader, Row

Ask = Callable[[Reader, str], Awaitable[Any]]
"""Get a path below `/api/v1` as a reader, and return the JSON."""


async def find_places(ask: Ask) -> dict[str, str]:
    """Return what there is: slugs of courses that are read, ids of what is worked at."""
    enrolled = (await ask("student", "/enrollments?limit=100"))["items"]
    begun, videos = await _most_to_see(ask, [each for each in enrolled if each["continue"]])
    mine = (await ask("instructor", "/courses?mine=true&limit=100"))["items"]
    unknown = await _not_enrolled(ask, {each["course_id"] for each in enrolled})
    batch = (await ask("instructor", "/access-codes/batches"))["items"][0]
    codes = (await ask("instructor", f"/access-codes?batch_id={batch['id']}&state=unused"))["items"]
    category = (await ask("admin", "/categories"))["items"][0]
    found = {
        "course": begun["course"]["slug"],
        "course_id": begun["course_id"],
        "video": begun["continue"]["video_id"],
        **{f"{each['video_type'].partition('_')[0]}_video": each["id"] for each in reversed(videos)},
        **unknown,
        **_by_status(mine),
        "submitted": (await ask("admin", "/courses?status=submitted"))["items"][0]["id"],
        "batch": batch["id"],
        **({"code": codes[0]["code"], "code_id": codes[0]["id"]} if codes else {}),
        "category": category["slug"],
        "category_id": category["id"],
        "mail": (await ask("admin", "/mail-templates"))["items"][0]["name"],
        "tenant": (await ask("admin", "/tenants"))["items"][0]["id"],
    }
    for reader in ("student", "instructor", "admin"):
        found[reader] = (await ask(reader, "/users/me"))["id"]
    return found


def path_of(row: Row, places: dict[str, str]) -> str:
    """Return a row's path with its places filled in.

    Raises:
        LookupError: The school has nothing of that kind; the sentence names it.
    """
    try:
        return row.path.format_map(places)
    except KeyError as missing:
        raise LookupError(f"{row.name}: nothing stands for {{{missing.args[0]}}}; there are {sorted(places)}") from None


async def _most_to_see(ask: Ask, begun: list[dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the enrolment with most kinds of videos, then with most to resume, and the videos of its course."""
    found = [
        (each, (await ask("student", f"/courses/{each['course_id']}/videos?limit=100"))["items"]) for each in begun
    ]
    return max(
        found,
        key=lambda each: (len({video["video_type"] for video in each[1]}), each[0]["continue"]["last_position"]),
    )


async def _not_enrolled(ask: Ask, enrolled: set[str]) -> dict[str, str]:
    """Return a course that the student could enrol in, and one that wants a code, with a video of it."""
    found: dict[str, str] = {}
    for course in (await ask("student", "/courses?limit=100"))["items"]:
        if course["id"] in enrolled:
            continue
        found.setdefault("locked_course" if course["requires_code"] else "open_course", course["slug"])
        if course["requires_code"] and "locked_video" not in found:
            videos = (await ask("student", f"/courses/{course['id']}/videos"))["items"]
            locked = next((each["id"] for each in videos if each["is_locked"]), None)
            if locked is not None:
                found |= {"locked_course": course["slug"], "locked_video": locked}
    return found


def _by_status(mine: list[dict[str, Any]]) -> dict[str, str]:
    """Return one of the instructor's courses for each state; of those that are published, the one most attended."""
    found: dict[str, str] = {}
    for course in sorted(mine, key=lambda each: int(each["total_enrolled"]), reverse=True):
        name = "sent_back" if course["status"] == "rejected" else course["status"]
        found.setdefault(name, course["id"])
        if name == "draft":
            found.setdefault("draft_slug", course["slug"])
    return found
