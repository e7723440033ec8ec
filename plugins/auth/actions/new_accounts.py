"""Making accounts: registration, administrators' work, and what other ways in need."""

from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import bindparam, insert
from sqlalchemy.dialects.postgresql import insert as insert_or_skip

from kernel.auth import Actor
from kernel.db import Db
from kernel.events import publish
from kernel.tables import normalised
from plugins.auth import passwords, rules
from plugins.auth.actions.invitations import invite
from plugins.auth.actions.new_passwords import hash_new_password
from plugins.auth.actions.standing import check_role_within_reach
from plugins.auth.actions.tries import count_mail
from plugins.auth.errors import EmailTaken, RegistrationClosed
from plugins.auth.events import MailAddress, MailRequested, RegisteredPerson, UserRegistered
from plugins.auth.passwords import StoredPassword
from plugins.auth.queries import users
from plugins.auth.schemas.registration import RegisterRequest
from plugins.auth.schemas.users import CreateUserRequest, UserDetails
from plugins.auth.settings import SETTINGS, AuthSettings
from plugins.auth.tables import User, UserProfile

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


class NewAccount(Struct, frozen=True, kw_only=True):
    """An account to make; its address is normalised when it is."""

    email: str
    first_name: str
    last_name: str
    role: str = "student"
    email_verified: bool = False
    is_operator: bool = False


async def insert_account(db: Db, account: NewAccount, password: StoredPassword | None) -> UUID | None:
    """Make an active account, without a password if there is none, and return its id; None if the address is taken."""
    user_id: UUID | None = await db.value(
        _INSERT_USER,
        email=account.email,
        password_hash=password.hash if password else None,
        password_key_id=password.key_id if password else None,
        role=account.role,
        email_verified=account.email_verified,
        is_operator=account.is_operator,
    )
    if user_id is not None:
        names = {"first_name": account.first_name.strip(), "last_name": account.last_name.strip()}
        await db.run(_INSERT_PROFILE, user_id=user_id, **names)
    return user_id


async def register(db: Db, request: RegisterRequest) -> None:
    """Make a student's account, unless the address is taken: the caller cannot tell, by answer or by time.

    What is mailed tells the difference, and the worker writes it.

    Emits: auth.user.registered, auth.mail.requested

    Raises:
        RegistrationClosed: The tenant takes no registrations.
        Invalid: A name holds an address.
        PasswordRefused: The password breaks the policy.
        RateLimited: Too many mails were asked for this address.
    """
    if not db.tenant.setting(SETTINGS, AuthSettings).registration_open:
        raise RegistrationClosed
    rules.check_names({"first_name": request.first_name, "last_name": request.last_name})
    email = normalised(request.email)
    await count_mail(db, email)
    person = RegisteredPerson(email, request.first_name.strip(), request.last_name.strip())
    stored = await hash_new_password(db, request.password, **structs.asdict(person))
    user_id = await insert_account(db, NewAccount(**structs.asdict(person)), stored)
    if user_id is not None:
        await publish(db, UserRegistered(user_id=user_id, personal=person))
    else:
        await publish(db, MailRequested(reason="registered_again", personal=MailAddress(email)))


async def add_federated(db: Db, person: RegisteredPerson, *, role: str) -> UUID | None:
    """Make an account without a password for an address that a provider has verified; None if it is taken.

    Emits: auth.user.registered
    """
    user_id = await insert_account(db, NewAccount(role=role, email_verified=True, **structs.asdict(person)), None)
    if user_id is not None:
        await publish(db, UserRegistered(user_id=user_id, personal=person))
    return user_id


async def add_user(
    db: Db, actor: Actor | None, request: CreateUserRequest, *, is_operator: bool = False
) -> UserDetails:
    """Make an account for somebody; without a password they are invited by mail to choose one.

    Needs: auth.user.create

    Args:
        db: The transaction.
        actor: Who makes it; None for what operators do from outside of the tenant.
        request: The account.
        is_operator: Whether it works across tenants.

    Raises:
        BeyondOwnRole: The role is above the actor's.
        EmailTaken: Another account has the address.
        PasswordRefused: The password breaks the policy.
    """
    if actor is not None:
        check_role_within_reach(actor.role, request.role)
    account = NewAccount(
        email=normalised(request.email),
        first_name=request.first_name,
        last_name=request.last_name,
        role=request.role,
        # With a password the administrator vouches for the address; else the invitation proves it.
        email_verified=request.password is not None,
        is_operator=is_operator,
    )
    stored = None
    if request.password is not None:
        who = {"email": account.email, "first_name": account.first_name, "last_name": account.last_name}
        stored = await hash_new_password(db, request.password, **who)
    user_id = await insert_account(db, account, stored)
    if user_id is None:
        raise EmailTaken
    if stored is None:
        await invite(db, user_id)
    return await users.user_details(db, user_id)


async def create_user(
    db: Db, *, email: str, password: str, role: str, first_name: str, last_name: str, is_operator: bool = False
) -> UUID:
    """Make an active account with a verified address and return its id; the caller has judged the password.

    Raises:
        EmailTaken: Another account has the address.
    """
    stored = await passwords.hash_password(db, password)
    account = NewAccount(
        email=normalised(email),
        first_name=first_name,
        last_name=last_name,
        role=role,
        email_verified=True,
        is_operator=is_operator,
    )
    user_id = await insert_account(db, account, stored)
    if user_id is None:
        raise EmailTaken
    return user_id
