"""Why courses refuse; each condition has its own stable code."""

from kernel.errors import Conflict, Forbidden, Invalid, NotFound


class CourseNotFound(NotFound):
    """No course has this id, or not for this person."""

    code = "courses.not_found"
    title = "There is no such course."


class SectionNotFound(NotFound):
    """No section has this id, or not for this person."""

    code = "courses.section_not_found"
    title = "There is no such section."


class VideoNotFound(NotFound):
    """No video has this id, or not for this person."""

    code = "courses.video_not_found"
    title = "There is no such video."


class MaterialNotFound(NotFound):
    """No material has this id, or not for this person."""

    code = "courses.material_not_found"
    title = "There is no such material."


class CoverNotFound(NotFound):
    """The course has no cover, or is not there for this person."""

    code = "courses.cover_not_found"
    title = "There is no such cover."


class MaterialNotShowable(Invalid):
    """A file shall not be downloaded, but no browser shows it in place."""

    code = "courses.material_not_showable"
    title = "A file that no browser shows must be downloadable."


class CategoryNotFound(NotFound):
    """No category has this id."""

    code = "courses.category_not_found"
    title = "There is no such category."


class InstructorNotFound(NotFound):
    """Nobody who teaches has this id."""

    code = "courses.instructor_not_found"
    title = "There is no such instructor."


class ReviewNotFound(NotFound):
    """No review has this id, or not for this person."""

    code = "courses.review_not_found"
    title = "There is no such review."


class AlreadyReviewed(Conflict):
    """There is a review of this course by this student."""

    code = "courses.already_reviewed"
    title = "You have reviewed this course already. Change your review instead."


class EnrollmentNotFound(NotFound):
    """The person has never been enrolled."""

    code = "courses.enrollment_not_found"
    title = "You are not enrolled in this course."


class SlugTaken(Conflict):
    """Another course, or category, has this slug."""

    code = "courses.slug_taken"
    title = "This slug is taken."


class CategoryCycle(Conflict):
    """The parent of a category would be one of its own descendants."""

    code = "courses.category_cycle"
    title = "A category cannot stand below itself."


class CourseIncomplete(Conflict):
    """Something is missing before the course can be published; `errors` names each item."""

    code = "courses.incomplete"
    title = "Something is missing before this course can be published."


class CourseStateWrong(Conflict):
    """The course is in another state than this change begins with."""

    code = "courses.state_wrong"
    title = "In its present state this cannot be done with the course."


class OrderStale(Conflict):
    """Sections or videos came or went since the order was made; `errors` names each."""

    code = "courses.order_stale"
    title = "The curriculum has changed meanwhile. Load it again."


class ReviewRequired(Forbidden):
    """In this tenant courses are published by administrators."""

    code = "courses.review_required"
    title = "Courses are published by an administrator here."


class CourseHasEnrollments(Conflict):
    """Somebody is or was enrolled, and would lose what they have learnt."""

    code = "courses.has_enrollments"
    title = "Students are enrolled in this course. Archive it instead."


class CourseNotPublished(Conflict):
    """The course takes nobody at present."""

    code = "courses.not_published"
    title = "This course is not open at present."


class CourseFull(Conflict):
    """All places are taken."""

    code = "courses.full"
    title = "All places of this course are taken."


class EnrollmentCompleted(Conflict):
    """A completed course cannot be dropped."""

    code = "courses.enrollment_completed"
    title = "You have completed this course already."


class CodeRequired(Forbidden):
    """An access code opens it, nothing else."""

    code = "courses.code_required"
    title = "This needs an access code."


class NotEnrolled(Forbidden):
    """Only those who are enrolled may watch videos and open materials."""

    code = "courses.not_enrolled"
    title = "Enrol in the course to open this."


class ArchiveInvalid(Invalid):
    """An archive is no course that could be imported; `errors` names what is wrong."""

    code = "courses.archive_invalid"
    title = "This archive is no course that can be imported."


class SourceInvalid(Invalid):
    """A video's source does not fit its type, or a material has not exactly one; `errors` names the field."""

    code = "courses.source_invalid"
    title = "The source does not fit."


class RangesInvalid(Invalid):
    """A watched range is no part of the video; `errors` names it."""

    code = "courses.ranges_invalid"
    title = "What was watched is no part of the video."


class DurationUnknown(Invalid):
    """Nobody has said how long a video lasts, and the server has not looked at it yet."""

    code = "courses.duration_unknown"
    title = "Say how many seconds the video lasts, or wait until the server has looked at it."


class CaptionsNeedFile(Conflict):
    """Captions belong to a video that is on this server."""

    code = "courses.captions_need_file"
    title = "Only a video that was uploaded here has captions."
