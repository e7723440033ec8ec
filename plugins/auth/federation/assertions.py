"""What a provider said of somebody, whatever names it has for it."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from kernel.tables import normalised
from plugins.auth.settings import ClaimNames, Provider

_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_MOST_OF_SUBJECT = 255
_MOST_OF_EMAIL = 254
_MOST_OF_NAME = 100
_TRUE = (True, "true", "1")
"""Some send texts."""


class Assertion(Struct, frozen=True):
    """Somebody, in the words of one provider."""

    authority: str
    subject: str
    email: str | None
    email_verified: bool
    first_name: str
    last_name: str

    @property
    def verified_email(self) -> str | None:
        """The address, if the provider has verified that it is this person's."""
        return self.email if self.email_verified else None


def assertion_of(provider: Provider, claims: Mapping[str, Any]) -> Assertion | None:
    """Return what a provider's claims say; None if they do not say who it is."""
    names = provider.claims
    subject = _subject(claims.get(names.subject))
    if subject is None:
        return None
    email = _email(claims.get(names.email))
    first_name, last_name = _person(names, claims, email)
    return Assertion(
        authority=provider.authority,
        subject=subject,
        email=email,
        email_verified=claims.get(names.email_verified) in _TRUE,
        first_name=first_name,
        last_name=last_name,
    )


def _subject(value: Any) -> str | None:
    """Return a subject exactly as it is, or not at all: two must never become one."""
    # A number counts, as ids of plain OAuth 2 often are.
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return text if 0 < len(text) <= _MOST_OF_SUBJECT and not _CONTROLS.search(text) else None


def _text(value: Any) -> str:
    """Return a text without what no name has."""
    return _CONTROLS.sub("", value).strip() if isinstance(value, str) else ""


def _email(value: Any) -> str | None:
    text = normalised(_text(value))
    return text if len(text) <= _MOST_OF_EMAIL and _EMAIL.fullmatch(text) else None


def _person(names: ClaimNames, claims: Mapping[str, Any], email: str | None) -> tuple[str, str]:
    """Return first and last name, made of what there is: every account has both."""
    first, last = _text(claims.get(names.first_name)), _text(claims.get(names.last_name))
    if not (first and last):
        whole = _text(claims.get(names.name)) or (email or "").partition("@")[0]
        before, _, after = whole.rpartition(" ")
        first, last = first or before or after, last or after
    return (first or last or "?")[:_MOST_OF_NAME], (last or first or "?")[:_MOST_OF_NAME]
