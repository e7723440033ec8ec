"""What of the API shows the same as each page: the calls that a client would make to draw it, for the same person.

How twins are chosen: each call brings something that stands on the page, and none could be left out. What a client asks
once and keeps is no part of a twin: who is signed in, how the school is called, which colours it has. Where the API
totals things course by course, a twin asks one course alone, so that no twin is heavier than it must be. A page without
a twin (`()`) shows nothing that the API keeps: a form, a sentence.

`test_portal_queries.py` compares what both ask the database, `benchmarks/pages.py` how fast both are.
"""

from collections.abc import Sequence
from typing import NamedTuple

from tests.plugins.portal.pages import Reader


class Twin(NamedTuple):
    """A page, who reads it, and what of the API shows the same; all with places as in `pages.py`."""

    page: str
    reader: Reader
    calls: Sequence[str]


_COURSE = ("/courses/{course_id}", "/courses/{course_id}/sections")
_BUILT = ("/courses/{published}", "/courses/{published}/sections")
_BATCH = (
    "/access-codes/batches/{batch}",
    "/access-codes?batch_id={batch}",
    "/access-codes/batches/{batch}/redemptions",
)
_PRINTED = ("/access-codes/batches/{batch}", "/access-codes?batch_id={batch}&limit=100")
_CODE = ("/access-codes/{code_id}", "/access-codes/{code_id}/redemptions", "/access-codes/{code_id}/attempts")
_FRONT = ("/courses?featured=true&limit=3", "/courses?sort=newest&limit=6", "/categories")

TWINS = (
    # What visitors see, and everybody else.
    Twin("/", "student", _FRONT),
    Twin("/courses", "student", ("/courses?limit=24", "/categories", "/enrollments?limit=100")),
    Twin(
        "/courses?level=beginner&access=free&sort=newest",
        "student",
        ("/courses?level=beginner&free=true&sort=newest&limit=24", "/categories", "/enrollments?limit=100"),
    ),
    Twin("/courses/{course}", "student", _COURSE),
    Twin("/courses/{course}/curriculum", "student", _COURSE),
    Twin("/courses/{course}/instructor", "student", (*_COURSE, "/users/{instructor}/instructor-profile")),
    Twin("/courses/{course}/reviews", "student", (*_COURSE, "/courses/{course_id}/reviews")),
    Twin(
        "/instructors/{instructor}",
        "student",
        ("/users/{instructor}/instructor-profile", "/courses?instructor={instructor}"),
    ),
    Twin("/search?q=open", "student", ("/courses?q=open&limit=5",)),
    Twin("/search?q=test", "admin", ("/courses?q=test&limit=5", "/users?q=test&limit=5")),
    Twin("/redeem", "visitor", ()),
    Twin("/redeem", "student", ()),
    Twin("/sign-in", "visitor", ("/auth/providers",)),
    Twin("/register", "visitor", ("/settings/public",)),
    Twin("/forgot-password", "visitor", ()),
    Twin("/reset-password", "visitor", ()),
    Twin("/invitation", "visitor", ()),
    Twin("/verify-email", "visitor", ()),
    Twin("/offline", "visitor", ()),
    Twin("/without-script", "visitor", ()),
    # Students.
    Twin("/dashboard", "student", ("/enrollments?limit=6", "/users/{student}/progress")),
    Twin("/my/courses", "student", ("/enrollments",)),
    Twin("/my/courses?show=left", "student", ("/enrollments?status=dropped",)),
    Twin("/learn/{course}/{server_video}", "student", (*_COURSE, "/videos/{server_video}/stream")),
    Twin("/learn/{course}/{youtube_video}", "student", (*_COURSE, "/videos/{youtube_video}/stream")),
    Twin("/learn/{course}/{external_video}", "student", (*_COURSE, "/videos/{external_video}/stream")),
    Twin("/learn/{course}/materials", "student", (*_COURSE, "/materials?course_id={course_id}")),
    Twin("/my/file", "student", ("/users/{student}/file",)),
    # One's own account.
    Twin("/profile", "student", ("/users/me",)),
    Twin("/profile/security", "student", ("/auth/mfa", "/auth/passkeys", "/auth/providers", "/users/me/identities")),
    Twin("/profile/devices", "admin", ("/users/me/sessions",)),
    Twin("/profile/preferences", "student", ("/users/me/preferences",)),
    Twin("/profile/data", "student", ("/users/me",)),
    # Instructors.
    Twin(
        "/dashboard",
        "instructor",
        (
            "/courses?mine=true&limit=5",
            "/courses/{published}/analytics",
            "/courses/{published}/students",
            "/courses/{published}/reviews?limit=3",
            "/access-codes/usage",
        ),
    ),
    Twin("/teach/courses", "instructor", ("/courses?mine=true",)),
    Twin("/teach/courses/new", "instructor", ("/categories",)),
    Twin("/teach/courses/{published}/curriculum", "instructor", _BUILT),
    Twin(
        "/teach/courses/{sent_back}/curriculum", "instructor", ("/courses/{sent_back}", "/courses/{sent_back}/sections")
    ),
    Twin(
        "/teach/courses/{submitted}/curriculum", "instructor", ("/courses/{submitted}", "/courses/{submitted}/sections")
    ),
    Twin("/teach/courses/{draft}/details", "instructor", ("/courses/{draft}", "/categories")),
    Twin("/teach/courses/{published}/materials", "instructor", (*_BUILT, "/materials?course_id={published}")),
    Twin("/teach/courses/{published}/access", "instructor", ("/courses/{published}",)),
    Twin(
        "/teach/courses/{published}/students", "instructor", ("/courses/{published}", "/courses/{published}/students")
    ),
    Twin("/teach/courses/{published}/reviews", "instructor", ("/courses/{published}", "/courses/{published}/reviews")),
    Twin(
        "/teach/courses/{published}/analytics", "instructor", ("/courses/{published}", "/courses/{published}/analytics")
    ),
    Twin("/teach/students", "instructor", ("/courses?mine=true", "/courses/{published}/students")),
    Twin("/teach/reviews?waiting=false", "instructor", ("/courses?mine=true", "/courses/{published}/reviews")),
    Twin("/teach/analytics", "instructor", ("/courses?mine=true", "/courses/{published}/analytics")),
    Twin("/teach/codes", "instructor", ("/access-codes/batches",)),
    Twin("/teach/codes/new", "instructor", ()),
    Twin("/teach/codes/batches/{batch}", "instructor", _BATCH),
    Twin("/teach/codes/batches/{batch}/print", "instructor", _PRINTED),
    Twin("/teach/codes/{code_id}", "instructor", _CODE),
    # Administrators.
    Twin(
        "/dashboard",
        "admin",
        (
            "/users?role=student&limit=1",
            "/users?role=instructor&limit=1",
            "/courses?status=submitted&limit=1",
            "/courses?limit=5",
            "/courses/{published}/analytics",
            "/courses/{published}/reviews?limit=3",
            "/access-codes?limit=7",
            "/tasks/failures?limit=1",
            "/auth/mfa",
        ),
    ),
    Twin("/admin/users", "admin", ("/users?limit=25",)),
    Twin("/admin/users/new", "admin", ()),
    Twin("/admin/users/invite", "admin", ()),
    Twin("/admin/users/{student}", "admin", ("/users/{student}", "/users/{student}/sessions?limit=5")),
    Twin("/users/{student}/file", "admin", ("/users/{student}/file",)),
    Twin("/users/{instructor}/file", "admin", ("/users/{instructor}/file",)),
    Twin("/admin/roles", "admin", ("/roles",)),
    Twin(
        "/admin/courses",
        "admin",
        ("/courses?status=published&limit=25", "/categories", "/users?role=instructor&limit=100"),
    ),
    Twin("/admin/categories", "admin", ("/categories",)),
    Twin("/admin/review", "admin", ("/courses?status=submitted&limit=25",)),
    Twin("/admin/review/{submitted}", "admin", ("/courses/{submitted}", "/courses/{submitted}/sections")),
    Twin("/admin/codes", "admin", ("/access-codes/batches",)),
    Twin("/admin/codes/new", "admin", ()),
    Twin("/admin/codes/batches/{batch}", "admin", _BATCH),
    Twin("/admin/codes/batches/{batch}/print", "admin", _PRINTED),
    Twin("/admin/codes/{code_id}", "admin", _CODE),
    Twin("/admin/codes/attempts", "admin", ("/access-codes/attempts",)),
    Twin("/admin/settings", "admin", ("/settings", "/settings/schema")),
    Twin("/admin/settings/security", "admin", ("/settings", "/settings/schema")),
    Twin("/admin/mail-templates", "admin", ("/mail-templates",)),
    Twin("/admin/mail-templates/{mail}", "admin", ("/mail-templates/{mail}",)),
    Twin("/admin/plugins", "admin", ("/plugins",)),
    Twin("/admin/tenants", "admin", ("/tenants",)),
    Twin("/admin/tenants/new", "admin", ("/plugins",)),
    Twin("/admin/tenants/{tenant}", "admin", ("/tenants/{tenant}", "/plugins")),
    Twin("/admin/tasks", "admin", ("/tasks",)),
    Twin("/admin/tasks/failed", "admin", ("/tasks/failures",)),
    Twin("/admin/audit", "admin", ("/audit-logs?limit=50",)),
    Twin("/design", "admin", ()),
)
