"""Which courses somebody may see: the one condition that every read of courses uses.

What they may change is a condition of the change itself (`actions`); who may watch is decided in `rules`.
"""

from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Boolean, ColumnElement, Text, Uuid, and_, bindparam, case, exists, func, literal_column, or_
from sqlalchemy.orm import aliased

from kernel.auth import Actor, Permission
from kernel.db import Db
from kernel.errors import Forbidden, Unauthenticated
from plugins.courses.permissions import BROWSE, VIEW
from plugins.courses.settings import SETTINGS, CoursesSettings
from plugins.courses.tables import Course, CourseEnrollment


class Viewer(Struct, frozen=True):
    """The parameters of `IS_VISIBLE`."""

    sees_all: bool
    owner: UUID | None
    viewer: UUID | None

    @property
    def parameters(self) -> dict[str, Any]:
        """The values by the names of the statement's parameters."""
        return {"sees_all": self.sees_all, "owner": self.owner, "viewer": self.viewer}

    def manages(self, instructor_id: UUID) -> bool:
        """Whether the course of this instructor is in this person's care."""
        return self.sees_all or self.owner == instructor_id


class Standing(Struct, frozen=True):
    """How somebody stands in a course."""

    manages: bool
    is_enrolled: bool
    is_signed_in: bool


VIEWER = bindparam("viewer", type_=Uuid)


def is_over(place: Any = CourseEnrollment) -> ColumnElement[bool]:
    """Return the condition that the time of an enrolment or a grant has come, whatever its status still says."""
    return and_(place.expires_at.is_not(None), place.expires_at <= func.now())


def holds_place(place: Any = CourseEnrollment) -> ColumnElement[bool]:
    """Return the condition that somebody may watch, and counts for `max_students` and `total_enrolled`."""
    return and_(or_(place.status == "active", place.status == "completed"), ~is_over(place))


def status_now(place: Any = CourseEnrollment) -> ColumnElement[str]:
    """Return the status of an enrolment at this moment; its column says `expired` once the schedule has come by."""
    taken = or_(place.status == "active", place.status == "completed")
    return case((and_(taken, is_over(place)), literal_column("'expired'", Text)), else_=place.status)


HOLDS_PLACE = holds_place()
_place = aliased(CourseEnrollment)
IS_MANAGED: ColumnElement[bool] = or_(
    bindparam("sees_all", type_=Boolean),
    func.coalesce(Course.instructor_id == bindparam("owner", type_=Uuid), False),
)
"""Whether a course is in the care of whoever asks."""
IS_VISIBLE: ColumnElement[bool] = or_(
    Course.status == "published",
    bindparam("sees_all", type_=Boolean),
    Course.instructor_id == bindparam("owner", type_=Uuid),
    # What somebody has begun stays open to them when the course takes no others any more.
    and_(
        Course.status == "archived",
        exists().where(
            _place.user_id == VIEWER,
            _place.course_id == Course.id,
            holds_place(_place),
        ),
    ),
)


def viewer_of(actor: Actor, permission: Permission = VIEW) -> Viewer:
    """Return what an actor sees besides published courses."""
    scope = actor.scope(permission)
    return Viewer(scope == "any", actor.user_id if scope == "own" else None, actor.user_id)


def check_may_browse(db: Db, actor: Actor) -> None:
    """Refuse strangers unless the tenant shows its catalogue to everyone.

    Needs: courses.course.browse

    Raises:
        Unauthenticated: Nobody is signed in, and the catalogue is not public.
        Forbidden: The actor's role may not see courses.
    """
    if actor.user_id is None:
        if not db.tenant.setting(SETTINGS, CoursesSettings).public_catalogue:
            raise Unauthenticated
    elif not actor.may(BROWSE):
        raise Forbidden


def owned(owner_parameter: str = "owner") -> ColumnElement[bool]:
    """Return the condition that a course is the actor's own, or that theirs is every course (`Actor.limited_to`)."""
    owner = bindparam(owner_parameter, type_=Uuid)
    return or_(owner.is_(None), Course.instructor_id == owner)
