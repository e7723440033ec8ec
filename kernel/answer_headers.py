"""The headers that stand on every answer: the document's, as the deployment has changed them."""

from collections.abc import Mapping, Sequence

from kernel.settings import Settings

Header = tuple[bytes, bytes]

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "frame-src https://www.youtube-nocookie.com"
)
_DEFAULTS: Mapping[str, str] = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-xss-protection": "1; mode=block",
    "referrer-policy": "strict-origin-when-cross-origin",
    "content-security-policy": CONTENT_SECURITY_POLICY,
}


def standing_headers(settings: Settings | None = None, media_origin: str = "") -> Sequence[Header]:
    """Return the headers for answers that do not have them already; names in small letters.

    Args:
        settings: The deployment's.
        media_origin: Where the storage sends browsers for files, so that pages may load them from there.
    """
    chosen = dict(_DEFAULTS)
    if settings is not None:
        origins = [*settings.media_hosts, *([media_origin] if media_origin else [])]
        if origins:
            hosts = " ".join(dict.fromkeys(origins))
            sources = (f"{kind}-src 'self' {hosts}" for kind in ("img", "media", "connect"))
            chosen["content-security-policy"] = "; ".join([CONTENT_SECURITY_POLICY, *sources])
        for line in settings.security_headers:
            name, _, value = line.partition(":")
            chosen[name.strip().lower()] = value.strip()
    return [(name.encode(), value.encode()) for name, value in chosen.items() if value]
