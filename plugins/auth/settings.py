"""What a tenant decides about signing in and registering."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from kernel.settings import SettingsSpec


class PasswordPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """Which characters a new password needs; that common and personal ones are refused is not for choice."""

    min_length: Annotated[int, Meta(ge=8, le=64)] = 8
    require_uppercase: bool = True
    require_lowercase: bool = True
    require_number: bool = True
    require_special: bool = True


class AuthSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The category `auth`."""

    registration_open: bool = True
    require_verified_email: bool = False
    password: PasswordPolicy = PasswordPolicy()
    mfa_required_for: tuple[Literal["admin", "instructor", "student"], ...] = ()
    """Roles that need a second factor; without one their sessions can do nothing but set it up."""


SETTINGS = SettingsSpec("auth", AuthSettings, "Sign-in and registration")
