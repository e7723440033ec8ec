"""The password policy and the time zones."""

import pytest

from kernel.errors import Invalid
from plugins.auth import rules
from plugins.auth.errors import PasswordRefused
from plugins.auth.rules import PasswordContext
from plugins.auth.settings import PasswordPolicy

COMMON = frozenset({"password", "qwerty123", "sunshine", "letmein"})
ANYBODY = PasswordContext(personal=["anna", "bauer", "bo"], tenant=["collegium", "oak", "riverside"])
CAPITAL = "Use at least one capital letter."
SMALL = "Use at least one small letter."
DIGIT = "Use at least one digit."
SPECIAL = "Use at least one special character, such as ! or -."
SHORT = "Use at least 8 characters."
TOO_COMMON = "This password is too common."
PERSONAL = "Do not use your name or your e-mail address."
TENANT = "Do not use little more than the name of this place."
ANY_CHARACTERS = PasswordPolicy(
    require_uppercase=False, require_lowercase=False, require_number=False, require_special=False
)


def refusals(password: str, policy: PasswordPolicy = ANY_CHARACTERS) -> list[str]:
    """Return the messages for a password."""
    try:
        rules.check_password(password, policy, ANYBODY, COMMON)
    except PasswordRefused as error:
        refused = error
    else:
        return []
    assert {error.field for error in refused.errors} == {"password"}
    assert refused.detail == " ".join(error.message for error in refused.errors)
    return [error.message for error in refused.errors]


@pytest.mark.parametrize(
    ("password", "messages"),
    [
        ("Wiese-im-Mai-7", []),
        ("ÄÖÜ-grün-7", []),
        ("wiese-im-mai-7", [CAPITAL]),
        ("WIESE-IM-MAI-7", [SMALL]),
        ("Wiese-im-Mai", [DIGIT]),
        ("WieseImMai7", [SPECIAL]),
        ("Wiese im Mai 7", [SPECIAL]),
        ("Wi-7", [SHORT]),
        ("", [SHORT, CAPITAL, SMALL, DIGIT, SPECIAL]),
    ],
)
def test_password_needs_each_kind_of_character(password: str, messages: list[str]) -> None:
    assert refusals(password, PasswordPolicy()) == messages


def test_tenant_chooses_length_and_characters() -> None:
    assert refusals("wiese im mai") == []
    assert refusals("wiese im mai", PasswordPolicy(min_length=13)) == [
        "Use at least 13 characters.",
        CAPITAL,
        DIGIT,
        SPECIAL,
    ]


def test_password_has_at_most_128_characters_and_nothing_else_is_then_looked_at() -> None:
    assert refusals("x" * 128) == []
    assert refusals("password" * 17) == ["Use at most 128 characters."]


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "PASSWORD",
        "Password1!",
        "P@ssw0rd1!",
        "pa55word!!",
        "Qwerty123",
        "$unshine",
        "!!letmein2024",
        "1etmein!1",
    ],
)
def test_common_password_is_refused_in_every_usual_disguise(password: str) -> None:
    assert refusals(password) == [TOO_COMMON]


@pytest.mark.parametrize("password", ["my-passwords-are-long", "sunshine-over-the-hill", "A-good-Password-1"])
def test_common_word_within_a_longer_password_is_no_common_password(password: str) -> None:
    assert refusals(password) == []


@pytest.mark.parametrize("password", ["xxANNAxx-99", "I-am-@nn4!", "thebauers--1"])
def test_own_name_or_address_is_refused_even_within(password: str) -> None:
    assert refusals(password) == [PERSONAL]


def test_short_name_is_refused_only_as_the_whole() -> None:
    assert refusals("bo1234567890") == [PERSONAL]
    assert refusals("the-robot-sleeps") == []


@pytest.mark.parametrize("password", ["Collegium2024!", "c0lleg1um!!", "riverside-abc", "Collegium-Riverside"])
def test_name_of_the_tenant_with_little_else_is_refused(password: str) -> None:
    assert refusals(password) == [TENANT]


@pytest.mark.parametrize("password", ["Collegium-demo-1!", "soaked-in-oak-1"])
def test_name_of_the_tenant_with_words_of_ones_own_is_accepted(password: str) -> None:
    assert refusals(password) == []


def test_every_broken_rule_is_told_at_once() -> None:
    assert refusals("anna", PasswordPolicy()) == [SHORT, CAPITAL, DIGIT, SPECIAL, PERSONAL]


def test_words_of_names_and_addresses() -> None:
    assert rules.words_of("Anna.Maria_99", "O'Neill", "  ") == ["anna", "maria", "99", "o", "neill"]


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"])
def test_known_time_zone_is_accepted(name: str) -> None:
    rules.check_timezone(name)


@pytest.mark.parametrize("name", ["Mars/Base", "../../etc/passwd", "europe/berlin", ""])
def test_unknown_time_zone_names_the_field(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.check_timezone(name)
    assert [error.field for error in refused.value.errors] == ["timezone"]
