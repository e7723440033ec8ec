"""Decides about courses from plain values: slugs, who may watch, what a report of progress may say.

What is counted over many rows is counted by the statements of `actions.progress`, under the rules that stand there.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

from kernel.errors import FieldError
from plugins.courses.errors import CodeRequired, NotEnrolled, RangesInvalid, SourceInvalid
from plugins.courses.schemas.archived import MANIFEST, MOST_PARTS, CourseArchive

COMPLETE_PERCENT: Final = 90
"""Source: product document, video_progress.is_completed."""
SLUG_LENGTH: Final = 80

_WORD_CATEGORIES = frozenset("LNM")
_SOURCE_OF: Final = {"server_upload": "file_id", "youtube_private": "youtube_id", "external": "video_url"}


def slug_of(text: str) -> str:
    """Return a title in small letters, digits and dashes, of any script; `course` if nothing is left."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    letters = (letter if unicodedata.category(letter)[0] in _WORD_CATEGORIES else " " for letter in folded)
    return "-".join("".join(letters).split())[:SLUG_LENGTH].rstrip("-") or "course"


def missing_items(*, sections: int, videos: int) -> list[FieldError]:
    """Return what a course lacks to be published.

    Args:
        sections: How many published sections it has.
        videos: How many published videos those hold.
    """
    missing = []
    if not sections:
        missing.append(FieldError("sections", "The course needs a published section."))
    if not videos:
        missing.append(FieldError("videos", "The course needs a published video in a published section."))
    return missing


def check_source(video_type: str, sources: Mapping[str, object]) -> None:
    """Refuse a video that has no source of its type, or one of another type.

    Args:
        video_type: Which type.
        sources: The values of `file_id`, `youtube_id` and `video_url`.

    Raises:
        SourceInvalid: Names the field.
    """
    wanted = _SOURCE_OF[video_type]
    if sources[wanted] is None:
        raise SourceInvalid(errors=[FieldError(wanted, f"A video of the type {video_type} needs this.")])
    for name, value in sources.items():
        if name != wanted and value is not None:
            raise SourceInvalid(errors=[FieldError(name, f"A video of the type {video_type} has no {name}.")])


def check_material_source(*, file_id: UUID | None, external_url: str | None) -> None:
    """Refuse a material that is neither a file nor a link, or both.

    Raises:
        SourceInvalid: Names the field.
    """
    if file_id is None and external_url is None:
        raise SourceInvalid(errors=[FieldError("file_id", "A material needs a file, or an external_url.")])
    if file_id is not None and external_url is not None:
        raise SourceInvalid(errors=[FieldError("external_url", "A material with a file has no external_url.")])


def stale_sources(video_type: str) -> list[str]:
    """Return the source fields that a video of this type does not have."""
    return [name for name in _SOURCE_OF.values() if name != _SOURCE_OF[video_type]]


def may_watch(*, manages: bool, is_preview: bool, is_granted: bool, is_enrolled: bool, requires_code: bool) -> bool:
    """Whether somebody may watch a video that they can see; a code for the video opens it without the course."""
    return manages or is_preview or is_granted or (is_enrolled and not requires_code)


def is_open(*, course_status: str, in_curriculum: bool, is_enrolled: bool, is_granted: bool) -> bool:
    """Whether others than its author may know of a video; what they have begun stays open in an archived course."""
    begun = course_status == "archived" and (is_enrolled or is_granted)
    return in_curriculum and (course_status == "published" or begun)


def check_watch(*, may: bool, is_enrolled: bool) -> None:
    """Refuse to show a video that somebody can see.

    Raises:
        CodeRequired: They are enrolled and the video wants a code of its own.
        NotEnrolled: They are not.
    """
    if not may:
        raise CodeRequired if is_enrolled else NotEnrolled


def watched_ranges(ranges: Sequence[tuple[int, int]], *, position: int, duration: int) -> str:
    """Return reported stretches as PostgreSQL writes a multirange, which unites them.

    Args:
        ranges: From one second up to another, without that one.
        position: Where the player stands.
        duration: The length of the video.

    Raises:
        RangesInvalid: Names the stretch that is no part of the video.
    """
    for index, (start, end) in enumerate(ranges):
        if start > end or end > duration:
            message = f"A stretch goes from a second to a later one, at most {duration}."
            raise RangesInvalid(errors=[FieldError(f"ranges[{index}]", message)])
    if position > duration:
        raise RangesInvalid(errors=[FieldError("position", f"The video is {duration} seconds long.")])
    return "{" + ",".join(f"[{start},{end})" for start, end in ranges if start < end) + "}"


def is_watched(watched_seconds: int, duration: int) -> bool:
    """Whether so many seconds of a video count as all of it."""
    return watched_seconds * 100 >= duration * COMPLETE_PERCENT


def is_cycle(parents: Mapping[UUID, UUID | None], category_id: UUID, parent_id: UUID | None) -> bool:
    """Whether a category would stand below itself with this parent.

    Args:
        parents: The present parent of every category.
        category_id: Which one moves.
        parent_id: Where to.
    """
    return category_id in _upwards(parents, parent_id)


def _upwards(parents: Mapping[UUID, UUID | None], start: UUID | None) -> Iterator[UUID]:
    while start is not None:
        yield start
        start = parents.get(start)


def archive_problems(
    archive: CourseArchive, entries: Sequence[tuple[str, int]], *, most_bytes: Mapping[str, int]
) -> list[FieldError]:
    """Return why an archive cannot be imported, all that its list and its manifest tell before anything is unpacked.

    Args:
        archive: What its manifest says.
        entries: The name and the size in bytes of each entry, unpacked.
        most_bytes: How large a file of a kind may be, and an `archive` in all.
    """
    return [
        *_entry_problems(archive, entries),
        *_size_problems(archive, most_bytes),
        *_reference_problems(archive),
        *_source_problems(archive),
    ]


def _entry_problems(archive: CourseArchive, entries: Sequence[tuple[str, int]]) -> Iterator[FieldError]:
    sizes = dict(entries)
    listed = Counter(file.name for file in archive.files)
    for name, count in Counter(name for name, _ in entries).items():
        if count > 1:
            yield FieldError(name, "The archive has several entries of this name.")
        elif name not in listed and name != MANIFEST:
            yield FieldError(name, f"{MANIFEST} says nothing of this entry.")
    for number, file in enumerate(archive.files):
        if listed[file.name] > 1:
            yield FieldError(f"files[{number}].name", "Several files have this name.")
        elif file.name not in sizes:
            yield FieldError(f"files[{number}].name", "The archive has no such entry.")
        elif sizes[file.name] != file.size:
            yield FieldError(f"files[{number}].size", f"The entry has {sizes[file.name]} bytes.")


def _size_problems(archive: CourseArchive, most_bytes: Mapping[str, int]) -> Iterator[FieldError]:
    for number, file in enumerate(archive.files):
        if file.size > (most := most_bytes[file.kind]):
            yield FieldError(f"files[{number}].size", f"A file of this kind has at most {most} bytes here.")
    if sum(file.size for file in archive.files) > (most := most_bytes["archive"]):
        yield FieldError("files", f"Together they have more than {most} bytes.")
    if sum(len(section.videos) + len(section.materials) for section in archive.sections) > MOST_PARTS:
        yield FieldError("sections", f"There are more than {MOST_PARTS} videos and materials in them.")


def _reference_problems(archive: CourseArchive) -> Iterator[FieldError]:
    kinds = {file.name: file.kind for file in archive.files}
    references: list[tuple[str, str | None, tuple[str, ...]]] = [("course.cover", archive.course.cover, ("image",))]
    references += [(f"{where}.file", video.file, ("video",)) for where, video in archive.videos()]
    references += [
        (f"{where}.file", material.file, ("video", "image", "file")) for where, material in archive.all_materials()
    ]
    for where, name, fitting in references:
        if name is not None and kinds.get(name) not in fitting:
            yield FieldError(where, f"There is no file of this name and of the kind {' or '.join(fitting)}.")
    used = {name for _, name, _ in references}
    for number, file in enumerate(archive.files):
        if file.captions and file.kind != "video":
            yield FieldError(f"files[{number}].captions", "Only a video has captions.")
        if file.name not in used:
            yield FieldError(f"files[{number}].name", "Nothing in the course uses this file.")


def _source_problems(archive: CourseArchive) -> Iterator[FieldError]:
    for where, video in archive.videos():
        sources = {"file_id": video.file, "youtube_id": video.youtube_id, "video_url": video.video_url}
        try:
            check_source(video.video_type, sources)
        except SourceInvalid as refusal:
            for error in refusal.errors:
                name = "file" if error.field == "file_id" else error.field
                yield FieldError(f"{where}.{name}", error.message)
    for where, material in archive.all_materials():
        both = material.file is not None and material.external_url is not None
        if both or (material.file is None and material.external_url is None):
            yield FieldError(f"{where}.file", "A material has either a file or an external_url.")
