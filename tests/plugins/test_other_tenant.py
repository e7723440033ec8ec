"""Every door, tried by another school: with a valid request, each id of the first school is unknown to the second.

The table names each route that takes an id, in its path or in its body. A route that no row names fails the test, so a
new door cannot be forgotten.
"""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from litestar.handlers import HTTPRouteHandler

from kernel import task_runs
from kernel.deployment import Deployment
from kernel.ids import new_id
from kernel.own_routes import OWN_ROUTES
from kernel.testing import PASSWORD, Person, School
from plugins.auth.actions.identities import link
from plugins.auth.federation.assertions import Assertion
from plugins.auth.queries.identities import identities_of
from tests.plugins.auth.authenticator import Authenticator
from tests.plugins.media.conftest import archive

Ids = dict[str, str]
Body = Callable[[Ids], dict[str, Any]]
MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42" + bytes(5000)
MARK = "Marker-of-the-first-school"

NO_BODY: Body = lambda ids: {}  # noqa: E731
OWN_PATH: dict[str, Body] = {
    "users_get": NO_BODY,
    "users_update": lambda ids: {"first_name": "Mallory"},
    "users_delete": NO_BODY,
    "users_export": NO_BODY,
    "users_invite": NO_BODY,
    "users_end_session": NO_BODY,
    "users_file": NO_BODY,
    "users_update_file": lambda ids: {"education_level": "Taken"},
    "users_progress": NO_BODY,
    "users_instructor": NO_BODY,
    "users_update_instructor": lambda ids: {"qualification": "Taken"},
    "users_reset_mfa": NO_BODY,
    "users_sessions_of": NO_BODY,
    "users_end_sessions_of": NO_BODY,
    "auth_passkeys_update": lambda ids: {"name": "Taken"},
    "auth_passkeys_delete": lambda ids: {"password": PASSWORD},
    "categories_get": NO_BODY,
    "categories_update": lambda ids: {"name": "Taken"},
    "categories_move": lambda ids: {"parent_id": None},
    "categories_delete": NO_BODY,
    "courses_get": NO_BODY,
    "courses_analytics": NO_BODY,
    "courses_cover": NO_BODY,
    "courses_update": lambda ids: {"title": "Taken"},
    "courses_delete": NO_BODY,
    "courses_duplicate": NO_BODY,
    "courses_export": NO_BODY,
    "courses_publish": NO_BODY,
    "courses_submit": NO_BODY,
    "courses_withdraw": NO_BODY,
    "courses_approve": NO_BODY,
    "courses_reject": lambda ids: {"reason": "No."},
    "courses_archive": NO_BODY,
    "courses_feature": NO_BODY,
    "courses_feature_no_more": NO_BODY,
    "courses_order": lambda ids: {"sections": [{"id": ids["section_id"], "videos": [ids["video_id"]]}]},
    "courses_sections": NO_BODY,
    "courses_videos": NO_BODY,
    "courses_enroll": NO_BODY,
    "courses_drop": NO_BODY,
    "courses_students": NO_BODY,
    "courses_students_export": NO_BODY,
    "courses_reviews": NO_BODY,
    "reviews_create": lambda ids: {"rating": 1},
    "reviews_update": lambda ids: {"rating": 1},
    "reviews_delete": NO_BODY,
    "reviews_reply": lambda ids: {"text": "Taken."},
    "reviews_reply_no_more": NO_BODY,
    "sections_create": lambda ids: {"title": "Taken"},
    "sections_get": NO_BODY,
    "sections_update": lambda ids: {"title": "Taken"},
    "sections_delete": NO_BODY,
    "videos_create": lambda ids: {
        "title": "Taken", "video_type": "youtube_private", "youtube_id": "dQw4w9WgXcQ", "duration_seconds": 10,
    },
    "videos_get": NO_BODY,
    "videos_update": lambda ids: {"title": "Taken"},
    "videos_delete": NO_BODY,
    "videos_stream": NO_BODY,
    "videos_captions": NO_BODY,
    "videos_put_captions": NO_BODY,
    "videos_delete_captions": NO_BODY,
    "videos_progress": lambda ids: {"position": 1, "ranges": [[0, 1]], "total_seconds": 20},
    "materials_get": NO_BODY,
    "materials_update": lambda ids: {"title": "Taken"},
    "materials_delete": NO_BODY,
    "materials_download": NO_BODY,
    "access_codes_get": NO_BODY,
    "access_codes_update": lambda ids: {"is_active": False},
    "access_codes_deactivate": NO_BODY,
    "access_codes_redemptions": NO_BODY,
    "access_codes_attempts_on": NO_BODY,
    "code_batches_get": NO_BODY,
    "code_batches_deactivate": NO_BODY,
    "code_batches_redemptions": NO_BODY,
    "tasks_get": NO_BODY,
    "tenants_get": NO_BODY,
    "tenants_update": lambda ids: {"name": "Taken"},
    "tenants_delete": NO_BODY,
    "tenants_plugins": lambda ids: {"enabled": ["auth"]},
    "users_me_identities_unlink": NO_BODY,
    "media_tus_state": NO_BODY,
    "media_tus_append": NO_BODY,
    "media_tus_end": NO_BODY,
    "files_delete": NO_BODY,
}  # fmt: skip
"""Routes with an id in their path: the body that makes the request valid."""

IN_BODY: dict[str, tuple[str, str, Body]] = {
    "users_bulk": ("POST", "/users/bulk", lambda ids: {"ids": [ids["user_id"]], "action": "suspend"}),
    "courses_create": ("POST", "/courses", lambda ids: {"title": "Mine", "category_id": ids["category_id"]}),
    "categories_create": ("POST", "/categories", lambda ids: {"name": "Mine", "parent_id": ids["category_id"]}),
    "materials_create": (
        "POST", "/materials",
        lambda ids: {"course_id": ids["course_id"], "section_id": ids["section_id"], "title": "Mine",
                     "file_id": ids["file_id"]},
    ),
    "courses_import": ("POST", "/courses/import", lambda ids: {"file_id": ids["archive_id"]}),
    "access_codes_generate": (
        "POST", "/access-codes/generate", lambda ids: {"course_id": ids["course_id"], "type": "single_use", "count": 1},
    ),
    "code_batches_begin": (
        "POST", "/access-codes/batches", lambda ids: {"course_id": ids["course_id"], "type": "single_use", "count": 2},
    ),
    "access_codes_redeem": ("POST", "/access-codes/redeem", lambda ids: {"code": ids["code"]}),
    "access_codes_check": ("POST", "/access-codes/check", lambda ids: {"code": ids["code"]}),
}  # fmt: skip
"""Routes that take another thing's id, or a code, in their body."""

REFUSED_AT_ALL = {
    "admin": {"courses_enroll", "courses_drop", "access_codes_redeem", "access_codes_check", "reviews_create",
              "reviews_update"},
    "student": {
        "users_delete", "users_export", "users_invite", "users_update_file", "users_bulk",
        "users_reset_mfa", "users_sessions_of", "users_end_sessions_of",
        "categories_create", "categories_update", "categories_move", "categories_delete", "courses_create",
        "courses_update",
        "courses_delete", "courses_duplicate", "courses_export", "courses_import",
        "courses_publish", "courses_submit", "courses_withdraw", "courses_approve", "courses_reject",
        "courses_archive", "courses_feature", "courses_feature_no_more", "courses_order", "courses_students",
        "courses_students_export",
        "reviews_reply", "reviews_reply_no_more", "courses_analytics",
        "sections_create", "sections_update",
        "sections_delete", "videos_create", "videos_update", "videos_delete", "videos_delete_captions",
        "videos_put_captions", "access_codes_generate",
        "materials_create", "materials_update", "materials_delete",
        "access_codes_get", "access_codes_update", "access_codes_deactivate", "access_codes_redemptions",
        "access_codes_attempts_on", "code_batches_get", "code_batches_deactivate",
        "code_batches_begin", "code_batches_redemptions",
    },
}  # fmt: skip
EVERY_SCHOOLS = {"category": "general", "name": "auth.confirm_address"}
"""What stands in paths of pages and is no row: a group of settings, a template of mails."""
OPERATORS = {"tenants_get", "tenants_update", "tenants_delete", "tenants_plugins"}
"""For operators alone, who work across tenants."""
NARROWED = (
    "/courses?status=published",
    "/courses?q=marker",
    "/users?q=marker",
    "/files?kind=video",
    "/access-codes/export?format=xlsx",
    "/access-codes/export?format=pdf",
)
"""Readings that show other things when they are asked otherwise, beside every reading as it stands."""
ACROSS_TENANTS = {"tenants_list"}
"""Readings for operators, who see every tenant."""
NO_IDS = {
    "portal_theme", "portal_manifest", "portal_worker", "portal_file",
    "api_describe", "audit_logs_list", "audit_logs_export", "plugins_list", "roles_list", "settings_get",
    "settings_update", "settings_schema", "settings_public", "tasks_list", "tasks_failures", "tasks_retry",
    "tenants_list", "tenants_create",
    "mail_templates_list", "settings_test_mail",
    "roles_update",  # a role's name, which every school has
    # A template's name, which every school has.
    "mail_templates_get", "mail_templates_update", "mail_templates_reset", "mail_templates_preview",
    "users_delete_me", "users_sessions", "users_end_other_sessions", "users_preferences", "users_choose_preferences",
    "users_export_me", "users_change_password", "users_change_email", "auth_verify_email",
    "auth_resend_verification", "auth_forgot_password", "auth_reset_password", "auth_accept_invitation",
    "auth_register", "auth_login", "auth_refresh", "auth_logout", "auth_mfa", "auth_mfa_get", "auth_totp_begin",
    "auth_totp_confirm", "auth_totp_remove", "auth_recovery_codes", "auth_passkey_options", "auth_passkeys_create",
    "auth_passkeys_list", "auth_passkey_sign_in_options", "auth_passkey_sign_in",
    "users_me", "users_list", "users_create", "access_codes_export", "access_codes_usage", "code_batches_list",
    "auth_providers", "users_me_identities", "users_me_identities_link",
    "auth_oauth_login", "auth_oauth_callback",  # a provider's name in the tenant: tests/plugins/auth
    "courses_list", "materials_list", "categories_list", "enrollments_list", "access_codes_list",
    "access_codes_attempts", "media_upload_video", "media_upload_image", "media_upload_file", "media_upload_archive",
    "media_tus_options", "media_tus_create", "files_list",
    "media_logo",  # what the settings of the school name, and nothing else: tests/plugins/media
    "media_read",  # bound to session and tenant by its signature: tests/plugins/media
}  # fmt: skip


def handlers_of(deployment: Deployment) -> dict[str, HTTPRouteHandler]:
    """Return every handler of every plugin, and the kernel's own, by its operation id; no page."""
    return {name: handler for name, handler in _routes_of(deployment).items() if not name.startswith("page_")}


def _routes_of(deployment: Deployment) -> dict[str, HTTPRouteHandler]:
    registry = deployment.registry
    groups = [*registry.routes.values(), *registry.root_routes.values(), OWN_ROUTES]
    return {str(handler.operation_id): handler for group in groups for handler in group}


@pytest.fixture
async def first_ids(school: School) -> Ids:
    """One of everything in the first school, each with the marker in its text."""
    admin, instructor = await school.person("admin"), await school.person("instructor")
    category = (await admin.post("/categories", json={"name": f"{MARK} category"})).json()
    upload = await instructor.post("/upload/video", files={"file": ("lesson.mp4", MP4, "video/mp4")})
    file = upload.json()
    archived = (await instructor.post("/upload/archive", files={"file": ("course.zip", archive("a"))})).json()
    announced = {"Upload-Length": "10", "Upload-Metadata": "purpose dmlkZW8="}
    begun = await instructor.post("/upload/tus", headers=announced)
    course = (await instructor.post("/courses", json={"title": f"{MARK} course", "category_id": category["id"]})).json()
    section = (await instructor.post(f"/courses/{course['id']}/sections", json={"title": f"{MARK} section"})).json()
    video = (
        await instructor.post(
            f"/sections/{section['id']}/videos",
            json={
                "title": f"{MARK} video",
                "video_type": "server_upload",
                "file_id": file["id"],
                "duration_seconds": 20,
            },
        )
    ).json()
    material = (
        await instructor.post(
            "/materials",
            json={
                "course_id": course["id"],
                "section_id": section["id"],
                "title": f"{MARK} material",
                "file_id": file["id"],
            },
        )
    ).json()
    published = await instructor.post(f"/courses/{course['id']}/publish")
    assert published.status_code == 200, published.text
    batch = await instructor.post(
        "/access-codes/generate", json={"course_id": course["id"], "type": "single_use", "count": 1}
    )
    code = batch.json()["items"][0]
    student = await school.person("student")
    await student.post("/access-codes/redeem", json={"code": code["code"]})
    said = {"rating": 5, "comment": f"{MARK} review"}
    review = (await student.post(f"/courses/{course['id']}/reviews", json=said)).json()
    task_id = new_id()
    async with school.db() as db:
        await task_runs.add(db, task_id, owner_id=instructor.id, name=f"{MARK} task", dedupe_key=None)
        await link(db, instructor.id, Assertion("https://site.example", MARK, None, False, "Noor", "Haddad"))
        (identity,) = await identities_of(db, instructor.id)
    options = (await instructor.post("/auth/passkeys/options", json={"password": PASSWORD})).json()["public_key"]
    made = await instructor.post(
        "/auth/passkeys",
        json={"name": f"{MARK} key", "credential": Authenticator(school.tenant.url("")).make(options)},
    )
    return {
        "user_id": str(instructor.id),
        "instructor_id": str(instructor.id),
        "session_id": (await instructor.get("/users/me/sessions")).json()["items"][0]["id"],
        "passkey_id": made.json()["passkey"]["id"],
        "category_id": category["id"],
        "file_id": file["id"],
        "archive_id": archived["id"],
        "upload_id": begun.headers["location"].rpartition("/")[2],
        "course_id": course["id"],
        "slug": course["slug"],
        "section_id": section["id"],
        "video_id": video["id"],
        "language": "en",
        "material_id": material["id"],
        "review_id": review["id"],
        "code_id": code["id"],
        "batch_id": code["batch_id"],
        "code": code["code"],
        "task_id": str(task_id),
        "tenant_id": str(school.id),
        "identity_id": str(identity.id),
    }


async def ask(person: Person, handler: HTTPRouteHandler, ids: Ids, body: dict[str, Any]) -> httpx.Response:
    """Send a handler's request with these ids in its path."""
    method = min(handler.http_methods)
    return await person.request(method, _filled(handler, ids), json=body or None)


def _filled(handler: HTTPRouteHandler, ids: Ids) -> str:
    return re.sub(r"\{(\w+):\w+\}", lambda match: {**EVERY_SCHOOLS, **ids}[match.group(1)], min(handler.paths))


async def test_every_route_is_in_the_table(deployment: Deployment) -> None:
    assert sorted(handlers_of(deployment)) == sorted({*OWN_PATH, *IN_BODY, *NO_IDS})
    takes_id = {name for name, handler in handlers_of(deployment).items() if any("{" in path for path in handler.paths)}
    assert takes_id - NO_IDS == set(OWN_PATH)


@pytest.mark.parametrize("role", ["admin", "student"])
async def test_other_school_finds_no_id_of_the_first(
    deployment: Deployment, other_school: School, first_ids: Ids, role: str
) -> None:
    stranger = await other_school.person(role)
    handlers = handlers_of(deployment)
    found: dict[str, int] = {}
    for name, body in OWN_PATH.items():
        answer = await ask(stranger, handlers[name], first_ids, body(first_ids))
        assert MARK not in answer.text
        found[name] = answer.status_code
    for name, (method, path, body) in IN_BODY.items():
        found[name] = (await stranger.request(method, path, json=body(first_ids))).status_code

    # What the role may not do at all is 403, whoever's id it is; everything else is unknown.
    assert {name for name, status in found.items() if status == 403} == REFUSED_AT_ALL[role] | OPERATORS
    assert {status for name, status in found.items() if name not in REFUSED_AT_ALL[role] | OPERATORS} == {404}


@pytest.mark.parametrize("role", ["admin", "instructor", "student"])
async def test_no_page_shows_anything_of_the_first_school(
    deployment: Deployment, other_school: School, first_ids: Ids, role: str
) -> None:
    stranger = await other_school.person(role)
    pages = {name: handler for name, handler in _routes_of(deployment).items() if name.startswith("page_")}
    assert len(pages) > 20
    for name, handler in pages.items():
        path = _filled(handler, first_ids)
        answer = await stranger.get(f"http://{other_school.host}{path}", headers={"Accept": "text/html"})
        assert MARK not in answer.text, name
        names_a_row = path != _filled(handler, dict.fromkeys(first_ids, ""))
        # An administrator may open every page that names a row but operators', and then it is not there.
        missing = {404} if role == "admin" and "tenant" not in name else {403, 404}
        allowed = missing if names_a_row else {200, 302, 403}
        assert answer.status_code in allowed, f"{name}: {answer.status_code}"


async def test_other_school_gets_the_same_answer_as_for_an_id_that_never_was(
    deployment: Deployment, other_school: School, first_ids: Ids
) -> None:
    stranger = await other_school.person("admin")
    handlers = handlers_of(deployment)
    never = {name: str(new_id()) for name in first_ids}
    for name, body in OWN_PATH.items():
        foreign = (await ask(stranger, handlers[name], first_ids, body(first_ids))).json()
        unknown = (await ask(stranger, handlers[name], never, body(never))).json()
        assert {**foreign, "request_id": ""} == {**unknown, "request_id": ""}, name


def readings(deployment: Deployment, host: str) -> dict[str, str]:
    """Return where all that no id leads to is read: lists, searches, exports, settings, files at the root; no pages."""
    registry = deployment.registry
    groups = [("/api/v1", handlers) for handlers in (*registry.routes.values(), OWN_ROUTES)]
    groups += [("", handlers) for handlers in registry.root_routes.values()]
    return {
        str(handler.operation_id): f"http://{host}{prefix}{min(handler.paths)}"
        for prefix, handlers in groups
        for handler in handlers
        if "GET" in handler.http_methods
        and "{" not in min(handler.paths)
        and not str(handler.operation_id).startswith("page_")
    }


@pytest.mark.parametrize("role", ["admin", "instructor", "student"])
async def test_nothing_that_the_other_school_reads_shows_anything_of_the_first(
    deployment: Deployment, school: School, other_school: School, first_ids: Ids, role: str
) -> None:
    stranger = await other_school.person(role)
    secret = {MARK, str(school.id), school.host, *(each for each in first_ids.values() if len(each) > 2)}
    found = readings(deployment, other_school.host)
    assert found.keys() > {"users_list", "audit_logs_list", "tasks_list", "portal_manifest"}
    for name, address in [*found.items(), *[(path, path) for path in NARROWED]]:
        answer = await stranger.get(address)
        if name not in ACROSS_TENANTS:
            assert answer.status_code in (200, 204, 302, 401, 403, 404), f"{name}: {answer.text}"
        said = f"{answer.headers}{answer.text}"
        assert [each for each in secret if each in said] == [], name
        if role == "admin" and name in ("users_list", "audit_logs_list", "audit_logs_export", "users_export_me"):
            assert answer.status_code == 200, name


async def test_token_of_one_school_is_refused_at_the_others_host(school: School, other_school: School) -> None:
    person = await school.person("admin")
    answer = await person.get(f"http://{other_school.host}/api/v1/users/me")

    assert (answer.status_code, answer.json()["code"]) == (401, "kernel.unauthenticated")
