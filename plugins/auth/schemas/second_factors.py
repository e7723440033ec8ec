"""Second factors: setting up, using, switching off."""

from typing import Annotated

from msgspec import Meta, Struct

from kernel.routing import Body
from plugins.auth.schemas.sessions import SecondFactor

Code = Annotated[str, Meta(min_length=6, max_length=20)]
TypedPassword = Annotated[str, Meta(max_length=128)]


class PasswordAgain(Body, frozen=True):
    """The password once more; absent for an account that has none and has just signed in."""

    password: TypedPassword | None = None


class RemoveTotpRequest(PasswordAgain, frozen=True):
    """The password once more and, if the client likes, a code."""

    code: Code | None = None


class ConfirmTotpRequest(Body, frozen=True):
    """The first code of the authenticator app."""

    code: Code


class SecondStepRequest(Body, frozen=True, kw_only=True):
    """The token of the first step, and a code of the app or a recovery code.

    A browser that came from a provider has the token as a cookie, and leaves it out.
    """

    mfa_token: Annotated[str, Meta(max_length=2048)] | None = None
    code: Code


class SecondFactors(Struct, frozen=True, kw_only=True):
    """What is on for one's own account."""

    totp: bool
    passkeys: int
    recovery_codes_left: int
    recovery_codes_low: bool
    required: bool
    methods: tuple[SecondFactor, ...]


class TotpEnrolment(Struct, frozen=True, kw_only=True):
    """What an authenticator app needs; shown once."""

    secret: str
    otpauth_uri: str
    qr_svg: str


class RecoveryCodes(Struct, frozen=True, kw_only=True):
    """Codes that stand in for the second factor, each once; shown this one time.

    Empty if the account had some already.
    """

    recovery_codes: list[str]
