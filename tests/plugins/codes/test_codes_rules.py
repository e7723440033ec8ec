"""What a code looks like, who may redeem it, which terms fit together: all without a database."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.errors import DomainError
from plugins.codes import rules
from plugins.codes.errors import CodeExpired, CodeInactive, CodePaused, TermsInvalid

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOON = NOW + timedelta(minutes=1)
JUST_BEFORE = NOW - timedelta(minutes=1)

codes = st.text(alphabet=rules.CHARSET, min_size=12, max_size=12)
separators = st.text(alphabet=" -\t\n\u00a0\u2011\u2013\u2014\u2212", max_size=3)


@st.composite
def typed_codes(draw: st.DrawFn) -> tuple[str, str]:
    """A code, and the same as a person may type it."""
    code = draw(codes)
    parts = [draw(separators)]
    for letter in code:
        parts += [draw(st.sampled_from((letter, letter.lower()))), draw(separators)]
    return code, "".join(parts)


def test_charset_is_the_documents_32_letters() -> None:
    assert rules.CHARSET == "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    assert len(set(rules.CHARSET)) == 32


def test_new_code_is_twelve_letters_of_the_set_and_each_letter_comes_up() -> None:
    made = [rules.new_code() for _ in range(500)]

    assert {len(code) for code in made} == {12}
    assert set("".join(made)) == set(rules.CHARSET)
    assert len(set(made)) == 500


def test_display_groups_by_four() -> None:
    assert rules.display("ABCDEFGH2345") == "ABCD-EFGH-2345"


@settings(deadline=None)
@given(typed_codes())
def test_normalise_reads_any_case_spaces_and_dashes(typed: tuple[str, str]) -> None:
    code, text = typed

    assert rules.normalise(text) == code


@settings(deadline=None)
@given(codes)
def test_normalise_reads_what_display_prints(code: str) -> None:
    assert rules.normalise(rules.display(code)) == code


def test_normalise_reads_what_a_page_of_the_other_direction_puts_around_it() -> None:
    assert rules.normalise("\u202aABCD-\u200bEFGH\u00ad-2345\u202c\ufeff") == "ABCDEFGH2345"


@settings(deadline=None)
@given(st.text(max_size=40))
def test_normalise_gives_a_code_or_none_for_any_text(text: str) -> None:
    code = rules.normalise(text)

    assert code is None or (len(code) == 12 and set(code) <= set(rules.CHARSET) and rules.normalise(code) == code)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ABCD-EFGH-234",
        "ABCD-EFGH-23456",
        "ABCD-EFGH-234O",
        "ABCD-EFGH-2340",
        "ABCD-EFGH-234I",
        "ABCD-EFGH-2341",
        "ABCD_EFGH_2345",
        "ABCDEFGH23\u00df",  # upper() would make it SS, and so twelve letters
        "\uff21BCDEFGH2345",  # a full-width A
    ],
)
def test_normalise_takes_nothing_else_for_a_code(text: str) -> None:
    assert rules.normalise(text) is None


@pytest.mark.parametrize(
    ("is_active", "expires_at", "paused_until", "refusal"),
    [
        (True, None, None, None),
        (True, SOON, JUST_BEFORE, None),
        (False, None, None, CodeInactive),
        (False, JUST_BEFORE, SOON, CodeInactive),
        (True, JUST_BEFORE, None, CodeExpired),
        (True, NOW, None, CodeExpired),
        (True, None, SOON, CodePaused),
        (True, None, NOW, None),
    ],
)
def test_check_open_refuses_by_state(
    is_active: bool, expires_at: datetime | None, paused_until: datetime | None, refusal: type[DomainError] | None
) -> None:
    raised: type[BaseException] | None = None
    try:
        rules.check_open(is_active=is_active, expires_at=expires_at, paused_until=paused_until, now=NOW)
    except DomainError as error:
        raised = type(error)

    assert raised is refusal


@pytest.mark.parametrize(
    ("email", "emails", "domains", "expected"),
    [
        ("ada@example.com", [], [], True),
        ("ada@example.com", ["ada@example.com"], [], True),
        ("ada@example.com", ["bob@example.com"], [], False),
        ("ada@example.com", [], ["example.com"], True),
        ("ada@mail.example.com", [], ["example.com"], False),
        ("ada@badexample.com", [], ["example.com"], False),
        ("ada@example.com", ["bob@example.org"], ["example.com"], True),
    ],
)
def test_is_addressed_to_compares_whole_addresses_and_whole_domains(
    email: str, emails: list[str], domains: list[str], expected: bool
) -> None:
    assert rules.is_addressed_to(email, emails=emails, domains=domains) is expected


@pytest.mark.parametrize(
    ("type_", "max_uses", "expected"),
    [("single_use", None, 1), ("multi_use", 20, 20), ("unlimited", None, None)],
)
def test_most_uses_by_type(type_: str, max_uses: int | None, expected: int | None) -> None:
    assert rules.most_uses(type_, max_uses) == expected


@pytest.mark.parametrize(("type_", "max_uses"), [("single_use", 1), ("multi_use", None), ("unlimited", 5)])
def test_most_uses_refuses_a_maximum_that_does_not_fit_the_type(type_: str, max_uses: int | None) -> None:
    with pytest.raises(TermsInvalid) as refusal:
        rules.most_uses(type_, max_uses)

    assert [error.field for error in refusal.value.errors] == ["max_uses"]


@pytest.mark.parametrize("expires_at", [None, SOON, NOW + timedelta(days=36_500)])
def test_check_expiry_takes_the_next_hundred_years(expires_at: datetime | None) -> None:
    rules.check_expiry(expires_at, NOW)


@pytest.mark.parametrize(
    "expires_at",
    [
        NOW,
        JUST_BEFORE,
        NOW + timedelta(days=36_501),
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=23))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=23))),
    ],
)
def test_check_expiry_refuses_the_past_and_the_far_future(expires_at: datetime) -> None:
    with pytest.raises(TermsInvalid) as refusal:
        rules.check_expiry(expires_at, NOW)

    assert [error.field for error in refusal.value.errors] == ["expires_at"]
