"""`collegium users ...`: the first account of a new tenant, and the way in of whoever has lost their second factor."""

import sys
from argparse import ArgumentParser, Namespace
from getpass import getpass

import msgspec

from kernel.commands import Command
from kernel.db import Db
from kernel.errors import Invalid, NotFound
from kernel.tables import normalised
from plugins.auth.actions import new_accounts, second_factors
from plugins.auth.queries.recipients import recipient_by_email
from plugins.auth.schemas.users import CreateUserRequest


async def create_admin(
    db: Db,
    *,
    email: str,
    password: str,
    first_name: str = "Admin",
    last_name: str = "Account",
    is_operator: bool = False,
) -> str:
    """Make an administrator's account and return the line to print.

    Raises:
        Invalid: A value cannot be stored as it is.
        PasswordRefused: The password breaks the policy.
        EmailTaken: Another account has the address.
    """
    values = {"email": email, "password": password, "first_name": first_name, "last_name": last_name, "role": "admin"}
    try:
        request = msgspec.convert(values, CreateUserRequest)
    except msgspec.ValidationError as error:
        raise Invalid(f"{error}.") from None
    user = await new_accounts.add_user(db, None, request, is_operator=is_operator)
    return f"{user.email} is an administrator of {db.tenant.slug}."


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("--email", required=True)
    parser.add_argument("--first-name", default="Admin")
    parser.add_argument("--last-name", default="Account")
    parser.add_argument("--operator", action="store_true", help="may also look after plugins and tenants")


async def _run(db: Db, options: Namespace) -> str:
    # Never an argument: every user of the machine can read those.
    password = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    return await create_admin(
        db,
        email=options.email,
        password=password,
        first_name=options.first_name,
        last_name=options.last_name,
        is_operator=options.operator,
    )


def _configure_reset(parser: ArgumentParser) -> None:
    parser.add_argument("--email", required=True)


async def _run_reset(db: Db, options: Namespace) -> str:
    account = await recipient_by_email(db, normalised(options.email))
    if account is None:
        raise NotFound(f"{db.tenant.slug} has no account with the address {options.email}.")
    await second_factors.end_second_factors(db, account.id)
    return f"{account.email} signs in without a second factor now; every session of theirs has ended."


COMMANDS = (
    Command(
        "users create-admin",
        "make an administrator; asks for the password, or reads it from standard input",
        _configure,
        _run,
    ),
    Command(
        "users reset-mfa",
        "take every second factor from somebody who has lost them, such as the only administrator",
        _configure_reset,
        _run_reset,
    ),
)
