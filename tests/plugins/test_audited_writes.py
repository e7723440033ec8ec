"""Each route that writes leaves exactly its rows in the audit log, in the name of whoever asked.

One school lives through all of it: things are made, changed and removed, route by route. A route that no step names
fails the test, so a new one cannot be forgotten.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import httpx
import pyotp
import pytest
from litestar.handlers import HTTPRouteHandler

from kernel.deployment import Deployment
from kernel.testing import PASSWORD, Person, School
from tests.plugins.auth.authenticator import Authenticator
from tests.plugins.media.conftest import archive, picture
from tests.plugins.test_other_tenant import MP4, handlers_of

Ids = dict[str, Any]
VIDEO = {"title": "Saw", "video_type": "youtube_private", "youtube_id": "dQw4w9WgXcQ", "duration_seconds": 20}
SAFE = {"GET", "HEAD", "OPTIONS"}


class Step(NamedTuple):
    """A request and what it leaves.

    Args:
        operation: The route.
        who: In whose name.
        body: JSON, made from the ids that are known by now.
        leaves: The actions in the audit log.
        keep: Ids to remember: name to where it stands in the answer.
        files: A form instead.
    """

    operation: str
    who: str
    body: Callable[[Ids], Any] = lambda ids: None
    leaves: Sequence[str] = ()
    keep: dict[str, str] = {}  # noqa: RUF012 - never changed
    files: Callable[[], Any] = lambda: None


COURSE = (
    Step("categories_create", "admin", lambda ids: {"name": "Wood"}, ["courses.course_categories.inserted"],
         {"category_id": "id"}),
    Step("categories_update", "admin", lambda ids: {"name": "Timber"}, ["courses.course_categories.updated"]),
    Step("media_upload_video", "instructor", files=lambda: {"file": ("saw.mp4", MP4, "video/mp4")},
         leaves=["media.files.inserted"]),
    Step("media_upload_image", "student", files=lambda: {"file": ("me.png", picture(), "image/png")},
         leaves=["media.files.inserted"]),
    Step("media_upload_file", "instructor", files=lambda: {"file": ("notes.md", b"# Saws", "text/markdown")},
         leaves=["media.files.inserted"]),
    Step("media_upload_archive", "instructor", files=lambda: {"file": ("course.zip", archive("a"), "application/zip")},
         leaves=["media.files.inserted"]),
    Step("courses_create", "instructor", lambda ids: {"title": "Chairs", "requires_code": True},
         ["courses.courses.inserted"], {"course_id": "id"}),
    Step("courses_update", "instructor", lambda ids: {"title": "Tables"}, ["courses.courses.updated"]),
    Step("sections_create", "instructor", lambda ids: {"title": "First"}, ["courses.course_sections.inserted"],
         {"section_id": "id"}),
    Step("sections_update", "instructor", lambda ids: {"title": "One"}, ["courses.course_sections.updated"]),
    Step("videos_create", "instructor", lambda ids: VIDEO, ["courses.course_videos.inserted"], {"video_id": "id"}),
    Step("videos_update", "instructor", lambda ids: {"title": "Plane"}, ["courses.course_videos.updated"]),
    Step("materials_create", "instructor",
         lambda ids: {"course_id": ids["course_id"], "title": "Plan", "external_url": "https://example.com/plan"},
         ["courses.course_materials.inserted"], {"material_id": "id"}),
    Step("courses_duplicate", "instructor",
         leaves=["courses.course_materials.inserted", "courses.course_sections.inserted",
                 "courses.course_videos.inserted", "courses.courses.inserted"]),
    Step("materials_update", "instructor", lambda ids: {"title": "Plans"}, ["courses.course_materials.updated"]),
    Step("materials_delete", "instructor", leaves=["courses.course_materials.deleted"]),
    Step("courses_order", "instructor",
         lambda ids: {"sections": [{"id": ids["section_id"], "videos": [ids["video_id"]]}]}),
    Step("courses_submit", "instructor", leaves=["courses.courses.updated"]),
    Step("courses_withdraw", "instructor", leaves=["courses.courses.updated"]),
    Step("courses_submit", "instructor", leaves=["courses.courses.updated"]),
    Step("courses_reject", "admin", lambda ids: {"reason": "Why?"},
         ["courses.course_verdicts.inserted", "courses.courses.updated"]),
    Step("courses_submit", "instructor", leaves=["courses.courses.updated"]),
    Step("courses_approve", "admin", leaves=["courses.course_verdicts.inserted", "courses.courses.updated"]),
    Step("courses_feature", "admin", leaves=["courses.courses.updated"]),
    Step("courses_feature_no_more", "admin", leaves=["courses.courses.updated"]),
    Step("access_codes_generate", "instructor",
         lambda ids: {"course_id": ids["course_id"], "type": "single_use", "count": 2},
         ["codes.access_codes.inserted"] * 2 + ["codes.code_batches.inserted"],
         {"code_id": "items.0.id", "code": "items.0.code", "other": "items.1.id"}),
    Step("access_codes_update", "instructor", lambda ids: {"label": "For Noor"}, ["codes.access_codes.updated"]),
    Step("access_codes_redeem", "student", lambda ids: {"code": ids["code"]},
         ["codes.access_codes.updated", "codes.code_redemptions.inserted", "courses.course_enrollments.inserted"]),
    Step("access_codes_deactivate", "instructor", leaves=["codes.access_codes.updated"]),
    Step("videos_progress", "student", lambda ids: {"position": 5, "ranges": [[0, 5]], "total_seconds": 20},
         ["courses.course_enrollments.updated"]),
    Step("reviews_create", "student", lambda ids: {"rating": 5}, ["courses.course_reviews.inserted"],
         {"review_id": "id"}),
    Step("reviews_update", "student", lambda ids: {"rating": 4}, ["courses.course_reviews.updated"]),
    Step("reviews_reply", "instructor", lambda ids: {"text": "Thanks."}, ["courses.course_reviews.updated"]),
    Step("reviews_reply_no_more", "instructor", leaves=["courses.course_reviews.updated"]),
    Step("reviews_delete", "student", leaves=["courses.course_reviews.deleted"]),
    Step("courses_drop", "student", leaves=["courses.course_enrollments.updated"]),
    Step("videos_delete", "instructor", leaves=["courses.course_videos.deleted"]),
    Step("sections_delete", "instructor", leaves=["courses.course_sections.deleted"]),
    Step("courses_archive", "instructor", leaves=["courses.courses.updated"]),
    Step("categories_delete", "admin", leaves=["courses.course_categories.deleted"]),
    Step("courses_create", "instructor", lambda ids: {"title": "Open to all", "requires_code": False},
         ["courses.courses.inserted"], {"course_id": "id"}),
    Step("sections_create", "instructor", lambda ids: {"title": "First"}, ["courses.course_sections.inserted"],
         {"section_id": "id"}),
    Step("videos_create", "instructor", lambda ids: VIDEO, ["courses.course_videos.inserted"]),
    Step("courses_publish", "instructor", leaves=["courses.courses.updated"]),
    Step("courses_enroll", "student", leaves=["courses.course_enrollments.inserted"]),
    Step("courses_create", "instructor", lambda ids: {"title": "A mistake"}, ["courses.courses.inserted"],
         {"course_id": "id"}),
    Step("courses_delete", "instructor", leaves=["courses.courses.deleted"]),
)  # fmt: skip
ACCOUNTS = (
    Step("users_update_instructor", "instructor", lambda ids: {"qualification": "Joiner"},
         ["auth.instructor_profiles.inserted"]),
    Step("users_create", "admin",
         lambda ids: {"email": "noor@example.com", "role": "student", "first_name": "Noor", "last_name": "Haddad"},
         ["auth.user_profiles.inserted", "auth.user_tokens.inserted", "auth.users.inserted"], {"user_id": "id"}),
    Step("users_update", "admin", lambda ids: {"first_name": "Nour"}, ["auth.user_profiles.updated"]),
    Step("users_update_file", "admin", lambda ids: {"education_level": "School"}, ["auth.student_files.inserted"]),
    Step("users_invite", "admin", leaves=["auth.user_tokens.updated"]),
    Step("users_bulk", "admin", lambda ids: {"ids": [ids["user_id"]], "action": "suspend"}, ["auth.users.updated"]),
    Step("users_reset_mfa", "admin"),
    Step("users_delete", "admin", leaves=["auth.users.updated"]),
    Step("users_choose_preferences", "student", lambda ids: {"theme": "dark"}, ["auth.user_preferences.inserted"]),
    Step("users_end_other_sessions", "student"),
    Step("auth_totp_begin", "student", lambda ids: {"password": PASSWORD}, ["auth.totp_factors.inserted"],
         {"secret": "secret"}),
    Step("auth_totp_confirm", "student", lambda ids: {"code": pyotp.TOTP(ids["secret"]).now()},
         ["auth.totp_factors.updated", *["auth.recovery_codes.inserted"] * 10]),
    Step("auth_recovery_codes", "student", lambda ids: {"password": PASSWORD},
         ["auth.recovery_codes.deleted", "auth.recovery_codes.inserted"] * 10),
    Step("auth_totp_remove", "student", lambda ids: {"password": PASSWORD},
         ["auth.totp_factors.deleted", *["auth.recovery_codes.deleted"] * 10]),
    Step("auth_passkey_options", "instructor", lambda ids: {"password": PASSWORD}, [], {"options": "public_key"}),
    Step("auth_passkeys_create", "instructor",
         lambda ids: {"name": "Phone", "credential": ids["phone"].make(ids["options"])},
         ["auth.passkeys.inserted", *["auth.recovery_codes.inserted"] * 10], {"passkey_id": "passkey.id"}),
    Step("auth_passkeys_update", "instructor", lambda ids: {"name": "Key"}, ["auth.passkeys.updated"]),
    Step("auth_passkeys_delete", "instructor", lambda ids: {"password": PASSWORD},
         ["auth.passkeys.deleted", *["auth.recovery_codes.deleted"] * 10]),
    Step("users_change_password", "instructor",
         lambda ids: {"current_password": PASSWORD, "new_password": "Another-good-1!"}, ["auth.users.updated"]),
    Step("users_delete_me", "student", lambda ids: {"password": PASSWORD}, ["auth.users.updated"]),
    Step("settings_update", "admin", lambda ids: {"courses": {"public_catalogue": True}}, ["kernel.settings.updated"]),
    Step("roles_update", "admin", lambda ids: {"permissions": {"courses.review.write": None}}, ["kernel.role.updated"]),
    Step("mail_templates_preview", "admin", lambda ids: {"subject": "Hi", "body": "{{link}}"}),
    Step("mail_templates_update", "admin", lambda ids: {"subject": "Hi", "body": "{{link}}"},
         ["kernel.mail_templates.inserted"]),
    Step("mail_templates_reset", "admin", leaves=["kernel.mail_templates.deleted"]),
)  # fmt: skip
ARRIVALS = (
    Step("auth_register", "nobody",
         lambda ids: {"email": "hadi@example.com", "password": PASSWORD, "first_name": "Hadi", "last_name": "Aziz"},
         ["auth.user_profiles.inserted", "auth.users.inserted"]),
    Step("auth_resend_verification", "nobody", lambda ids: {"email": "hadi@example.com"}),
    Step("auth_forgot_password", "nobody", lambda ids: {"email": "hadi@example.com"}),
    Step("auth_login", "nobody", lambda ids: {"email": ids["email"], "password": PASSWORD}, ["auth.users.updated"],
         {"refresh_token": "refresh_token"}),
    Step("auth_refresh", "nobody", lambda ids: {"refresh_token": ids["refresh_token"]}, [],
         {"refresh_token": "refresh_token"}),
    Step("auth_logout", "nobody", lambda ids: {"refresh_token": ids["refresh_token"]}),
    Step("auth_passkey_sign_in_options", "nobody", lambda ids: {}),
    Step("users_change_email", "student", lambda ids: {"email": "new@example.com", "password": PASSWORD}),
)  # fmt: skip
NOT_YET = {
    # They need what came by mail, from another site or from a device.
    "auth_verify_email", "auth_reset_password", "auth_accept_invitation", "auth_mfa", "auth_passkey_sign_in",
    "users_me_identities_link", "users_me_identities_unlink", "users_end_session",
    # They need the headers of their protocol: tests/plugins/media.
    "media_tus_create", "media_tus_append", "media_tus_end",
    # They write into other tenants' logs, or none.
    "tenants_create", "tenants_update", "tenants_delete", "tenants_plugins", "settings_test_mail", "tasks_retry",
}  # fmt: skip
"""Routes that this story does not come to."""


class Story:
    """A school, its people, and what is known by now."""

    def __init__(
        self, school: School, deployment: Deployment, nobody: httpx.AsyncClient, people: dict[str, Person]
    ) -> None:
        self.school = school
        self.people = people
        self.nobody = nobody
        self.ids: Ids = {
            "phone": Authenticator(school.tenant.url("")),
            "user_id": people["instructor"].id,
            "name": "auth.confirm_address",
            "role": "student",
            "email": people["student"].email,
        }
        self._handlers = handlers_of(deployment)

    async def differences(self, step: Step) -> list[str]:
        """Take a step and return how the audit log is not as it should be."""
        before = len(await self.school.audit_log())
        person = self.people.get(step.who)
        answer = await self._ask(person or self.nobody, self._handlers[step.operation], step)
        if answer.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            return [f"{step.operation}: {answer.status_code} {answer.text}"]
        for name, place in step.keep.items():
            self.ids[name] = _at(answer.json(), place)
        left = (await self.school.audit_log())[before:]
        found = Counter(entry.action for entry in left)
        wrong = [] if found == Counter(step.leaves) else [f"{step.operation}: {dict(found)}"]
        strangers = [each for each in left if each.user_id != (person.id if person else None)]
        return wrong + [f"{step.operation}: {each.action} by {each.user_id}" for each in strangers]

    async def _ask(self, person: Person | httpx.AsyncClient, handler: HTTPRouteHandler, step: Step) -> httpx.Response:
        path = re.sub(r"\{(\w+):\w+\}", lambda match: str(self.ids[match[1]]), min(handler.paths))
        [method] = handler.http_methods - SAFE
        return await person.request(method, path, json=step.body(self.ids), files=step.files())


def _at(found: Any, place: str) -> Any:
    for part in place.split("."):
        found = found[int(part)] if part.isdigit() else found[part]
    return found


@pytest.fixture
async def story(
    school: School,
    deployment: Deployment,
    anonymous: httpx.AsyncClient,
    admin: Person,
    instructor: Person,
    student: Person,
) -> Story:
    """A school in which nothing has happened."""
    return Story(school, deployment, anonymous, {"admin": admin, "instructor": instructor, "student": student})


@pytest.mark.parametrize("steps", [COURSE, ACCOUNTS, ARRIVALS], ids=["courses", "accounts", "arrivals"])
async def test_each_write_leaves_exactly_its_rows(story: Story, steps: Sequence[Step]) -> None:
    wrong = [sentence for step in steps for sentence in await story.differences(step)]

    assert "\n".join(wrong) == ""


def test_every_route_that_writes_is_a_step(deployment: Deployment) -> None:
    steps = {step.operation for step in (*COURSE, *ACCOUNTS, *ARRIVALS)}
    writing = {name for name, handler in handlers_of(deployment).items() if handler.http_methods - SAFE}

    assert steps & NOT_YET == set()
    assert steps | NOT_YET == writing
