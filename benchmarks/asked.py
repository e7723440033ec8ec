"""What a big school is asked: every reading of the API, every page, every writing, or why not.

A path may have places such as `{course}`, which `growth` finds; a writing may keep what it made as a place for those
that follow, which are done in their order. All are looked at by `plans`; the readings are timed by `growth` too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

READINGS: Sequence[tuple[str, str]] = (
    ("student", "/courses"),
    ("student", "/courses?q=drawing"),
    ("student", "/courses?category={category}&level=beginner&sort=rating"),
    ("instructor", "/courses?mine=true&limit=2"),
    ("admin", "/courses"),
    ("admin", "/courses?status=published&sort=popular&limit=5"),
    ("student", "/courses/{course}"),
    ("student", "/courses/{popular}/reviews?limit=1"),
    ("student", "/courses/{course}/sections"),
    ("student", "/courses/{course}/videos"),
    ("instructor", "/courses/{popular}/students?limit=4"),
    ("instructor", "/courses/{course}/analytics"),
    ("student", "/enrollments"),
    ("student", "/materials"),
    ("instructor", "/materials?course_id={course}"),
    ("student", "/sections/{section}"),
    ("student", "/videos/{video}"),
    ("student", "/categories"),
    ("student", "/categories/{category}"),
    ("instructor", "/access-codes"),
    ("admin", "/access-codes"),
    ("admin", "/access-codes?course_id={coded}&is_active=true"),
    ("admin", "/access-codes/{code}"),
    ("admin", "/access-codes/{code}/attempts"),
    ("admin", "/access-codes/{code}/redemptions"),
    ("admin", "/access-codes/attempts"),
    ("admin", "/access-codes/batches"),
    ("admin", "/access-codes/usage"),
    ("instructor", "/files"),
    ("admin", "/files"),
    ("admin", "/users"),
    ("admin", "/users?q=ann&role=student"),
    ("admin", "/users/{student}"),
    ("admin", "/users/{student}/file"),
    ("admin", "/users/{student}/progress"),
    ("admin", "/users/{student}/sessions"),
    ("student", "/users/me"),
    ("student", "/users/me/sessions"),
    ("admin", "/audit-logs"),
    ("admin", "/audit-logs?entity=courses.courses"),
    ("student", "/videos/{video}/stream"),
    ("student", "/videos/{video}/captions"),
    ("student", "/courses/{covered}/cover"),
    ("student", "/materials/{material}"),
    ("student", "/materials/{material}/download"),
    ("admin", "/access-codes/batches/{batch}"),
    ("admin", "/access-codes/batches/{batch}/redemptions"),
    ("admin", "/users/{teacher}/instructor-profile"),
    ("student", "/users/me/preferences"),
    ("student", "/users/me/identities"),
    ("student", "/auth/mfa"),
    ("student", "/auth/passkeys"),
    ("student", "/auth/providers"),
    ("admin", "/mail-templates"),
    ("admin", "/mail-templates/auth.confirm_address"),
    ("admin", "/roles"),
    ("admin", "/tasks"),
    ("admin", "/tenants"),
    ("admin", "/tenants/{tenant}"),
    ("admin", "/settings"),
    ("admin", "/settings/public"),
    ("admin", "/settings/schema"),
    ("admin", "/plugins"),
    ("student", ""),
)
"""Who asks for what."""
NOT_READ: Mapping[str, str] = {
    "/access-codes/export": "a document grows with what is in it",
    "/audit-logs/export": "a document grows with what is in it",
    "/courses/{}/students/export": "a document grows with what is in it",
    "/users/me/export": "a document grows with what is in it",
    "/users/{}/export": "a document grows with what is in it",
    "/auth/oauth/{}/login": "leads elsewhere",
    "/auth/oauth/{}/callback": "comes from elsewhere",
    "/tasks/{}": "by its key alone, and there may be none",
    "/tasks/failures": "of the queue, which the operator's role reads",
    "/upload/tus/{}": "by its key alone, and there may be none",
}
"""Paths that nobody asks for here, and why."""
PAGES: Sequence[tuple[str, str]] = (
    ("student", "/"),
    ("student", "/courses"),
    ("student", "/courses?q=drawing&level=beginner&access=free&sort=newest"),
    ("student", "/courses/{slug}"),
    ("student", "/courses/{slug}/curriculum"),
    ("student", "/courses/{slug}/instructor"),
    ("student", "/courses/{slug}/reviews"),
    ("student", "/instructors/{teacher}"),
    ("student", "/learn/{slug}"),
    ("student", "/learn/{slug}/materials"),
    ("student", "/learn/{slug}/{video}"),
    ("student", "/my/courses"),
    ("student", "/my/courses?show=left"),
    ("student", "/my/file"),
    ("student", "/dashboard"),
    ("instructor", "/dashboard"),
    ("admin", "/dashboard"),
    ("student", "/search?q=drawing"),
    ("admin", "/search?q=ann"),
    ("student", "/profile"),
    ("student", "/profile/security"),
    ("student", "/profile/devices"),
    ("student", "/profile/preferences"),
    ("student", "/profile/data"),
    ("student", "/redeem"),
    ("instructor", "/teach/courses"),
    ("instructor", "/teach/courses/new"),
    ("instructor", "/teach/courses/{popular}/details"),
    ("instructor", "/teach/courses/{popular}/curriculum"),
    ("instructor", "/teach/courses/{popular}/materials"),
    ("instructor", "/teach/courses/{popular}/access"),
    ("instructor", "/teach/courses/{popular}/students"),
    ("instructor", "/teach/courses/{popular}/reviews"),
    ("instructor", "/teach/courses/{popular}/analytics"),
    ("instructor", "/teach/analytics"),
    ("instructor", "/teach/students"),
    ("instructor", "/teach/reviews"),
    ("instructor", "/teach/codes"),
    ("instructor", "/teach/codes/new"),
    ("instructor", "/teach/codes/{own_code}"),
    ("instructor", "/teach/codes/batches/{own_batch}"),
    ("instructor", "/teach/codes/batches/{own_batch}/print"),
    ("admin", "/admin/codes"),
    ("admin", "/admin/codes?q=a"),
    ("admin", "/admin/codes/new"),
    ("admin", "/admin/codes/attempts"),
    ("admin", "/admin/codes/{code}"),
    ("admin", "/admin/codes/batches/{batch}"),
    ("admin", "/admin/codes/batches/{batch}/print"),
    ("admin", "/admin/courses"),
    ("admin", "/admin/categories"),
    ("admin", "/admin/review"),
    ("admin", "/admin/review/{submitted}"),
    ("admin", "/admin/users"),
    ("admin", "/admin/users?q=ann&sort=-created_at"),
    ("admin", "/admin/users/new"),
    ("admin", "/admin/users/invite"),
    ("admin", "/admin/users/{student}"),
    ("admin", "/users/{student}/file"),
    ("admin", "/admin/settings"),
    ("admin", "/admin/settings/general"),
    ("admin", "/admin/mail-templates"),
    ("admin", "/admin/mail-templates/auth.confirm_address"),
    ("admin", "/admin/roles"),
    ("admin", "/admin/plugins"),
    ("admin", "/admin/tasks"),
    ("admin", "/admin/tasks/failed"),
    ("admin", "/admin/audit"),
    ("admin", "/admin/tenants"),
    ("admin", "/admin/tenants/new"),
    ("admin", "/admin/tenants/{tenant}"),
)
"""Pages, whose parts ask for the same things as the API does, and for some of their own."""
NOT_SHOWN: Mapping[str, str] = {
    **dict.fromkeys(
        ("/sign-in", "/register", "/forgot-password", "/reset-password", "/invitation", "/verify-email"),
        "for those who are not signed in; says the same to all",
    ),
    **dict.fromkeys(
        (
            *("/static/{}/{}", "/theme.css", "/manifest.webmanifest", "/sw.js", "/offline", "/without-script"),
            *("/design", "/schema", "/schema/reader.css", "/schema/openapi.json", "/schema/{}"),
        ),
        "the same for all, or for all of a school",
    ),
    **dict.fromkeys(("/health/live", "/health/ready", "/metrics"), "asks for nothing of a school"),
    **dict.fromkeys(("/media/{}", "/logo/{}"), "bytes, by their key alone"),
    **dict.fromkeys(("/admin/mail", "/admin/mail/{}"), "there only where no mail is sent"),
}
"""Paths outside of the API that nobody asks for here, and why."""


class Writing(msgspec.Struct, frozen=True):
    """A request that writes.

    Args:
        role: Who sends it.
        method: How.
        path: Below `/api/v1`.
        body: As JSON, its texts with places; or the bytes of a file, which is sent in a form.
        keep: As which place the id of what it made is kept.
        refused: The status of a refusal that is meant.
    """

    role: str
    method: str
    path: str
    body: Any = None
    keep: str = ""
    refused: int = 0


_VIDEO = {"title": "Said", "video_type": "external", "video_url": "https://example.org/v", "duration_seconds": 60}
_PASSWORD = "A-good-Password-1"
_GUEST = {"role": "student", "first_name": "A", "last_name": "Guest", "password": _PASSWORD}
_WORDING = {"subject": "Said", "body": "{{{{link}}}}"}
WRITINGS: Sequence[Writing] = (
    Writing("student", "POST", "/videos/{video}/progress", {"position": 3, "ranges": [[0, 3]], "total_seconds": 20}),
    Writing("student", "POST", "/courses/{free}/enroll"),
    Writing("student", "POST", "/courses/{free}/reviews", {"rating": 4, "comment": "Good."}, "review"),
    Writing("student", "PATCH", "/reviews/{review}", {"rating": 5}),
    Writing("admin", "PUT", "/reviews/{review}/reply", {"text": "Thank you."}),
    Writing("admin", "DELETE", "/reviews/{review}/reply"),
    Writing("student", "DELETE", "/reviews/{review}"),
    Writing("student", "DELETE", "/courses/{free}/enroll"),
    Writing("instructor", "PATCH", "/courses/{popular}", {"short_description": "Said anew."}),
    Writing("instructor", "PATCH", "/videos/{own_video}", {"description": "Said anew.", "duration_seconds": 61}),
    Writing("instructor", "POST", "/courses", {"title": "Said", "requires_code": False}, "new"),
    Writing("instructor", "POST", "/courses/{new}/sections", {"title": "Said"}, "new_section"),
    Writing("instructor", "PATCH", "/sections/{new_section}", {"is_published": True}),
    Writing("instructor", "POST", "/sections/{new_section}/videos", _VIDEO, "new_video"),
    Writing(
        "instructor",
        "POST",
        "/materials",
        {"course_id": "{new}", "title": "Said", "external_url": "https://example.org/"},
        "new_material",
    ),
    Writing("instructor", "PATCH", "/materials/{new_material}", {"title": "Said anew"}),
    Writing(
        "instructor",
        "PUT",
        "/courses/{new}/order",
        {"sections": [{"id": "{new_section}", "videos": ["{new_video}"]}]},
    ),
    Writing("instructor", "POST", "/courses/{new}/duplicate", None, "copy"),
    Writing("instructor", "POST", "/courses/{new}/export"),
    Writing("instructor", "DELETE", "/courses/{copy}"),
    Writing("instructor", "POST", "/courses/{new}/submit"),
    Writing("instructor", "POST", "/courses/{new}/withdraw"),
    Writing("instructor", "POST", "/courses/{new}/submit"),
    Writing("admin", "POST", "/courses/{new}/reject", {"reason": "Say more."}),
    Writing("instructor", "POST", "/courses/{new}/submit"),
    Writing("admin", "POST", "/courses/{new}/approve"),
    Writing("admin", "PUT", "/courses/{new}/feature"),
    Writing("admin", "DELETE", "/courses/{new}/feature"),
    Writing("admin", "POST", "/courses/{new}/archive"),
    Writing("admin", "POST", "/courses/{new}/publish"),
    Writing("instructor", "DELETE", "/materials/{new_material}"),
    Writing("instructor", "DELETE", "/videos/{new_video}"),
    Writing("instructor", "DELETE", "/sections/{new_section}"),
    Writing("admin", "POST", "/categories", {"name": "Said"}, "new_category"),
    Writing("admin", "PATCH", "/categories/{new_category}", {"sort_order": 3}),
    Writing("admin", "POST", "/categories/{new_category}/move", {"parent_id": None}),
    Writing("admin", "DELETE", "/categories/{new_category}"),
    Writing(
        "instructor",
        "POST",
        "/access-codes/generate",
        {"course_id": "{popular}", "type": "single_use", "count": 2},
        "new_code",
    ),
    Writing("student", "POST", "/access-codes/check", {"code": "{new_code_text}"}),
    Writing("student", "POST", "/access-codes/redeem", {"code": "{new_code_text}"}),
    Writing("admin", "PATCH", "/access-codes/{code}", {"label": "Said anew"}),
    Writing("instructor", "DELETE", "/access-codes/{new_code}"),
    Writing(
        "instructor",
        "POST",
        "/access-codes/batches",
        {"course_id": "{popular}", "type": "single_use", "count": 3, "label": "Said"},
    ),
    Writing("admin", "DELETE", "/access-codes/batches/{batch}"),
    Writing("instructor", "POST", "/upload/file", b"Said.", "new_file"),
    Writing("instructor", "DELETE", "/files/{new_file}"),
    Writing("admin", "POST", "/users", {"email": "guest@example.com", **_GUEST}, "guest"),
    Writing("admin", "PATCH", "/users/{guest}", {"city": "Elsewhere"}),
    Writing("admin", "PATCH", "/users/{guest}/file", {"notes": "Said."}),
    Writing("admin", "PATCH", "/users/{teacher}/instructor-profile", {"specialization": "Saying"}),
    Writing("student", "POST", "/auth/login", {"email": "guest@example.com", "password": "x"}, "", 401),
    Writing("guest", "POST", "/auth/login", {"email": "guest@example.com", "password": _PASSWORD}),
    Writing("guest", "POST", "/auth/refresh", {"refresh_token": "{refresh_token}"}),
    Writing("guest", "PATCH", "/users/me/preferences", {"theme": "dark"}),
    Writing("guest", "POST", "/users/me/email", {"email": "guest2@example.com", "password": _PASSWORD}),
    Writing("guest", "PUT", "/users/me/password", {"new_password": _PASSWORD + "x", "current_password": _PASSWORD}),
    Writing("guest", "POST", "/auth/mfa/totp", {"password": _PASSWORD + "x"}),
    Writing("guest", "POST", "/auth/passkeys/options", {"password": _PASSWORD + "x"}),
    Writing("student", "POST", "/auth/passkeys/sign-in/options", {}),
    Writing("guest", "DELETE", "/users/me/sessions"),
    Writing("admin", "DELETE", "/users/{guest}/mfa"),
    Writing("admin", "DELETE", "/users/{guest}/sessions"),
    Writing("guest", "POST", "/auth/logout"),
    Writing("student", "POST", "/auth/forgot-password", {"email": "guest@example.com"}),
    Writing("student", "POST", "/auth/resend-verification", {"email": "guest@example.com"}),
    Writing(
        "student",
        "POST",
        "/auth/register",
        {"email": "new@example.com", "password": _PASSWORD, "first_name": "A", "last_name": "Newcomer"},
    ),
    Writing("admin", "POST", "/users", {"email": "asked@example.com", **_GUEST, "password": None}, "asked"),
    Writing("admin", "POST", "/users/{asked}/invite"),
    Writing("admin", "DELETE", "/users/{asked}"),
    Writing("admin", "PATCH", "/roles/instructor", {"permissions": {"courses.course.feature": None}}),
    Writing("admin", "PATCH", "/settings", {"general": {"name": "Said"}}),
    Writing("admin", "PUT", "/mail-templates/auth.confirm_address", _WORDING),
    Writing(
        "admin", "POST", "/mail-templates/auth.confirm_address/preview", {"subject": "Said", "body": "{{{{link}}}}"}
    ),
    Writing("admin", "DELETE", "/mail-templates/auth.confirm_address"),
    Writing("admin", "POST", "/tenants", {"slug": "said", "name": "Said", "hostnames": ["said.example"]}, "new_tenant"),
    Writing("admin", "PATCH", "/tenants/{new_tenant}", {"name": "Said anew"}),
    Writing("admin", "PUT", "/tenants/{new_tenant}/plugins", {"enabled": ["auth"]}),
    Writing("admin", "PATCH", "/tenants/{new_tenant}", {"is_active": False}),
    Writing("admin", "POST", "/users/bulk", {"ids": ["{guest}"], "action": "suspend"}),
    Writing("admin", "DELETE", "/users/{guest}"),
)
"""Who writes what, in this order."""
NOT_WRITTEN: Mapping[str, str] = {
    **dict.fromkeys(
        ("POST /auth/mfa", "POST /auth/mfa/totp/confirm", "POST /auth/mfa/recovery-codes", "DELETE /auth/mfa/totp"),
        "wants a code of the moment; by the key of one account",
    ),
    **dict.fromkeys(
        (
            *("POST /auth/passkeys", "POST /auth/passkeys/sign-in", "PATCH /auth/passkeys/{}"),
            "DELETE /auth/passkeys/{}",
        ),
        "wants a key that signs; by the key of one account or passkey",
    ),
    **dict.fromkeys(
        ("POST /auth/accept-invitation", "POST /auth/reset-password", "POST /auth/verify-email"),
        "wants a mail; by the hash of its token",
    ),
    **dict.fromkeys(("POST /users/me/identities", "DELETE /users/me/identities/{}"), "wants a provider"),
    **dict.fromkeys(
        ("PUT /videos/{}/captions/{}", "DELETE /videos/{}/captions/{}", "POST /upload/video", "POST /upload/image"),
        "takes a file; by the key of one video or file",
    ),
    **dict.fromkeys(("POST /upload/archive", "POST /courses/import"), "wants an archive; adds what other writings add"),
    **dict.fromkeys(
        ("POST /upload/tus", "PATCH /upload/tus/{}", "DELETE /upload/tus/{}"), "a protocol of its own; by its key alone"
    ),
    "POST /tasks/failures/retry": "wants a failure; by its key",
    "DELETE /tenants/{}": "erases what is of a tenant, table by table",
    "DELETE /users/me": "as DELETE /users/{}",
    "DELETE /users/me/sessions/{}": "by its key alone",
    "POST /settings/mail/test": "wants a mail server",
}
"""Writings that nobody sends here, and why."""
_SOUGHT = "words within labels are found by no index, and few codes have a label"
_SHARES = "what may be most of the codes, by what they are at this moment"
READ_WHOLE: Mapping[str, str] = {
    "instructor /access-codes?q=an: access_codes": _SOUGHT,
    "admin /access-codes?q=an: access_codes": _SOUGHT,
    "admin /admin/codes?q=a: access_codes": _SOUGHT,
    **{
        f"{role} /access-codes?{way}: access_codes": _SHARES
        for role in ("instructor", "admin")
        for way in (
            "is_active=false",
            *(f"state={each}" for each in ("unused", "used", "exhausted", "expired", "paused", "inactive")),
        )
    },
    **{
        f"instructor /teach/students: {table}": "ranks the students of a third of the school by when they were seen"
        for table in ("course_enrollments", "video_progress")
    },
    "in the background: access_codes": "forgets expired codes, as many at a time as there may be in all",
}
"""What is asked of which big table from end to end, and why that is borne; sums of much are kept (`kernel.totals`)."""
