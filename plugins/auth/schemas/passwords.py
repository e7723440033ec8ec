"""Passwords and addresses by mail, and changing one's own."""

from kernel.routing import Body
from plugins.auth.schemas.texts import Email, MailedToken, NewPassword, TypedPassword


class MailRequest(Body, frozen=True):
    """The address to which a mail should go, if it is an account's."""

    email: Email


class VerifyEmailRequest(Body, frozen=True):
    """What stands behind the `#` of the mailed link."""

    token: MailedToken


class TokenPasswordRequest(Body, frozen=True):
    """What stands behind the `#` of the mailed link, and the password to have."""

    token: MailedToken
    password: NewPassword


class ChangePasswordRequest(Body, frozen=True):
    """The password now, if there is one, and the one to have."""

    new_password: NewPassword
    current_password: TypedPassword | None = None


class ChangeEmailRequest(Body, frozen=True):
    """The address to have, and the password once more, if there is one."""

    email: Email
    password: TypedPassword | None = None
