"""What a refresh token is worth to whoever changes or borrows it."""

import pytest

from kernel.ids import new_id
from kernel.keys import Keyring
from plugins.auth import refresh_tokens

OLD, NEW = "o" * 40, "n" * 40
KEYRING = Keyring([OLD])
TENANT, SESSION = new_id(), new_id()


def test_token_reads_as_it_was_written() -> None:
    secret = refresh_tokens.new_secret()
    token = refresh_tokens.read(KEYRING, TENANT, refresh_tokens.write(KEYRING, TENANT, SESSION, secret))
    assert token is not None
    assert (token.session_id, token.secret, token.key_id) == (SESSION, secret, KEYRING.newest_kid)
    assert token.fingerprint == refresh_tokens.fingerprint(secret)
    assert len(secret) * 8 == 256


@pytest.mark.parametrize(
    "text", ["", ".", "a.b", "a.ä", f"{KEYRING.newest_kid}.", f"{KEYRING.newest_kid}.AAAA", "x" * 500]
)
def test_anything_else_is_no_token(text: str) -> None:
    assert refresh_tokens.read(KEYRING, TENANT, text) is None


def test_token_of_another_tenant_or_with_a_changed_letter_is_no_token() -> None:
    text = refresh_tokens.write(KEYRING, TENANT, SESSION, refresh_tokens.new_secret())
    assert refresh_tokens.read(KEYRING, new_id(), text) is None
    changed = text[:20] + ("A" if text[20] != "A" else "B") + text[21:]
    assert refresh_tokens.read(KEYRING, TENANT, changed) is None


def test_successor_stays_the_same_when_a_key_is_added_and_differs_from_key_to_key() -> None:
    secret = refresh_tokens.new_secret()
    text = refresh_tokens.write(KEYRING, TENANT, SESSION, secret)
    rotated, other = Keyring([NEW, OLD]), Keyring([NEW])
    before = refresh_tokens.read(KEYRING, TENANT, text)
    after = refresh_tokens.read(rotated, TENANT, text)
    assert before is not None
    assert after is not None
    assert refresh_tokens.successor(KEYRING, before) == refresh_tokens.successor(rotated, after)
    assert refresh_tokens.read(other, TENANT, text) is None
    elsewhere = refresh_tokens.read(other, TENANT, refresh_tokens.write(other, TENANT, SESSION, secret))
    assert elsewhere is not None
    assert refresh_tokens.successor(other, elsewhere) != refresh_tokens.successor(KEYRING, before)
