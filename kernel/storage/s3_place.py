"""Where a bucket is and who may use it, read from the setting `storage_url`. Nothing here asks the server."""

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

FORM = "s3://key:secret@host:port/bucket?region=us-east-1"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_FLAGS = {"0": False, "1": True}


@dataclass(frozen=True, slots=True)
class S3Place:
    """A bucket, its server and our credentials.

    Args:
        endpoint: Host and port.
        secure: Whether it speaks https.
        create: Whether `prepare` makes the bucket if it is not there.
        public_url: Scheme, host and port by which browsers reach the server, if not the same.
    """

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"
    secure: bool = True
    create: bool = False
    public_url: str = ""

    @property
    def origin(self) -> str:
        """Scheme, host and port by which browsers reach the server."""
        return self.public_url or f"{'https' if self.secure else 'http'}://{self.endpoint}"


def s3_place(url: str, *, public_url: str = "") -> S3Place:
    """Return what an address of the form `s3://key:secret@host:port/bucket?region=...&secure=0&create=1` says.

    Raises:
        ValueError: It has another form; neither it nor a part of it is repeated, for it holds a secret.
    """
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        place = S3Place(
            endpoint=_endpoint(parts),
            bucket=parts.path.strip("/"),
            access_key=unquote(parts.username or ""),
            secret_key=unquote(parts.password or ""),
            region=options.pop("region", "us-east-1"),
            secure=_FLAGS[options.pop("secure", "1")],
            create=_FLAGS[options.pop("create", "0")],
            public_url=public_url.rstrip("/"),
        )
        whole = place.access_key and place.secret_key and not options and not parts.fragment
        if not whole or not _BUCKET.fullmatch(place.bucket) or not _REGION.fullmatch(place.region):
            raise ValueError
    except (ValueError, KeyError):
        raise ValueError(
            f"COLLEGIUM_STORAGE_URL is not of the form {FORM}, with secure=0 for http and create=1 to make the bucket. "
            "Write @, / and : within key or secret as %40, %2F, %3A."
        ) from None
    return place


def _endpoint(parts: SplitResult) -> str:
    if not parts.hostname:
        raise ValueError
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return host if parts.port is None else f"{host}:{parts.port}"
