"""Every page, once: whoever adds one adds a row, and it is looked at by machine in every light, width and language.

A path may have places, such as `/courses/{course}`: `places.py` finds in the school: `course`, `course_id`,
`video` (where the student goes on), `server_video`, `youtube_video`, `external_video` (of that course), `open_course`,
`locked_course`, `locked_video` (wants a code), `draft`, `draft_slug`, `submitted`, `sent_back`, `published` (ids of the
instructor's courses), `batch`, `code`, `code_id`, `category`, `category_id`, `student`, `instructor`, `admin` (ids of
people), `mail` (a template), `tenant`.
"""

from typing import Literal, NamedTuple

Reader = Literal["visitor", "student", "instructor", "admin"]


class Row(NamedTuple):
    """A page as somebody sees it."""

    name: str
    path: str
    reader: Reader = "visitor"


ROWS = (
    Row("home", "/"),
    Row("home-student", "/", "student"),
    Row("sign-in", "/sign-in"),
    Row("register", "/register"),
    Row("forgot-password", "/forgot-password"),
    Row("reset-password", "/reset-password#token=abc"),
    Row("invitation", "/invitation#token=abc"),
    Row("verify-email", "/verify-email"),
    Row("redeem", "/redeem", "student"),
    Row("redeem-visitor", "/redeem"),
    Row("redeem-kept", "/redeem?code={code}"),
    Row("redeem-staff", "/redeem", "instructor"),
    Row("sign-in-with-code", "/sign-in?next=/redeem%3Fcode%3D{code}"),
    Row("offline", "/offline"),
    Row("without-script", "/without-script"),
    Row("nothing-there", "/nothing-there"),
    Row("dashboard-student", "/dashboard", "student"),
    Row("dashboard-instructor", "/dashboard", "instructor"),
    Row("dashboard-admin", "/dashboard", "admin"),
    Row("not-for-you", "/design", "student"),
    Row("design", "/design", "admin"),
    Row("profile", "/profile", "student"),
    Row("profile-staff", "/profile", "admin"),
    Row("security", "/profile/security", "student"),
    Row("devices", "/profile/devices", "admin"),
    Row("preferences", "/profile/preferences", "student"),
    Row("catalogue", "/courses", "student"),
    Row("catalogue-visitor", "/courses"),
    Row("catalogue-chosen", "/courses?level=beginner&access=free&sort=newest", "student"),
    Row("catalogue-nothing", "/courses?q=nothing+of+this+kind&level=advanced", "instructor"),
    Row("lesson", "/learn/{course}/{server_video}", "student"),
    Row("lesson-next", "/learn/{course}", "student"),
    Row("lesson-youtube", "/learn/{course}/{youtube_video}", "student"),
    Row("lesson-elsewhere", "/learn/{course}/{external_video}#materials", "student"),
    Row("lesson-locked", "/learn/{locked_course}/{locked_video}", "student"),
    Row("lesson-to-enrol", "/learn/{open_course}", "student"),
    Row("lesson-of-a-draft", "/learn/{draft_slug}", "instructor"),
    Row("course-materials", "/learn/{course}/materials", "student"),
    Row("course", "/courses/{open_course}", "student"),
    Row("course-own", "/courses/{course}", "student"),
    Row("course-code", "/courses/{locked_course}", "student"),
    Row("course-curriculum", "/courses/{locked_course}/curriculum", "student"),
    Row("course-instructor", "/courses/{course}/instructor", "instructor"),
    Row("course-reviews-open", "/courses/{course}/reviews", "student"),
    Row("course-draft", "/courses/{draft_slug}/curriculum", "instructor"),
    Row("instructor", "/instructors/{instructor}", "student"),
    Row("all-courses", "/admin/courses", "admin"),
    Row("categories", "/admin/categories", "admin"),
    Row("review-queue", "/admin/review", "admin"),
    Row("review-course", "/admin/review/{submitted}", "admin"),
    Row("reviews", "/teach/reviews?waiting=false", "instructor"),
    Row("course-reviews", "/teach/courses/{published}/reviews", "instructor"),
    Row("settings", "/admin/settings", "admin"),
    Row("settings-security", "/admin/settings/security", "admin"),
    Row("settings-mail", "/admin/settings/mail", "admin"),
    Row("settings-sign-in", "/admin/settings/auth", "admin"),
    Row("mail-templates", "/admin/mail-templates", "admin"),
    Row("mail-template", "/admin/mail-templates/{mail}", "admin"),
    Row("roles", "/admin/roles", "admin"),
    Row("plugins", "/admin/plugins", "admin"),
    Row("tenants", "/admin/tenants", "admin"),
    Row("tenant-new", "/admin/tenants/new", "admin"),
    Row("tenant", "/admin/tenants/{tenant}", "admin"),
    Row("tasks", "/admin/tasks", "admin"),
    Row("tasks-failed", "/admin/tasks/failed", "admin"),
    Row("audit", "/admin/audit", "admin"),
    Row("users", "/admin/users", "admin"),
    Row("users-nobody", "/admin/users?q=nobody-is-called-so", "admin"),
    Row("user", "/admin/users/{student}", "admin"),
    Row("user-oneself", "/admin/users/{admin}", "admin"),
    Row("user-new", "/admin/users/new", "admin"),
    Row("users-invite", "/admin/users/invite", "admin"),
    Row("course-students", "/teach/courses/{published}/students", "instructor"),
    Row("course-analytics", "/teach/courses/{published}/analytics", "instructor"),
    Row("students", "/teach/students", "instructor"),
    Row("analytics", "/teach/analytics", "instructor"),
    Row("teach-courses", "/teach/courses", "instructor"),
    Row("teach-courses-none", "/teach/courses?q=nothing-like-it", "instructor"),
    Row("new-course", "/teach/courses/new", "instructor"),
    Row("curriculum", "/teach/courses/{published}/curriculum?open=video:{server_video}", "instructor"),
    Row("curriculum-sent-back", "/teach/courses/{sent_back}/curriculum", "instructor"),
    Row("curriculum-submitted", "/teach/courses/{submitted}/curriculum", "instructor"),
    Row("course-details", "/teach/courses/{draft}/details", "instructor"),
    Row("course-materials", "/teach/courses/{published}/materials", "instructor"),
    Row("course-access", "/teach/courses/{published}/access", "instructor"),
)
