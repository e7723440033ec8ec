"""Each route that writes leaves exactly its rows in the audit log, in the name of whoever asked.

One school lives through all of it: things are made, changed and removed, route by route. A route that no step names
fails the test, so a new one cannot be forgotten.
"""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pyotp
import pytest
from litestar.handlers import HTTPRouteHandler

from kernel.db import Origin
from kernel.deployment import Deployment
from kernel.ids import new_id
from kernel.testing import PASSWORD, Mailbox, Person, School
from kernel.testing.audit import AuditEntry, audit_entries
from plugins.auth.actions import mail_tokens
from plugins.auth.actions.identities import link
from plugins.auth.federation.assertions import Assertion
from plugins.auth.queries.identities import identities_of
from plugins.auth.schemas.texts import TokenPurpose
from tests.plugins.auth.authenticator import Authenticator
from tests.plugins.auth.conftest import forger
from tests.plugins.auth.forger import Forger
from tests.plugins.courses.archived import course_archive
from tests.plugins.media.conftest import picture
from tests.plugins.test_other_tenant import MP4, handlers_of

__all__ = ["forger"]

Ids = dict[str, Any]
TUS = {"Tus-Resumable": "1.0.0", "Upload-Metadata": "purpose dmlkZW8="}
VIDEO = {"title": "Saw", "video_type": "youtube_private", "youtube_id": "dQw4w9WgXcQ", "duration_seconds": 20}
SAFE = {"GET", "HEAD", "OPTIONS"}

VTT = b"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nA saw\n"


class Step(NamedTuple):
    """A request and what it leaves.

    Args:
        operation: The route.
        who: In whose name.
        body: JSON, made from the ids that are known by now.
        leaves: The actions in the audit log.
        keep: Ids to remember: name to where it stands in the answer.
        files: A form instead.
        given: What must have happened before; what that leaves does not count.
        headers: What it is sent with.
        content: Bytes instead.
    """

    operation: str
    who: str
    body: Callable[[Ids], Any] = lambda ids: None
    leaves: Sequence[str] = ()
    keep: dict[str, str] = {}  # noqa: RUF012 - never changed
    files: Callable[[], Any] = lambda: None
    given: "Callable[[Story], Awaitable[Any]] | None" = None
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    content: bytes | None = None


COURSE = (
    Step("categories_create", "admin", lambda ids: {"name": "Wood", "sort_order": 3},
         ["courses.course_categories.inserted"], {"category_id": "id"}),
    Step("categories_update", "admin", lambda ids: {"name": "Timber"}, ["courses.course_categories.updated"]),
    Step("categories_move", "admin", lambda ids: {"parent_id": None}, ["courses.course_categories.updated"]),
    Step("media_upload_video", "instructor", files=lambda: {"file": ("saw.mp4", MP4, "video/mp4")},
         leaves=["media.files.inserted"], keep={"lesson_id": "id"}),
    Step("media_upload_image", "student", files=lambda: {"file": ("me.png", picture(), "image/png")},
         leaves=["media.files.inserted"]),
    Step("media_upload_file", "instructor", files=lambda: {"file": ("notes.md", b"# Saws", "text/markdown")},
         leaves=["media.files.inserted"], keep={"file_id": "id"}),
    Step("files_delete", "instructor", leaves=["media.files.deleted"]),
    Step("media_upload_archive", "instructor", keep={"archive_id": "id"}, leaves=["media.files.inserted"],
         files=lambda: {"file": ("course.zip", course_archive(), "application/zip")}),
    Step("courses_create", "instructor", lambda ids: {"title": "Chairs", "requires_code": True},
         ["courses.courses.inserted"], {"course_id": "id"}),
    Step("courses_update", "instructor", lambda ids: {"title": "Tables"}, ["courses.courses.updated"]),
    Step("sections_create", "instructor", lambda ids: {"title": "First"}, ["courses.course_sections.inserted"],
         {"section_id": "id"}),
    Step("sections_update", "instructor", lambda ids: {"title": "One"}, ["courses.course_sections.updated"]),
    Step("videos_create", "instructor", lambda ids: VIDEO, ["courses.course_videos.inserted"], {"video_id": "id"}),
    Step("videos_update", "instructor", lambda ids: {"title": "Plane"}, ["courses.course_videos.updated"]),
    Step("videos_update", "instructor", lambda ids: {"video_type": "server_upload", "file_id": ids["lesson_id"]},
         ["courses.course_videos.updated"]),
    Step("videos_put_captions", "instructor", leaves=["media.captions.put"], content=VTT,
         headers={"Content-Type": "text/vtt"}),
    Step("videos_delete_captions", "instructor", leaves=["media.captions.removed"]),
    Step("materials_create", "instructor",
         lambda ids: {"course_id": ids["course_id"], "title": "Plan", "external_url": "https://example.com/plan"},
         ["courses.course_materials.inserted"], {"material_id": "id"}),
    Step("courses_duplicate", "instructor",
         leaves=["courses.course_materials.inserted", "courses.course_sections.inserted",
                 "courses.course_videos.inserted", "courses.courses.inserted"]),
    Step("courses_export", "instructor"),
    Step("courses_import", "instructor", lambda ids: {"file_id": ids["archive_id"]}),
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
         {"code_id": "items.0.id", "code": "items.0.code", "other": "items.1.id", "batch_id": "batch_id"}),
    Step("code_batches_begin", "instructor",
         lambda ids: {"course_id": ids["course_id"], "type": "single_use", "count": 2},
         ["codes.access_codes.inserted", "codes.code_batches.inserted"]),
    Step("access_codes_update", "instructor", lambda ids: {"label": "For Noor"}, ["codes.access_codes.updated"]),
    Step("access_codes_check", "student", lambda ids: {"code": ids["code"]}),
    Step("access_codes_redeem", "student", lambda ids: {"code": ids["code"]},
         ["codes.access_codes.updated", "codes.code_redemptions.inserted", "courses.course_enrollments.inserted"]),
    Step("access_codes_deactivate", "instructor", leaves=["codes.access_codes.updated"]),
    Step("code_batches_deactivate", "instructor", leaves=["codes.access_codes.updated"]),
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
    Step("users_end_sessions_of", "admin"),
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


async def _mailed(story: "Story", purpose: TokenPurpose, email: str = "") -> None:
    """Remember the secret of a link as it stands in a mail to the student."""
    student = story.people["student"]
    async with story.school.db() as db:
        link = await mail_tokens.issue(db, student.id, purpose, email or student.email)
    story.ids["token"] = link.partition("#token=")[2]


async def _app_is_set_up(story: "Story") -> None:
    person = story.people["instructor"]
    secret = (await person.post("/auth/mfa/totp", json={"password": PASSWORD})).json()["secret"]
    confirmed = await person.post("/auth/mfa/totp/confirm", json={"code": pyotp.TOTP(secret).now()})
    first_step = await story.nobody.post("/auth/login", json={"email": person.email, "password": PASSWORD})
    story.ids |= {"mfa_token": first_step.json()["mfa_token"], "code": confirmed.json()["recovery_codes"][0]}


async def _passkey_is_made(story: "Story") -> None:
    person, phone = story.people["instructor"], story.ids["phone"]
    options = (await person.post("/auth/passkeys/options", json={"password": PASSWORD})).json()["public_key"]
    await person.post("/auth/passkeys", json={"name": "Phone", "credential": phone.make(options)})
    asked = await story.nobody.post("/auth/passkeys/sign-in/options", json={})
    story.ids["options"] = asked.json()["public_key"]


async def _second_device(story: "Story") -> None:
    person = story.people["student"]
    await story.nobody.post("/auth/login", json={"email": person.email, "password": PASSWORD})
    sessions = (await person.get("/users/me/sessions")).json()["items"]
    story.ids["session_id"] = next(each["id"] for each in sessions if not each["is_current"])


async def _provider_is_chosen(story: "Story") -> None:
    provider = {"name": "A site", "issuer": story.issuer, "client_id": "school", "client_secret": "s" * 20}
    chosen = await story.people["admin"].patch("/settings", json={"auth": {"providers": {"site": provider}}})
    assert chosen.status_code == 200, chosen.text


async def _identity_is_linked(story: "Story") -> None:
    async with story.school.db() as db:
        await link(db, story.people["student"].id, Assertion("https://site.example", "1", None, False, "A", "B"))
        [identity] = await identities_of(db, story.people["student"].id)
    story.ids["identity_id"] = str(identity.id)


ELSEWHERE = (
    Step("settings_test_mail", "admin", lambda ids: {"to": "me@school.test"}),
    Step("tasks_retry", "admin", lambda ids: {"ids": ["1"]}, ["kernel.task.retried"]),
    Step("tenants_create", "operator",
         lambda ids: {"slug": ids["slug"], "name": "Other", "hostnames": [f"{ids['slug']}.test"]},
         ["kernel.tenant.created in tenant_id"], {"tenant_id": "id"}),
    Step("tenants_update", "operator", lambda ids: {"name": "Another"}, ["kernel.tenant.updated in tenant_id"]),
    Step("tenants_plugins", "operator", lambda ids: {"enabled": ["auth", "admin"]},
         ["kernel.tenant.plugins_switched in tenant_id"]),
    Step("tenants_update", "operator", lambda ids: {"is_active": False}, ["kernel.tenant.updated in tenant_id"]),
    Step("tenants_delete", "operator"),
    Step("media_tus_create", "instructor", headers={"Upload-Length": str(len(MP4)), **TUS},
         keep={"upload_id": "@location"}),
    Step("media_tus_append", "instructor", leaves=["media.files.inserted"], content=MP4,
         headers={"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", **TUS}),
    Step("media_tus_create", "instructor", headers={"Upload-Length": str(len(MP4)), **TUS},
         keep={"upload_id": "@location"}),
    Step("media_tus_end", "instructor", headers=TUS),
    Step("users_me_identities_link", "student", lambda ids: {"provider": "site", "password": PASSWORD},
         given=_provider_is_chosen),
    Step("users_me_identities_unlink", "student", leaves=["auth.user_identities.deleted"], given=_identity_is_linked),
    Step("users_end_session", "student", given=_second_device),
    Step("auth_mfa", "nobody", lambda ids: {"mfa_token": ids["mfa_token"], "code": ids["code"]},
         ["auth.recovery_codes.updated", "auth.users.updated"], given=_app_is_set_up),
    Step("auth_passkey_sign_in", "nobody", lambda ids: {"credential": ids["phone"].use(ids["options"])},
         ["auth.passkeys.updated", "auth.users.updated"], given=_passkey_is_made),
    Step("auth_reset_password", "nobody", lambda ids: {"token": ids["token"], "password": "Another-good-1!"},
         ["auth.user_tokens.deleted", "auth.users.updated"], given=partial(_mailed, purpose="reset")),
    Step("auth_accept_invitation", "nobody", lambda ids: {"token": ids["token"], "password": "Another-good-2!"},
         ["auth.user_tokens.deleted", *["auth.users.updated"] * 2], given=partial(_mailed, purpose="invitation")),
    Step("auth_verify_email", "nobody", lambda ids: {"token": ids["token"]},
         ["auth.user_tokens.deleted", "auth.users.updated"],
         given=partial(_mailed, purpose="verification", email="noor@example.com")),
)  # fmt: skip


class Story:
    """A school, its people, and what is known by now."""

    def __init__(
        self,
        school: School,
        deployment: Deployment,
        nobody: httpx.AsyncClient,
        people: dict[str, Person],
        issuer: str,
    ) -> None:
        self.school = school
        self.people = people
        self.nobody = nobody
        self.issuer = issuer
        self.ids: Ids = {
            "language": "en",
            "slug": f"other-{new_id().hex[-12:]}",
            "phone": Authenticator(school.tenant.url("")),
            "user_id": people["instructor"].id,
            "name": "auth.confirm_address",
            "role": "student",
            "email": people["student"].email,
        }
        self._handlers = handlers_of(deployment)

    async def differences(self, step: Step) -> list[str]:
        """Take a step and return how the audit log is not as it should be."""
        if step.given is not None:
            await step.given(self)
        before = await self._logged()
        person = self.people.get(step.who)
        answer = await self._ask(person or self.nobody, self._handlers[step.operation], step)
        if answer.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            return [f"{step.operation}: {answer.status_code} {answer.text}"]
        for name, place in step.keep.items():
            location = answer.headers.get("location", "").rpartition("/")[2]
            self.ids[name] = location if place == "@location" else _at(answer.json(), place)
        here, there = [now[len(then) :] for now, then in zip(await self._logged(), before, strict=True)]
        left = [*here, *there]
        found = Counter([*(each.action for each in here), *(f"{each.action} in tenant_id" for each in there)])
        wrong = [] if found == Counter(step.leaves) else [f"{step.operation}: {dict(found)}"]
        strangers = [each for each in left if each.user_id != (person.id if person else None)]
        return wrong + [f"{step.operation}: {each.action} by {each.user_id}" for each in strangers]

    async def _logged(self) -> tuple[list[AuditEntry], list[AuditEntry]]:
        """Return what the log of the school says, and that of the tenant that is made."""
        if "tenant_id" not in self.ids:
            return await self.school.audit_log(), []
        async with self.school.deployment.database.transaction(Origin(UUID(self.ids["tenant_id"]))) as db:
            return await self.school.audit_log(), await audit_entries(db)

    async def _ask(self, person: Person | httpx.AsyncClient, handler: HTTPRouteHandler, step: Step) -> httpx.Response:
        path = re.sub(r"\{(\w+):\w+\}", lambda match: str(self.ids[match[1]]), min(handler.paths))
        [method] = handler.http_methods - SAFE
        return await person.request(
            method,
            path,
            params={"confirm": self.ids["slug"]} if step.operation == "tenants_delete" else None,
            json=step.body(self.ids),
            files=step.files(),
            headers=step.headers,
            content=step.content,
        )


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
    forger: Forger,
    mailbox: Mailbox,
) -> Story:
    """A school in which nothing has happened."""
    people = {"admin": admin, "instructor": instructor, "student": student}
    people["operator"] = await school.person("admin", is_operator=True)
    return Story(school, deployment, anonymous, people, forger.issuer)


STORIES = {"courses": COURSE, "accounts": ACCOUNTS, "arrivals": ARRIVALS, "elsewhere": ELSEWHERE}


@pytest.mark.parametrize("steps", STORIES.values(), ids=STORIES)
async def test_each_write_leaves_exactly_its_rows(story: Story, steps: Sequence[Step]) -> None:
    wrong = [sentence for step in steps for sentence in await story.differences(step)]

    assert "\n".join(wrong) == ""


def test_every_route_that_writes_is_a_step(deployment: Deployment) -> None:
    steps = {step.operation for steps in STORIES.values() for step in steps}
    writing = {name for name, handler in handlers_of(deployment).items() if handler.http_methods - SAFE}

    assert steps == writing
