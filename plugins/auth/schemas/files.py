"""Files of students and instructors, and what is kept in them."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from kernel.routing import Body
from plugins.auth.schemas.texts import LongText, ShortText
from plugins.auth.schemas.users import UserDetails, UserRef


class SectionContent(Struct, frozen=True):
    """A part of a file that a plugin contributes."""

    name: str
    title: str
    data: Any


class StudentFileDetails(Struct, frozen=True):
    """What the school keeps about a student; the notes are the staff's, and the student's answer has none."""

    education_level: str | None
    enrollment_date: date | None
    assigned_instructor: UserRef | None
    notes: str | None | UnsetType = UNSET


class InstructorProfileDetails(Struct, frozen=True):
    """What an instructor knows and has done."""

    specialization: str | None
    qualification: str | None
    experience_years: int | None


class UserFile(Struct, frozen=True):
    """Everything about a student or instructor, as far as whoever asks may see it."""

    user: UserDetails
    student: StudentFileDetails | None
    instructor: InstructorProfileDetails | None
    sections: list[SectionContent]


class UserProgress(Struct, frozen=True):
    """How far somebody has come, in every plugin that can tell."""

    user: UserRef
    sections: list[SectionContent]


class Instructor(Struct, frozen=True):
    """An instructor as everybody of the school may see them."""

    user: UserRef
    specialization: str | None
    qualification: str | None
    experience_years: int | None


class UpdateFileRequest(Body, frozen=True, kw_only=True):
    """What to change in a student's file; an absent field stays. Only administrators assign an instructor."""

    education_level: ShortText | None | UnsetType = UNSET
    enrollment_date: date | None | UnsetType = UNSET
    notes: LongText | None | UnsetType = UNSET
    assigned_instructor: UUID | None | UnsetType = UNSET


class UpdateInstructorRequest(Body, frozen=True, kw_only=True):
    """What to change in an instructor's profile; an absent field stays as it is."""

    specialization: Annotated[str, Meta(min_length=1, max_length=255)] | None | UnsetType = UNSET
    qualification: LongText | None | UnsetType = UNSET
    experience_years: Annotated[int, Meta(ge=0, le=80)] | None | UnsetType = UNSET
