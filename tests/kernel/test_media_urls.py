"""Signed addresses: what was signed is read back whole, and any change to it opens nothing."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.keys import Keyring
from kernel.storage import MediaGrant, MediaUrlExpired, MediaUrlInvalid, sign_media_url, verify_media_url
from kernel.storage.disposition import content_disposition, safe_filename, shown_disposition

TENANT = UUID("0199c0de-0000-7000-8000-000000000001")
OTHER_TENANT = UUID("0199c0de-0000-7000-8000-000000000002")
USER = UUID("0199c0de-0000-7000-8000-000000000003")
SESSION = UUID("0199c0de-0000-7000-8000-000000000004")
KEY = f"{TENANT}/0199c0de-0000-7000-8000-000000000005.mp4"
NOW = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
IN_4_H = NOW + timedelta(hours=4)

OLD = "old-secret-0123456789-0123456789-abcdef"
NEW = "new-secret-0123456789-0123456789-abcdef"
KEYRING = Keyring([NEW, OLD])


def signed(keyring: Keyring = KEYRING, *, filename: str | None = None, key: str = KEY) -> tuple[str, str]:
    """Return key and query of a signed address."""
    url = sign_media_url(
        keyring,
        tenant_id=TENANT,
        user_id=USER,
        session_id=SESSION,
        key=key,
        expires_at=IN_4_H,
        content_type="video/mp4",
        filename=filename,
        disposition="attachment",
    )
    path, _, query = url.partition("?")
    return path.removeprefix("/media/"), query


def verified(key: str, query: str, *, now: datetime = NOW, tenant_id: UUID = TENANT) -> MediaGrant:
    return verify_media_url(KEYRING, key=key, query=query, tenant_id=tenant_id, now=now)


def test_an_address_is_a_short_relative_path() -> None:
    url = sign_media_url(
        KEYRING,
        tenant_id=TENANT,
        user_id=USER,
        session_id=SESSION,
        key=KEY,
        expires_at=IN_4_H,
        content_type="video/mp4",
    )

    assert url.startswith(
        f"/media/{KEY}?e={int(IN_4_H.timestamp())}&u={USER.hex}&s={SESSION.hex}&t=video%2Fmp4&d=i&n=&signature="
    )
    assert len(url) < 350


@given(filename=st.text(max_size=300))
def test_verify_returns_what_was_signed(filename: str) -> None:
    assert verified(*signed(filename=filename)) == MediaGrant(
        tenant_id=TENANT,
        user_id=USER,
        session_id=SESSION,
        key=KEY,
        expires_at=IN_4_H.replace(microsecond=0),
        content_type="video/mp4",
        disposition="attachment",
        filename=safe_filename(filename),
    )


def test_an_address_signed_under_an_older_key_still_opens() -> None:
    assert verified(*signed(Keyring([OLD]))).key == KEY


def test_an_address_signed_under_a_removed_key_does_not() -> None:
    with pytest.raises(MediaUrlInvalid):
        verified(*signed(Keyring(["removed-secret-0123456789-0123456789"])))


def test_an_address_expires_at_its_second() -> None:
    key, query = signed()
    end = IN_4_H.replace(microsecond=0)

    assert verified(key, query, now=end - timedelta(microseconds=1)).expires_at == end
    with pytest.raises(MediaUrlExpired) as refusal:
        verified(key, query, now=end)
    assert (refusal.value.status, refusal.value.code) == (403, "kernel.media_url_expired")


def test_an_expired_address_that_we_did_not_sign_is_invalid_not_expired() -> None:
    key, query = signed()

    with pytest.raises(MediaUrlInvalid):
        verified(key, query.replace(f"e={int(IN_4_H.timestamp())}", "e=1"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("e", str(int(IN_4_H.timestamp()) + 1)),
        ("e", "9" * 11),
        ("e", "-1"),
        ("e", ""),
        ("u", OTHER_TENANT.hex),
        ("u", str(USER)),
        ("u", ""),
        ("s", USER.hex),
        ("s", SESSION.hex.upper().replace("C", "c")),
        ("t", "text/html"),
        ("t", ""),
        ("d", "i"),
        ("d", "inline"),
        ("n", "other.mp4"),
        ("n", "a\nb"),
        ("signature", ""),
        ("signature", f"{KEYRING.newest_kid}.{'0' * 64}"),
        ("signature", f"00000000.{'0' * 64}"),
        ("signature", "\N{SNOWMAN}"),
    ],
)
def test_a_changed_parameter_is_invalid(name: str, value: str) -> None:
    key, query = signed()
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    assert parameters[name] != value

    with pytest.raises(MediaUrlInvalid) as refusal:
        verified(key, urlencode(parameters | {name: value}))
    assert (refusal.value.status, refusal.value.code) == (403, "kernel.media_url_invalid")


@pytest.mark.parametrize("query", ["", "x", "signature=", "%FF", "e=%FF", "&" * 100, "=".join("abc")])
def test_a_query_of_another_form_is_invalid(query: str) -> None:
    with pytest.raises(MediaUrlInvalid):
        verified(KEY, query)


def test_parameters_are_there_once_in_one_order() -> None:
    key, query = signed()
    pairs = query.split("&")
    others = [
        query + "&e=1",
        query + "&x=1",
        "&".join(reversed(pairs)),
        "&".join(pairs[1:]),
        "&".join([*pairs, pairs[0]]),
    ]

    for other in others:
        with pytest.raises(MediaUrlInvalid):
            verified(key, other)


@given(position=st.integers(min_value=0), replacement=st.characters(min_codepoint=33, max_codepoint=126))
def test_any_changed_character_is_invalid(position: int, replacement: str) -> None:
    key, query = signed(filename="lesson one.mp4")
    address = f"{key}?{query}"
    position %= len(address)
    changed = address[:position] + replacement + address[position + 1 :]
    other_key, _, other_query = changed.partition("?")
    if other_key == key and parse_qsl(other_query) == parse_qsl(query):  # such as %2F and %2f, or + and %20
        return

    with pytest.raises(MediaUrlInvalid):
        verified(other_key, other_query)


def test_an_address_opens_no_other_object_and_no_other_tenant() -> None:
    key, query = signed()

    for other in (KEY.replace("05.mp4", "06.mp4"), KEY.removesuffix(".mp4"), f"{key}/", f"../{key}", ""):
        with pytest.raises(MediaUrlInvalid):
            verified(other, query)
    with pytest.raises(MediaUrlInvalid):
        verified(key, query, tenant_id=OTHER_TENANT)
    with pytest.raises(MediaUrlInvalid):
        verified(key.replace(str(TENANT), str(OTHER_TENANT)), query, tenant_id=OTHER_TENANT)


def test_sign_refuses_another_tenants_key_and_what_is_no_type() -> None:
    with pytest.raises(ValueError, match="does not belong to tenant"):
        signed(key=KEY.replace(str(TENANT), str(OTHER_TENANT)))
    with pytest.raises(ValueError, match="is not a storage key"):
        signed(key="../secret")
    with pytest.raises(ValueError, match="is not a content type"):
        sign_media_url(
            KEYRING,
            tenant_id=TENANT,
            user_id=USER,
            session_id=SESSION,
            key=KEY,
            expires_at=IN_4_H,
            content_type="text/html\r\nX-Header: 1",
        )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, "attachment"),
        ("", "attachment"),
        ("\r\n", "attachment"),
        ("lesson.mp4", 'attachment; filename="lesson.mp4"'),
        ("lesson one.mp4", 'attachment; filename="lesson one.mp4"'),
        ('a"b\\c.txt', "attachment; filename=\"a_b_c.txt\"; filename*=UTF-8''a%22b_c.txt"),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ("été.pdf", "attachment; filename=\"ete.pdf\"; filename*=UTF-8''%C3%A9t%C3%A9.pdf"),
        (
            "درس.mp4",
            "attachment; filename=\"download.mp4\"; filename*=UTF-8''%D8%AF%D8%B1%D8%B3.mp4",
        ),
        ("درس", "attachment; filename=\"download\"; filename*=UTF-8''%D8%AF%D8%B1%D8%B3"),
        ("a\r\nSet-Cookie: x=1.txt", 'attachment; filename="aSet-Cookie: x=1.txt"'),
        ("../../etc/passwd", "attachment; filename=\"download._etc_passwd\"; filename*=UTF-8''_.._etc_passwd"),
        ("\u202e4pm.exe", 'attachment; filename="4pm.exe"'),
    ],
)
def test_content_disposition_is_one_line_with_both_names(name: str | None, expected: str) -> None:
    assert content_disposition("attachment", name) == expected


@given(name=st.text(max_size=400))
def test_any_name_gives_a_header_in_printable_ascii(name: str) -> None:
    value = content_disposition("inline", name)

    assert value.isascii()
    assert value.isprintable()
    assert len(safe_filename(name)) <= 200
    assert safe_filename(safe_filename(name)) == safe_filename(name)


def test_a_long_name_keeps_its_ending() -> None:
    assert safe_filename("x" * 300 + ".mp4") == "x" * 196 + ".mp4"


@pytest.mark.parametrize(
    ("content_type", "shown"),
    [
        ("video/mp4", "inline"),
        ("image/png", "inline"),
        ("application/pdf", "inline"),
        ("image/svg+xml", "attachment"),
        ("text/html", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("application/octet-stream", "attachment"),
    ],
)
def test_only_what_a_browser_does_not_run_is_shown_in_place(content_type: str, shown: str) -> None:
    assert shown_disposition("inline", content_type) == shown
    assert shown_disposition("attachment", content_type) == "attachment"
