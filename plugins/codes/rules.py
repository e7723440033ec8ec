"""Decides what a code looks like and whom it serves, from plain values.

How codes are stored, found and counted stands in `actions`.
"""

import secrets
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from kernel.errors import FieldError
from plugins.codes.errors import CodeExpired, CodeInactive, CodePaused, TermsInvalid

CHARSET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LENGTH: Final = 12
LONGEST_VALIDITY: Final = timedelta(days=100 * 365)

_GROUP = 4
# ASCII alone counts: `str.upper` would make letters of our set out of others, such as SS out of a sharp s.
_READ = {ord(letter): letter for letter in CHARSET} | {ord(letter.lower()): letter for letter in CHARSET}
_SEPARATORS = "-\u2010\u2011\u2012\u2013\u2014\u2212"


def new_code() -> str:
    """Return a random code of 60 bits, without its dashes. Source: product document 5.3.2."""
    return "".join(secrets.choice(CHARSET) for _ in range(LENGTH))


def normalise(text: str) -> str | None:
    """Return the code that a person typed, in any case, with any spaces and dashes; None if no code reads so.

    What nobody sees counts no more than a space: texts copied from pages and documents bring marks of direction along.
    """
    letters = [_READ.get(ord(each)) for each in text if not _is_between(each)]
    if len(letters) != LENGTH or None in letters:
        return None
    return "".join(letter for letter in letters if letter)


def _is_between(letter: str) -> bool:
    return letter.isspace() or letter in _SEPARATORS or unicodedata.category(letter) == "Cf"


def display(code: str) -> str:
    """Return the code in groups, as it is printed: XXXX-XXXX-XXXX."""
    return "-".join(code[start : start + _GROUP] for start in range(0, LENGTH, _GROUP))


def check_open(*, is_active: bool, expires_at: datetime | None, paused_until: datetime | None, now: datetime) -> None:
    """Refuse a code that nobody can redeem at this moment.

    Raises:
        CodeInactive: It was switched off.
        CodeExpired: Its time is over.
        CodePaused: It rests after an attack.
    """
    if not is_active:
        raise CodeInactive
    if expires_at is not None and expires_at <= now:
        raise CodeExpired
    if paused_until is not None and paused_until > now:
        raise CodePaused


def is_addressed_to(email: str, *, emails: Sequence[str], domains: Sequence[str]) -> bool:
    """Whether an address is among those that a code is bound to; a domain does not include its subdomains.

    Args:
        email: The user's address; all three in the form in which addresses are stored.
        emails: Whole addresses.
        domains: What stands behind the @.
    """
    if not emails and not domains:
        return True
    return email in emails or email.rpartition("@")[2] in domains


def most_uses(type_: str, max_uses: int | None) -> int | None:
    """Return how often a code of this type can be redeemed; None for without end.

    Raises:
        TermsInvalid: A maximum is missing where the type needs one, or given where it has none.
    """
    if max_uses is not None:
        check_takes_maximum(type_)
        return max_uses
    if type_ == "multi_use":
        raise TermsInvalid(errors=[FieldError("max_uses", "A code of the type multi_use needs a maximum.")])
    return 1 if type_ == "single_use" else None


def check_takes_maximum(type_: str) -> None:
    """Refuse a maximum for a code whose type says how often it can be used.

    Raises:
        TermsInvalid: The type is not multi_use.
    """
    if type_ != "multi_use":
        raise TermsInvalid(errors=[FieldError("max_uses", "Only codes of the type multi_use take a maximum.")])


def check_expiry(expires_at: datetime | None, now: datetime) -> None:
    """Refuse an expiry that has passed, or that no calendar needs.

    Raises:
        TermsInvalid: It is not in the next hundred years.
    """
    if expires_at is not None and not now < expires_at <= now + LONGEST_VALIDITY:
        raise TermsInvalid(errors=[FieldError("expires_at", "This must be in the future, at most 100 years ahead.")])
