"""Registering."""

from typing import Literal

from msgspec import Struct

from kernel.routing import Body
from plugins.auth.schemas.texts import Email, NewPassword, PersonName


class RegisterRequest(Body, frozen=True, kw_only=True):
    """Somebody who wants an account of their own."""

    email: Email
    password: NewPassword
    first_name: PersonName
    last_name: PersonName


class CheckYourMail(Struct, frozen=True):
    """The answer whether or not there is an account; what is mailed, if anything, tells the difference."""

    status: Literal["check_your_mail"] = "check_your_mail"
