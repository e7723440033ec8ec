"""One's own account."""

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from kernel.auth import Actor, signed_in
from kernel.db import Db
from kernel.replicas import reads_only
from kernel.routing import limited
from plugins.auth.actions import addresses, erasure
from plugins.auth.actions.preferences import choose
from plugins.auth.queries import users
from plugins.auth.queries.preferences import preferences
from plugins.auth.schemas.erasure import DeleteOwnAccountRequest, ErasureStarted
from plugins.auth.schemas.passwords import ChangeEmailRequest
from plugins.auth.schemas.preferences import Preferences, UpdatePreferencesRequest
from plugins.auth.schemas.registration import CheckYourMail
from plugins.auth.schemas.users import UserDetails


@get("/users/me", guards=[signed_in], opt=reads_only(), operation_id="users_me")
async def read_me(db: Db, actor: Actor) -> UserDetails:
    """Return one's own account."""
    return await users.user_details(db, actor.id)


@delete("/users/me", guards=[signed_in], opt=limited("login"), status_code=202, operation_id="users_delete_me")
async def delete_me(db: Db, actor: Actor, data: JSONBody[DeleteOwnAccountRequest]) -> ErasureStarted:
    """Close one's own account for good, the password asked again; what is kept about its owner is erased."""
    return ErasureStarted(await erasure.delete_own_account(db, actor, data.password))


@post("/users/me/email", guards=[signed_in], opt=limited("login"), status_code=202, operation_id="users_change_email")
async def change_email(db: Db, actor: Actor, data: JSONBody[ChangeEmailRequest]) -> CheckYourMail:
    """Ask for another address; it is the account's once the link that is mailed there is opened."""
    await addresses.request_address(db, actor, data.email, data.password)
    return CheckYourMail()


@get("/users/me/preferences", guards=[signed_in], opt=reads_only(), operation_id="users_preferences")
async def read_preferences(db: Db, actor: Actor) -> Preferences:
    """Return how one sees the school: language, time zone, light or dark."""
    return await preferences(db, actor.id)


@patch("/users/me/preferences", guards=[signed_in], operation_id="users_choose_preferences")
async def choose_preferences(db: Db, actor: Actor, data: JSONBody[UpdatePreferencesRequest]) -> Preferences:
    """Choose language, time zone, light or dark; mails come in that language too."""
    return await choose(db, actor, data)


HANDLERS: tuple[HTTPRouteHandler, ...] = (read_me, change_email, read_preferences, choose_preferences, delete_me)
