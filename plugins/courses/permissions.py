"""What roles may do with courses."""

from kernel.auth import Permission

BROWSE = Permission(
    "courses.course.browse", "See the published courses", {"admin": "any", "instructor": "any", "student": "any"}
)
VIEW = Permission(
    "courses.course.view",
    "See courses that are not published: all, one's own, or those one is enrolled in",
    {"admin": "any", "instructor": "own", "student": "assigned"},
)
CREATE = Permission("courses.course.create", "Make courses", {"admin": "any", "instructor": "own"})
EDIT = Permission("courses.course.edit", "Change courses and what is in them", {"admin": "any", "instructor": "own"})
PUBLISH = Permission("courses.course.publish", "Publish courses", {"admin": "any", "instructor": "own"})
SUBMIT = Permission("courses.course.submit", "Submit courses for review", {"admin": "any", "instructor": "own"})
REVIEW = Permission("courses.course.review", "Approve courses, or send them back", {"admin": "any"})
FEATURE = Permission("courses.course.feature", "Put courses in front of all others", {"admin": "any"})
ARCHIVE = Permission("courses.course.archive", "Archive courses", {"admin": "any", "instructor": "own"})
DELETE = Permission("courses.course.delete", "Delete courses", {"admin": "any", "instructor": "own"})
EDIT_CATEGORIES = Permission("courses.category.edit", "Make and change categories", {"admin": "any"})
ENROLL = Permission("courses.enrollment.create", "Enrol in courses and leave them", {"student": "own"})
VIEW_STUDENTS = Permission(
    "courses.enrollment.view", "See who is enrolled in a course", {"admin": "any", "instructor": "own"}
)
VIEW_ANALYTICS = Permission(
    "courses.analytics.view", "See how courses are doing", {"admin": "any", "instructor": "own"}
)
WATCH = Permission(
    "courses.video.watch",
    "Watch videos and open materials: all, those of one's own courses, or of those one is enrolled in",
    {"admin": "any", "instructor": "own", "student": "assigned"},
)
WRITE_REVIEW = Permission("courses.review.write", "Review courses in which one is enrolled", {"student": "own"})
REPLY_TO_REVIEWS = Permission(
    "courses.review.reply", "Answer what students say of courses", {"admin": "any", "instructor": "own"}
)
MODERATE_REVIEWS = Permission("courses.review.moderate", "Remove reviews", {"admin": "any"})

PERMISSIONS = (
    BROWSE,
    VIEW,
    CREATE,
    EDIT,
    PUBLISH,
    SUBMIT,
    REVIEW,
    FEATURE,
    ARCHIVE,
    DELETE,
    EDIT_CATEGORIES,
    ENROLL,
    VIEW_STUDENTS,
    VIEW_ANALYTICS,
    WATCH,
    WRITE_REVIEW,
    REPLY_TO_REVIEWS,
    MODERATE_REVIEWS,
)
