"""Object storage: where files are, who may fetch one by a signed address, and how it is sent.

What a file is for, who owns it and how large it may be is known to plugins alone.
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from kernel.storage.directory import DirectoryStorage
from kernel.storage.disposition import INLINE_TYPES, Disposition, safe_filename
from kernel.storage.media_urls import (
    MEDIA_PATH,
    MediaGrant,
    MediaUrlExpired,
    MediaUrlInvalid,
    sign_media_url,
    verify_media_url,
)
from kernel.storage.objects import (
    ObjectDamaged,
    ObjectNotFound,
    ObjectStat,
    Storage,
    StorageFull,
    StorageUnavailable,
    StoredObject,
)
from kernel.storage.preconditions import PreconditionFailed
from kernel.storage.ranges import ByteRange, RangeNotSatisfiable, parse_range
from kernel.storage.responses import ranged_response
from kernel.storage.s3_place import FORM, s3_place

__all__ = [
    "INLINE_TYPES",
    "MEDIA_PATH",
    "ByteRange",
    "DirectoryStorage",
    "Disposition",
    "MediaGrant",
    "MediaUrlExpired",
    "MediaUrlInvalid",
    "ObjectDamaged",
    "ObjectNotFound",
    "ObjectStat",
    "PreconditionFailed",
    "RangeNotSatisfiable",
    "Storage",
    "StorageFull",
    "StorageUnavailable",
    "StoredObject",
    "parse_range",
    "ranged_response",
    "safe_filename",
    "sign_media_url",
    "storage_from_url",
    "verify_media_url",
]


def storage_from_url(url: str, *, public_url: str = "", redirects: bool = True, proxy_path: str = "") -> Storage:
    """Return the storage that the setting `storage_url` names; `prepare` it before use.

    Args:
        url: A directory (`file:///absolute/directory`) or a bucket (`kernel.storage.s3_place`).
        public_url: By which browsers reach the server of the bucket, if not the same.
        redirects: Whether they are sent there.
        proxy_path: The internal location by which nginx sends the files of the directory.

    Raises:
        ValueError: No storage has such an address; the message says which addresses there are.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3":
        from kernel.storage.s3 import S3Storage  # import: start-up-time

        return S3Storage(s3_place(url, public_url=public_url), redirects=redirects)
    if parts.scheme != "file":
        raise ValueError(
            f"COLLEGIUM_STORAGE_URL begins with {parts.scheme + ':' if parts.scheme else 'no scheme'}, "
            f"which no storage understands. Use file:///absolute/directory or {FORM}."
        )
    path = Path(unquote(parts.path))
    if parts.netloc or parts.query or parts.fragment or not path.is_absolute():
        raise ValueError("COLLEGIUM_STORAGE_URL is not of the form file:///absolute/directory.")
    return DirectoryStorage(path, proxy_path=proxy_path)
