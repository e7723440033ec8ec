"""Every door, tried by those who may come in nowhere: strangers, ended sessions, sessions that wait, foreign tokens.

The routes come from the registry, so a new one is tried without being named. What is open to all, and what lets
somebody in who has no whole session, is written down here: opening a door is a change of this file.
"""

import re
from collections.abc import Callable

import httpx
from litestar.handlers import HTTPRouteHandler

from kernel.auth import public
from kernel.deployment import Deployment
from kernel.ids import new_id
from kernel.testing import School, SchoolFactory

Door = tuple[str, str, str]
"""Operation id, method, path."""
SIGN_IN = {
    "auth_accept_invitation", "auth_forgot_password", "auth_login", "auth_logout", "auth_mfa", "auth_oauth_callback",
    "auth_oauth_login", "auth_passkey_sign_in", "auth_passkey_sign_in_options", "auth_providers", "auth_refresh",
    "auth_register", "auth_resend_verification", "auth_reset_password", "auth_verify_email", "settings_public",
}  # fmt: skip
"""Open to all, since nobody can be signed in there yet."""
CATALOGUE = {
    "categories_get", "categories_list", "courses_cover", "courses_get", "courses_list", "courses_reviews",
    "courses_sections",
    "courses_videos", "page_courses", "page_courses_slug", "page_courses_slug_curriculum",
    "page_courses_slug_instructor", "page_courses_slug_reviews", "page_instructors_instructor_id", "sections_get",
    "videos_captions", "videos_get",
}  # fmt: skip
"""Open to all where the tenant shows its catalogue, which it does not unless it says so."""
PAGES = {
    "page_forgot_password", "page_home", "page_invitation", "page_offline", "page_redeem", "page_register",
    "page_reset_password", "page_search", "media_logo",
    "page_sign_in", "page_verify_email", "page_without_script", "portal_file", "portal_manifest", "portal_theme",
    "portal_worker",
}  # fmt: skip
"""Open to all: the school's home, the ways in, and what they load."""
LETS_WAIT = {
    "page_profile_security",
    "auth_mfa_get", "auth_passkey_options", "auth_passkeys_create", "auth_passkeys_delete", "auth_passkeys_list",
    "auth_passkeys_update", "auth_recovery_codes", "auth_totp_begin", "auth_totp_confirm", "auth_totp_remove",
}  # fmt: skip
"""Open to a session that must have a second factor first."""


def doors(deployment: Deployment, wanted: Callable[[HTTPRouteHandler], bool]) -> list[Door]:
    """Return every method of every route that is wanted, with ids that mean nothing in its path."""
    registry = deployment.registry
    groups = [("/api/v1", each) for each in registry.routes.values()]
    groups += [("", each) for each in registry.root_routes.values()]
    return [
        (str(handler.operation_id), method, prefix + _filled(min(handler.paths)))
        for prefix, handlers in groups
        for handler in handlers
        for method in sorted(handler.http_methods - {"HEAD", "OPTIONS"})
        if wanted(handler)
    ]


def _filled(path: str) -> str:
    path = re.sub(r"\{\w+:uuid\}", lambda _: str(new_id()), path)
    return re.sub(r"\{\w+(:\w+)?\}", "something", path)


def is_public(handler: HTTPRouteHandler) -> bool:
    """Whether anybody may come in."""
    return public in (handler.guards or ())


def counts_credentials(handler: HTTPRouteHandler) -> bool:
    """Whether the route looks at who asks."""
    return not handler.opt.get("credential_ignored")


async def outcomes(client: httpx.AsyncClient, host: str, tried: list[Door]) -> dict[str, tuple[int, str]]:
    """Return what each door answered: status and code."""
    found: dict[str, tuple[int, str]] = {}
    for name, method, path in tried:
        answer = await client.request(method, f"http://{host}{path}", json={} if method != "GET" else None)
        is_problem = answer.headers.get("content-type", "") == "application/problem+json"
        found[f"{name} {method}"] = (answer.status_code, answer.json()["code"] if is_problem else "")
    return found


async def test_strangers_are_refused_wherever_it_is_not_written_otherwise(
    deployment: Deployment, school: School
) -> None:
    client = await school.client()
    tried = doors(deployment, lambda handler: handler.operation_id not in SIGN_IN | PAGES)
    found = await outcomes(client, school.host, tried)
    assert len(found) > 50
    assert {name: status for name, status in found.items() if status[0] != 401} == {}


async def test_ended_session_opens_no_door(deployment: Deployment, school: School) -> None:
    admin, person = await school.person("admin"), await school.person("student")
    suspended = await admin.patch(f"/users/{person.id}", json={"status": "suspended"})
    assert suspended.status_code == 200, suspended.text
    tried = doors(deployment, counts_credentials)
    found = await outcomes(person.client, school.host, tried)
    assert len(found) > 50
    # Not even where strangers may come in: who shows a credential is told that it no longer counts.
    assert {name: status for name, status in found.items() if status[0] != 401} == {}


async def test_token_of_another_school_opens_no_door(
    deployment: Deployment, school: School, other_school: School
) -> None:
    foreigner = await other_school.person("admin", is_operator=True)
    tried = doors(deployment, counts_credentials)
    found = await outcomes(foreigner.client, school.host, tried)
    assert {name: status for name, status in found.items() if status[0] != 401} == {}


async def test_session_that_waits_for_a_second_factor_may_only_get_one(
    deployment: Deployment, new_school: SchoolFactory
) -> None:
    school = await new_school(settings={"auth": {"mfa_required_for": ["admin"]}})
    admin = await school.person("admin")
    tried = doors(deployment, lambda handler: counts_credentials(handler) and not is_public(handler))
    found = await outcomes(admin.client, school.host, tried)
    let_in = {name.split()[0] for name, (_, code) in found.items() if code != "kernel.session_restricted"}
    assert let_in == LETS_WAIT


def test_what_is_open_to_all_is_written_down(deployment: Deployment) -> None:
    found = {name for name, _, _ in doors(deployment, is_public)}
    assert found == SIGN_IN | CATALOGUE | PAGES
