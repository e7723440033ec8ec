"""Keys: one per purpose and secret, rotation, and refusal of what was changed."""

import hashlib
import hmac
from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.keys import PURPOSES, DecryptionFailed, Keyring, Tampered, UnknownKey

OLD = "old-secret-0123456789-0123456789-abcdef"
NEW = "new-secret-0123456789-0123456789-abcdef"


def hkdf_sha256(secret: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 by hand, so that a changed derivation (which would lose every stored code) is seen."""
    extracted = hmac.digest(b"collegium/1", secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")[:length]


def test_derive_is_hkdf_of_each_secret_newest_first() -> None:
    derived = Keyring([NEW, OLD]).derive("media")

    assert [(key.kid, key.key) for key in derived] == [
        (hkdf_sha256(secret.encode(), b"kid", 4).hex(), hkdf_sha256(secret.encode(), b"purpose/media", 32))
        for secret in (NEW, OLD)
    ]


def test_every_purpose_and_secret_has_its_own_key() -> None:
    keyring = Keyring([NEW, OLD])

    assert len({key.key for purpose in PURPOSES for key in keyring.derive(purpose)}) == 2 * len(PURPOSES)


def test_plugin_has_purposes_of_its_own_by_a_dotted_name() -> None:
    keyring = Keyring([NEW, OLD])
    sealed = keyring.encrypt("polls.remark", b"text", b"context")

    assert keyring.decrypt("polls.remark", sealed, b"context") == b"text"
    with pytest.raises(Tampered):
        keyring.decrypt("polls.note", sealed, b"context")
    with pytest.raises(
        ValueError, match="there is no purpose 'medai'; that of a plugin begins with its name and a dot"
    ):
        keyring.derive("medai")


def test_kid_is_stable_and_names_the_secret_not_the_position() -> None:
    alone = Keyring([OLD]).newest_kid
    rotated = Keyring([NEW, OLD])

    assert [key.kid for key in rotated.derive("jwt")] == [rotated.newest_kid, alone]
    assert len(alone) == 8
    assert int(alone, 16) >= 0


def test_a_derived_key_is_not_printed() -> None:
    derived = Keyring([NEW]).derive("jwt")[0]

    assert repr(derived) == f"DerivedKey(kid='{derived.kid}')"


@pytest.mark.parametrize(
    ("secrets", "message"),
    [
        ([], "COLLEGIUM_SECRET_KEYS holds no key. Give at least one, of 32 random characters or more."),
        (
            [NEW, "x" * 31],
            "Key 2 of COLLEGIUM_SECRET_KEYS has 31 characters. It needs at least 32 random ones.",
        ),
        ([NEW, OLD, NEW], "COLLEGIUM_SECRET_KEYS holds the same key twice. Remove one of them."),
    ],
)
def test_keyring_refuses_unfit_secrets(secrets: list[str], message: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the message is compared whole
        Keyring(secrets)

    assert str(refusal.value) == message


def test_keyring_takes_a_secret_of_32_characters() -> None:
    assert len(Keyring(["x" * 32]).derive("jwt")) == 1


def test_mac_is_hmac_sha256_under_the_newest_key() -> None:
    keyring = Keyring([NEW, OLD])
    newest = keyring.derive("csrf")[0]

    assert keyring.mac("csrf", b"data") == (newest.kid, hmac.new(newest.key, b"data", hashlib.sha256).digest())


def test_macs_find_what_an_older_key_wrote() -> None:
    before = Keyring([OLD])
    after = Keyring([NEW, OLD])

    assert after.macs("code-lookup", b"CODE") == [
        after.mac("code-lookup", b"CODE"),
        before.mac("code-lookup", b"CODE"),
    ]


def test_verify_accepts_live_keys_and_nothing_else() -> None:
    before = Keyring([OLD])
    kid, mac = before.mac("media", b"data")
    rotated = Keyring([NEW, OLD])

    assert rotated.verify("media", kid, b"data", mac) is True
    assert rotated.verify("media", rotated.newest_kid, b"data", mac) is False
    assert rotated.verify("csrf", kid, b"data", mac) is False
    assert rotated.verify("media", kid, b"date", mac) is False
    assert rotated.verify("media", kid, b"data", mac[:-1]) is False
    assert rotated.verify("media", "00000000", b"data", mac) is False
    assert Keyring([NEW]).verify("media", kid, b"data", mac) is False


@given(plaintext=st.binary(max_size=200), aad=st.binary(max_size=50))
def test_decrypt_returns_what_encrypt_was_given(plaintext: bytes, aad: bytes) -> None:
    token = Keyring([OLD]).encrypt("code-display", plaintext, aad)

    assert Keyring([NEW, OLD]).decrypt("code-display", token, aad) == plaintext


def test_encrypt_uses_the_newest_key_and_a_new_nonce() -> None:
    keyring = Keyring([NEW, OLD])
    first, second = (keyring.encrypt("totp", b"seed", b"row") for _ in range(2))

    assert first != second
    assert [token.partition(".")[0] for token in (first, second)] == [keyring.newest_kid] * 2


def test_decrypt_names_a_removed_key() -> None:
    token = Keyring([OLD]).encrypt("totp", b"seed", b"row")

    with pytest.raises(UnknownKey) as refusal:
        Keyring([NEW]).decrypt("totp", token, b"row")

    assert str(refusal.value) == f"No live key has the id {token[:8]!r}, which encrypted this value."


def test_decrypt_refuses_another_purpose_and_another_context() -> None:
    keyring = Keyring([NEW])
    token = keyring.encrypt("totp", b"seed", b"row 1")

    with pytest.raises(Tampered):
        keyring.decrypt("code-display", token, b"row 1")
    with pytest.raises(Tampered):
        keyring.decrypt("totp", token, b"row 2")


@given(position=st.integers(min_value=0), replacement=st.characters())
def test_decrypt_refuses_a_changed_character(position: int, replacement: str) -> None:
    keyring = Keyring([NEW])
    token = keyring.encrypt("totp", b"a seed of some length", b"row")
    position %= len(token)
    if token[position] == replacement:
        return
    with pytest.raises(DecryptionFailed):
        keyring.decrypt("totp", token[:position] + replacement + token[position + 1 :], b"row")


@pytest.mark.parametrize("body", ["", "A", "AAAA", "A" * 20])
def test_decrypt_refuses_a_shortened_value(body: str) -> None:
    keyring = Keyring([NEW])

    with pytest.raises(Tampered):
        keyring.decrypt("totp", f"{keyring.newest_kid}.{body}", b"row")


def test_decrypt_refuses_another_spelling_of_the_same_bytes() -> None:
    keyring = Keyring([NEW])
    kid, _, body = keyring.encrypt("totp", b"seed", b"row").partition(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet[alphabet.index(body[-2]) + 1]  # its two lowest bits are not used
    other = f"{body[:-2]}{last}="
    assert urlsafe_b64decode(other) == urlsafe_b64decode(body)

    with pytest.raises(Tampered):
        keyring.decrypt("totp", f"{kid}.{other}", b"row")
