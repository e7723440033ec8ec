"""Making and changing accounts: registration, administrators' work, one's own profile."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import UNSET, structs
from sqlalchemy import Executable, bindparam, insert, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import NotFound
from kernel.events import publish
from kernel.tables import normalised
from plugins.auth import passwords, rules
from plugins.auth.actions.standing import change_standing
from plugins.auth.errors import EmailTaken, RegistrationClosed
from plugins.auth.events import RegisteredPerson, UserRegistered
from plugins.auth.passwords import StoredPassword
from plugins.auth.permissions import UPDATE_USER
from plugins.auth.queries import users
from plugins.auth.rules import PasswordContext
from plugins.auth.schemas.registration import RegisterRequest
from plugins.auth.schemas.users import CreateUserRequest, UpdateUserRequest, UserDetails
from plugins.auth.settings import SETTINGS, AuthSettings
from plugins.auth.tables import User, UserProfile

_PRODUCT = "collegium"
_OF_ACCOUNT = frozenset({"role", "status"})
_INSERT_USER = (
    insert_or_skip(User)
    .values(
        email=bindparam("email"),
        password_hash=bindparam("password_hash"),
        password_key_id=bindparam("password_key_id"),
        role=bindparam("role"),
        email_verified=bindparam("email_verified"),
        is_operator=bindparam("is_operator"),
    )
    .on_conflict_do_nothing(index_elements=["tenant_id", "email"])
    .returning(User.id)
)
_INSERT_PROFILE = insert(UserProfile).values(
    user_id=bindparam("user_id"), first_name=bindparam("first_name"), last_name=bindparam("last_name")
)


async def register(db: Db, request: RegisterRequest) -> None:
    """Make a student's account, unless the address is taken: the caller cannot tell, by answer or by time.

    Emits: auth.user.registered

    Raises:
        RegistrationClosed: The tenant takes no registrations.
        PasswordRefused: The password breaks the policy.
    """
    if not db.tenant.setting(SETTINGS, AuthSettings).registration_open:
        raise RegistrationClosed
    await _check_password(db, request.password, request.email, request.first_name, request.last_name)
    stored = await passwords.hash_password(db.deployment, request.password)
    person = RegisteredPerson(normalised(request.email), request.first_name.strip(), request.last_name.strip())
    user_id = await _insert(db, person, stored, role="student", email_verified=False, is_operator=False)
    if user_id is not None:
        await publish(db, UserRegistered(user_id=user_id, personal=person))


async def add_user(db: Db, request: CreateUserRequest, *, is_operator: bool = False) -> UserDetails:
    """Make an account for somebody, whose address the administrator vouches for.

    Needs: auth.user.create

    Raises:
        EmailTaken: Another account has the address.
        PasswordRefused: The password breaks the policy.
    """
    await _check_password(db, request.password, request.email, request.first_name, request.last_name)
    return await users.user_details(db, await create_user(db, **structs.asdict(request), is_operator=is_operator))


async def create_user(
    db: Db, *, email: str, password: str, role: str, first_name: str, last_name: str, is_operator: bool = False
) -> UUID:
    """Make an active account with a verified address and return its id; the caller has judged the password.

    Raises:
        EmailTaken: Another account has the address.
    """
    stored = await passwords.hash_password(db.deployment, password)
    person = RegisteredPerson(normalised(email), first_name.strip(), last_name.strip())
    user_id = await _insert(db, person, stored, role=role, email_verified=True, is_operator=is_operator)
    if user_id is None:
        raise EmailTaken
    return user_id


async def _check_password(db: Db, password: str, email: str, first_name: str, last_name: str) -> None:
    context = PasswordContext(
        personal=rules.words_of(email.partition("@")[0], first_name, last_name),
        tenant=[_PRODUCT, *rules.words_of(db.tenant.name, db.tenant.slug)],
    )
    policy = db.tenant.setting(SETTINGS, AuthSettings).password
    rules.check_password(password, policy, context, await passwords.common_passwords())


async def _insert(
    db: Db, person: RegisteredPerson, stored: StoredPassword, *, role: str, email_verified: bool, is_operator: bool
) -> UUID | None:
    """Return the new account's id; None if the address is taken."""
    user_id: UUID | None = await db.value(
        _INSERT_USER,
        email=person.email,
        password_hash=stored.hash,
        password_key_id=stored.key_id,
        role=role,
        email_verified=email_verified,
        is_operator=is_operator,
    )
    if user_id is not None:
        await db.run(_INSERT_PROFILE, user_id=user_id, first_name=person.first_name, last_name=person.last_name)
    return user_id


async def update_user(db: Db, actor: Actor, user_id: UUID, request: UpdateUserRequest) -> UserDetails:
    """Change a profile, and for administrators role and status, felt at that user's next request.

    Needs: auth.user.update, auth.user.manage
    Emits: auth.sessions.changed

    Raises:
        NotFound: There is no such account, or not for this actor.
        Forbidden: Role and status are for administrators.
        OwnAccount: Nobody changes their own role or status.
        LastAdmin: Nobody could administer the tenant any more.
    """
    if actor.limited_to(UPDATE_USER) not in (None, user_id):
        raise NotFound
    changes = {name: value for name, value in structs.asdict(request).items() if value is not UNSET}
    standing = {name: changes.pop(name) for name in _OF_ACCOUNT & changes.keys()}
    if standing:
        await change_standing(db, actor, user_id, standing)
    if changes:
        await _change_profile(db, user_id, changes)
    return await users.user_details(db, user_id)


async def _change_profile(db: Db, user_id: UUID, changes: Mapping[str, Any]) -> None:
    if "timezone" in changes:
        rules.check_timezone(changes["timezone"])
    names = {"first_name", "last_name"} & changes.keys()
    values = {**changes, **{name: changes[name].strip() for name in names}}
    await db.run(_update_profile(frozenset(values)), of_user=user_id, **values)


@cache
def _update_profile(columns: frozenset[str]) -> Executable:
    changed = update(UserProfile).where(UserProfile.user_id == bindparam("of_user"))
    return changed.values({each: bindparam(each) for each in columns})
