"""What a good password is, what no name is, which time zones there are.

The list of common passwords comes from outside, as does what a tenant requires.
"""

import re
import unicodedata
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import product

from msgspec import Struct

from kernel.clock import timezones
from kernel.errors import FieldError, Invalid
from plugins.auth.errors import PasswordRefused
from plugins.auth.settings import PasswordPolicy

PASSWORD_MAX_LENGTH = 128
_FEWEST_OWN_LETTERS = 4
_SHORTEST_WORD_WITHIN = 4
_LOOKALIKES = str.maketrans({"@": "a", "4": "a", "3": "e", "0": "o", "$": "s", "5": "s", "7": "t", "+": "t", "8": "b"})
_AS_I = str.maketrans("1!|", "iii")
_AS_L = str.maketrans("1!|", "lll")
_NO_NAME = re.compile(r"[/@\x00-\x1f\x7f]|www\.", re.IGNORECASE)


class PasswordContext(Struct, frozen=True):
    """What a password must not be made of: words about the person and about the tenant."""

    personal: Sequence[str]
    tenant: Sequence[str]


def words_of(*texts: str) -> list[str]:
    """Return the words of names and addresses, in small letters."""
    return [word for text in texts for word in re.split(r"[\W_]+", text.lower()) if word]


def check_password(
    password: str, policy: PasswordPolicy, context: PasswordContext, common: Container[str], field: str = "password"
) -> None:
    """Refuse a new password that breaks the policy.

    Raises:
        PasswordRefused: With one message for each broken rule, all for the field in which the password stood.
    """
    if len(password) > PASSWORD_MAX_LENGTH:
        # Nothing else is looked at: long input must cost nothing.
        messages = [f"Use at most {PASSWORD_MAX_LENGTH} characters."]
    else:
        messages = [*_composition(password, policy), *_content(password, context, common)]
    if messages:
        raise PasswordRefused(" ".join(messages), errors=[FieldError(field, message) for message in messages])


def _composition(password: str, policy: PasswordPolicy) -> Iterable[str]:
    if len(password) < policy.min_length:
        yield f"Use at least {policy.min_length} characters."
    if policy.require_uppercase and not any(letter.isupper() for letter in password):
        yield "Use at least one capital letter."
    if policy.require_lowercase and not any(letter.islower() for letter in password):
        yield "Use at least one small letter."
    if policy.require_number and not any(letter.isdigit() for letter in password):
        yield "Use at least one digit."
    if policy.require_special and all(letter.isalnum() or letter.isspace() for letter in password):
        yield "Use at least one special character, such as ! or -."


def _content(password: str, context: PasswordContext, common: Container[str]) -> Iterable[str]:
    spellings = _spellings(password)
    if any(spelling in common for spelling in spellings):
        yield "This password is too common."
    if any(_is_within(word, spelling) for word, spelling in product(context.personal, spellings)):
        yield "Do not use your name or your e-mail address."
    if any(_is_little_more_than(context.tenant, spelling) for spelling in spellings):
        yield "Do not use little more than the name of this place."


def _spellings(password: str) -> set[str]:
    """Return the words that a guesser who knows the usual disguises would read in a password."""
    whole = unicodedata.normalize("NFKC", password).lower()
    bare = [re.sub(r"[\W\d_]+$", "", whole), re.sub(r"^[\W\d_]+|[\W\d_]+$", "", whole)]
    read = [text.translate(_LOOKALIKES).translate(one) for text in (whole, *bare) for one in (_AS_I, _AS_L)]
    return {whole, *bare, *read} - {""}


def _is_within(word: str, spelling: str) -> bool:
    return word in spelling if len(word) >= _SHORTEST_WORD_WITHIN else word == spelling


def _is_little_more_than(words: Sequence[str], spelling: str) -> bool:
    """Whether too few letters are left once the words are taken out."""
    rest = spelling
    for word in words:
        if len(word) >= _SHORTEST_WORD_WITHIN:
            rest = rest.replace(word, "")
    return rest != spelling and sum(letter.isalpha() for letter in rest) < _FEWEST_OWN_LETTERS


def check_names(names: Mapping[str, str]) -> None:
    """Refuse names with an address in them: strangers would have us mail it to people whom they do not know.

    Args:
        names: By field.

    Raises:
        Invalid: Names each field.
    """
    wrong = [field for field, name in names.items() if _NO_NAME.search(name)]
    if wrong:
        raise Invalid(errors=[FieldError(field, "Write a name, no address of web or mail.") for field in wrong])


def check_timezone(name: str) -> None:
    """Refuse a time zone that does not exist.

    Raises:
        Invalid: Names the field.
    """
    if name not in timezones():
        raise Invalid(errors=[FieldError("timezone", "There is no such time zone. Write it as Europe/Berlin or UTC.")])


# The first that stands in a User-Agent counts: most browsers name others too, to be taken for them.
_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


def device_of(agent: str) -> str:
    """Return a User-Agent in words, such as `Firefox on Windows`; a program's own name if it is no browser."""
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    browser = next((name for mark, name in _BROWSERS if mark in agent), "") if system else ""
    if browser and system:
        return f"{browser} on {system}"
    program = re.split(r"[/\s]", agent.strip(), maxsplit=1)[0]
    return system or program or "Unknown device"
