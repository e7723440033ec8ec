"""The signed address of an object: who may read it, until when, and as what.

An address is bound to a session: whoever serves it also checks that the request carries that session's credential, so
a copied address opens nothing. Whether a person may see the object is decided when it is signed, by the plugin.
"""

import re
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import msgspec

from kernel.errors import Forbidden
from kernel.keys import Keyring
from kernel.storage.disposition import Disposition, check_content_type, safe_filename
from kernel.storage.objects import check_key, is_key

MEDIA_PATH = "/media/"

_PARAMETERS = {
    "e": re.compile(r"[0-9]{1,10}"),  # expiry, in seconds since 1970
    "u": re.compile(r"[0-9a-f]{32}"),  # user
    "s": re.compile(r"[0-9a-f]{32}"),  # session
    "t": re.compile(r".+"),  # content type
    "d": re.compile(r"[ia]"),  # inline or attachment
    "n": re.compile(r".*"),  # file name
    "signature": re.compile(r"[0-9a-f]{8}\.[0-9a-f]{64}"),
}
_DISPOSITIONS: dict[str, Disposition] = {"i": "inline", "a": "attachment"}
_METHOD = "GET"  # which also allows HEAD


class MediaUrlInvalid(Forbidden):
    """The address was not signed by us for this tenant, or was changed."""

    code = "kernel.media_url_invalid"
    title = "This address is not valid."


class MediaUrlExpired(Forbidden):
    """The address is ours and its time is over."""

    code = "kernel.media_url_expired"
    title = "This address has expired. Open the page again."


class MediaGrant(msgspec.Struct, frozen=True, kw_only=True):
    """What a signed address allows: this session of this user to read this object, shown as said."""

    tenant_id: UUID
    user_id: UUID
    session_id: UUID
    key: str
    expires_at: datetime
    content_type: str
    disposition: Disposition
    filename: str


def sign_media_url(
    keyring: Keyring,
    *,
    tenant_id: UUID,
    user_id: UUID,
    session_id: UUID,
    key: str,
    expires_at: datetime,
    content_type: str,
    filename: str | None = None,
    disposition: Disposition = "inline",
) -> str:
    """Return the path and query under which the session may read the object.

    Raises:
        ValueError: The key is another tenant's or no key, or the content type is none.
    """
    if check_key(key) != str(tenant_id):
        raise ValueError(f"{key!r} does not belong to tenant {tenant_id}.")
    grant = MediaGrant(
        tenant_id=tenant_id,
        user_id=user_id,
        session_id=session_id,
        key=key,
        expires_at=expires_at,
        content_type=check_content_type(content_type),
        disposition=disposition,
        filename=safe_filename(filename or ""),
    )
    kid, mac = keyring.mac("media", _signed(grant))
    query = {
        "e": int(expires_at.timestamp()),
        "u": user_id.hex,
        "s": session_id.hex,
        "t": content_type,
        "d": disposition[0],
        "n": grant.filename,
        "signature": f"{kid}.{mac.hex()}",
    }
    return f"{MEDIA_PATH}{key}?{urlencode(query)}"


def verify_media_url(keyring: Keyring, *, key: str, query: str, tenant_id: UUID, now: datetime) -> MediaGrant:
    """Return what the address allows; the caller still compares user and session with the request's credential.

    Args:
        keyring: The live keys.
        key: The path behind `/media/`.
        query: The query string as it came, without the question mark.
        tenant_id: The tenant whose host the request came to.
        now: The present moment.

    Raises:
        MediaUrlInvalid: Anything in it differs from what was signed.
        MediaUrlExpired: It was signed for a time that is over.
    """
    grant, kid, signature = _claims(query, key, tenant_id)
    if not keyring.verify("media", kid, _signed(grant), signature):
        raise MediaUrlInvalid
    if grant.expires_at <= now:
        raise MediaUrlExpired
    return grant


def _signed(grant: MediaGrant) -> bytes:
    expires_s = int(grant.expires_at.timestamp())
    return msgspec.json.encode(
        (
            _METHOD,
            grant.tenant_id,
            grant.user_id,
            grant.session_id,
            grant.key,
            expires_s,
            grant.content_type,
            grant.disposition,
            grant.filename,
        )
    )


def _claims(query: str, key: str, tenant_id: UUID) -> tuple[MediaGrant, str, bytes]:
    """Read what the address says, signed or not; only the one way in which `sign_media_url` writes it is read."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=7)
    except ValueError:
        raise MediaUrlInvalid from None
    values = dict(pairs)
    if [name for name, _ in pairs] != list(_PARAMETERS) or not is_key(key) or not key.startswith(f"{tenant_id}/"):
        raise MediaUrlInvalid
    if any(_PARAMETERS[name].fullmatch(value) is None for name, value in pairs):
        raise MediaUrlInvalid
    kid, _, mac = values["signature"].partition(".")
    grant = MediaGrant(
        tenant_id=tenant_id,
        user_id=UUID(hex=values["u"]),
        session_id=UUID(hex=values["s"]),
        key=key,
        expires_at=datetime.fromtimestamp(int(values["e"]), UTC),
        content_type=values["t"],
        disposition=_DISPOSITIONS[values["d"]],
        filename=values["n"],
    )
    return grant, kid, bytes.fromhex(mac)
