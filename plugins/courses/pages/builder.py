"""The course builder: what a course is made of, what is said of it, its materials, and who gets in."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar.params import QueryParameter

from kernel.auth import Actor
from kernel.db import Db
from kernel.languages import own_name
from kernel.routing import MOST_ROWS
from plugins.courses import rules
from plugins.courses.pages.course_tabs import SLOT, framed
from plugins.courses.pages.review_queue import places_of, review_checks
from plugins.courses.pages.teaching import category_options, language_options
from plugins.courses.permissions import ARCHIVE, EDIT, PUBLISH, SUBMIT
from plugins.courses.queries.courses import course_details
from plugins.courses.queries.curriculum import whole_curriculum
from plugins.courses.queries.materials import material_page
from plugins.courses.schemas.courses import CourseDetails
from plugins.courses.schemas.curriculum import SectionDetails
from plugins.courses.schemas.reviewing import ReviewNote
from plugins.courses.settings import SETTINGS, CoursesSettings
from plugins.media import api as media

PATH = "/teach/courses/{course_id:uuid}"
_ACCESS_FIELDS = frozenset({"price", "is_free", "requires_code", "max_students"})
Opened = Annotated[str, QueryParameter(name="open", max_length=60)]
Shown = tuple[str, Mapping[str, Any]]
Chosen = tuple[str, Any]
"""A section, a video or a material: its kind, and what is known of it."""


async def curriculum(db: Db, actor: Actor, course_id: UUID, opened: Opened = "") -> Shown:
    """Show the sections of a course with all that stands in them, and one part of it to be changed."""
    frame = await _frame(db, actor, course_id, "curriculum")
    sections = await whole_curriculum(db, actor, course_id)
    videos = [video for section in sections for video in section.videos]
    files = await media.video_files(db, [video.file_id for video in videos if video.file_id is not None])
    chosen = _chosen(sections, opened) or await _of_the_whole(db, actor, course_id, opened)
    shown = files.get(chosen[1].file_id) if chosen and chosen[0] == "video" else None
    values = {
        **frame,
        "sections": sections,
        "files": files,
        "chosen": chosen,
        "poster": media.poster_url(db, actor, shown) if shown else None,
        "places": places_of(sections),
        "options": [(str(section.id), section.title) for section in sections],
        "language_name": own_name,
        "languages": language_options(db, frame["course"].language),
        "checks": _checks(frame["course"], sections),
        "most_bytes": {kind: media.most_bytes(db.tenant, kind) for kind in ("video", "file")},
    }
    return "courses/curriculum.html", values


async def details(db: Db, actor: Actor, course_id: UUID) -> Shown:
    """Show what is said of a course."""
    frame = await _frame(db, actor, course_id, "details")
    values = {
        **frame,
        "categories": await category_options(db, actor),
        "languages": language_options(db, frame["course"].language),
        "most_bytes": media.most_bytes(db.tenant, "image"),
    }
    return "courses/course_details.html", values


async def materials(db: Db, actor: Actor, course_id: UUID) -> Shown:
    """Show the materials of a course, those of the course as a whole first, then section by section."""
    frame = await _frame(db, actor, course_id, "materials")
    sections = await whole_curriculum(db, actor, course_id)
    page = await material_page(db, actor, course_id=course_id, section_id=None, limit=MOST_ROWS, offset=0)
    whole = [each for each in page.items if each.section_id is None]
    values = {
        **frame,
        "sections": sections,
        "options": [(str(section.id), section.title) for section in sections],
        "whole": whole,
        "every": [*whole, *[each for section in sections for each in section.materials]],
        "most_bytes": media.most_bytes(db.tenant, "file"),
    }
    return "courses/course_materials.html", values


async def access(db: Db, actor: Actor, course_id: UUID) -> Shown:
    """Show who gets into a course, and how."""
    frame = await _frame(db, actor, course_id, "access")
    return "courses/course_access.html", {**frame, "address": db.tenant.url(f"/courses/{frame['course'].slug}")}


async def _frame(db: Db, actor: Actor, course_id: UUID, current: str) -> dict[str, Any]:
    frame = await framed(db, actor, course_id, current)
    course = await course_details(db, actor, course_id)
    needs_review = db.tenant.setting(SETTINGS, CoursesSettings).review_required
    said = course.verdict.notes if course.verdict and course.status == "rejected" else []
    notes = msgspec.convert(said, list[ReviewNote])
    # The page of the curriculum has its sections anyway.
    named = current != "curriculum" and any(":" in each.target for each in notes)
    return {
        **frame,
        "course": course,
        "place_of": place_of,
        "places": places_of(await whole_curriculum(db, actor, course_id)) if named else {},
        "fixed": course.status == "submitted",
        "may_publish": actor.may(PUBLISH) and (not needs_review or actor.scope(PUBLISH) == "any"),
        "may_submit": actor.may(SUBMIT),
        "may_archive": actor.may(ARCHIVE),
    }


def place_of(target: str) -> str:
    """Return where, below the address of a course, is changed what a reviewer's note is about."""
    if ":" in target:
        return f"curriculum?open={target}"
    return f"access#{target}" if target in _ACCESS_FIELDS else f"details#{target}"


def _chosen(sections: Sequence[SectionDetails], opened: str) -> Chosen | None:
    """Return the part that `kind:id` names."""
    kind, _, wanted = opened.partition(":")
    for section in sections:
        parts: Mapping[str, Sequence[Any]] = {
            "section": [section],
            "video": section.videos,
            "material": section.materials,
        }
        for part in parts.get(kind, ()):
            if str(part.id) == wanted:
                return kind, part
    return None


async def _of_the_whole(db: Db, actor: Actor, course_id: UUID, opened: str) -> Chosen | None:
    """Return the material of the course as a whole that `material:id` names."""
    kind, _, wanted = opened.partition(":")
    if kind != "material":
        return None
    page = await material_page(db, actor, course_id=course_id, section_id=None, limit=MOST_ROWS, offset=0)
    return next((("material", each) for each in page.items if str(each.id) == wanted), None)


def _checks(course: CourseDetails, sections: Sequence[SectionDetails]) -> Mapping[str, bool]:
    """Return what a course needs to be submitted, and what its reviewer will look at, each with whether it is there."""
    shown = [section for section in sections if section.is_published]
    videos = sum(video.is_published for section in shown for video in section.videos)
    missing = {each.field for each in rules.missing_items(sections=len(shown), videos=videos)}
    needed = {name: name not in missing for name in ("sections", "videos")}
    return {**needed, **review_checks(course, sections)}


PAGES: Sequence[Mapping[str, Any]] = tuple(
    {"path": f"{PATH}/{name}", "handler": handler, "access": EDIT, "slots": (SLOT,)}
    for name, handler in (
        ("curriculum", curriculum),
        ("details", details),
        ("materials", materials),
        ("access", access),
    )
)
NAVIGATION: Sequence[Mapping[str, Any]] = ()
SLOTS: Sequence[Mapping[str, Any]] = ()
