"""The blocking calls to an S3 server: one upload, one download, housekeeping, and what the server may answer.

`kernel.storage.s3` makes all of them in threads. A cancelled request leaves its thread running, so `S3Writing` and
`S3Reading` hold a lock while they work, and giving one up is right at any moment. The client library offers uploads of
unknown length only by a thread for as long as the sender takes; so the parts are handed over here one by one, by its
calls that carry an underscore.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from io import BytesIO
from itertools import islice
from threading import Lock
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError  # nosec B405

import structlog
import urllib3
from minio import Minio
from minio.commonconfig import ENABLED, Filter
from minio.datatypes import Part
from minio.error import MinioException, S3Error
from minio.lifecycleconfig import AbortIncompleteMultipartUpload, LifecycleConfig, Rule
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from kernel.ids import new_id
from kernel.storage.objects import ObjectDamaged, ObjectNotFound, StorageFull, StorageUnavailable
from kernel.storage.s3_place import S3Place

log = structlog.get_logger(__name__)

CONNECT_S = 3
ANSWER_S = 30
_NO_ROOM = {
    "InsufficientStorage",
    "QuotaExceeded",
    "SlowDownWrite",
    "XMinioStorageFull",
    "XMinioAdminBucketQuotaExceeded",
}
_ABSENT = {"NoSuchKey", "NoSuchVersion"}
_PROBE = bytes(64)


class BucketUnusable(StorageUnavailable):
    """The bucket will not work as it is set up; the detail says why."""


class Bucket:
    """A bucket and the client that reaches it; safe to use from several threads."""

    def __init__(self, place: S3Place, connections: int) -> None:
        self.name = place.bucket
        self._place = place
        self._pool = urllib3.PoolManager(
            maxsize=connections,
            timeout=urllib3.Timeout(connect=CONNECT_S, read=ANSWER_S),
            # What only reads or may be said twice is said again; the end of an upload is not.
            retries=urllib3.Retry(total=2, backoff_factor=0.1, status_forcelist=(500, 502, 503, 504), redirect=False),
        )
        self.client = _client(place, self._pool)
        scheme, _, host = place.origin.partition("://")
        self._for_browsers = Minio(
            host,
            place.access_key,
            place.secret_key,
            secure=scheme == "https",
            region=place.region,
            http_client=self._pool,
        )

    def prepare(self, abandoned_before: datetime) -> None:
        """Make sure that the bucket is there, and remove uploads that began before that and never ended.

        Raises:
            BucketUnusable: It is not there, or the server refuses us.
            StorageUnavailable: The server is away.
        """
        try:
            self.ensure()
            self._clear_up(abandoned_before)
        except StorageUnavailable as error:
            if isinstance(error.__cause__, S3Error):
                raise BucketUnusable(
                    f"The S3 server refuses the bucket {self.name!r}: {error.__cause__.code}."
                ) from None
            raise

    def _clear_up(self, abandoned_before: datetime) -> None:
        with s3_errors():
            for upload in self.client._list_multipart_uploads(self.name).uploads:
                if upload.initiated_time is None or upload.initiated_time < abandoned_before:
                    with suppress(S3Error):  # another process clears up too
                        self.client._abort_multipart_upload(self.name, upload.object_name, upload.upload_id or "")

    def ensure(self) -> None:
        """Make sure that the bucket is there."""
        with s3_errors():
            if not self.client.bucket_exists(self.name):
                self._create()

    def _create(self) -> None:
        if not self._place.create:
            raise BucketUnusable(f"The bucket {self.name!r} does not exist; with create=1 it would be made.")
        try:
            self.client.make_bucket(self.name, self._place.region)
        except S3Error as error:
            if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):  # another process was faster
                raise
        rule = Rule(
            ENABLED,
            rule_filter=Filter(prefix=""),
            rule_id="collegium-uploads",
            abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload(days_after_initiation=2),
        )
        with suppress(MinioException):  # not every server knows this; `prepare` clears up too
            self.client.set_bucket_lifecycle(self.name, LifecycleConfig([rule]))

    def probe(self) -> None:
        """Write a small object and remove it."""
        key = f".probe/{new_id()}"
        with s3_errors():
            self.client.put_object(self.name, key, BytesIO(_PROBE), len(_PROBE))
            self.client.remove_object(self.name, key)

    def stat(self, key: str) -> tuple[int, datetime]:
        """Return size and time of an object."""
        with s3_errors():
            found = self.client.stat_object(self.name, key)
        if found.size is None or found.last_modified is None:
            raise StorageUnavailable
        return found.size, found.last_modified

    def remove(self, key: str) -> None:
        """Remove an object, if it is there."""
        with s3_errors():
            self.client.remove_object(self.name, key)

    def keys(self, prefix: str) -> Iterator[str]:
        """Give the names of all objects below a prefix; asks the server again every thousand."""
        for found in self.client.list_objects(self.name, prefix=prefix, recursive=True):
            yield found.object_name or ""

    def address(self, key: str, lifetime_s: int, method: str, content_type: str, disposition: str) -> str:
        """Return a signed address of an object; computed here, without asking the server."""
        return self._for_browsers.get_presigned_url(
            method,
            self.name,
            key,
            expires=timedelta(seconds=lifetime_s),
            response_headers={
                "response-content-type": content_type,
                "response-content-disposition": disposition,
                "response-cache-control": "private, no-store",
            },
        )

    def origin(self) -> str:
        """Return scheme, host and port of signed addresses; at some servers the bucket is part of the host."""
        parts = urlsplit(self.address("any", 1, "GET", "", ""))
        return f"{parts.scheme}://{parts.netloc}"

    def close(self) -> None:
        """Close every connection."""
        self._pool.clear()


class S3Writing:
    """One upload: parts that become the object by `commit`, or nothing."""

    def __init__(self, bucket: Bucket, key: str, content_type: str) -> None:
        self.sha256 = hashlib.sha256()
        self._bucket = bucket
        self._key = key
        self._content_type = content_type
        self._lock = Lock()
        self._upload_id = ""
        self._parts: list[Part] = []
        self._size_bytes = 0
        self._may_be_there = False
        self._discarded = False

    def write(self, data: bytes) -> None:
        """Hand over a part; every one but the last has at least 5 MiB, as S3 demands."""
        with self._lock, s3_errors():
            self._check_wanted()
            client, bucket = self._bucket.client, self._bucket.name
            if not self._upload_id:
                headers: dict[str, Any] = {"Content-Type": self._content_type}
                self._upload_id = client._create_multipart_upload(bucket, self._key, headers)
            self._count(data)
            number = len(self._parts) + 1
            etag = client._upload_part(bucket, self._key, data, None, self._upload_id, number)
            self._parts.append(Part(number, etag))

    def commit(self, rest: bytes) -> datetime:
        """Make the object appear, with these bytes at its end; return its time."""
        if self._upload_id and rest:
            self.write(rest)
        with self._lock, s3_errors():
            self._check_wanted()
            client, bucket = self._bucket.client, self._bucket.name
            self._may_be_there = True
            if self._upload_id:
                client._complete_multipart_upload(bucket, self._key, self._upload_id, self._parts)
            else:
                self._count(rest)
                client.put_object(bucket, self._key, BytesIO(rest), len(rest), content_type=self._content_type)
        # A server may answer 200 and yet have failed.
        size_bytes, modified_at = self._bucket.stat(self._key)
        if size_bytes != self._size_bytes:
            raise StorageUnavailable
        return modified_at

    def discard(self) -> None:
        """Remove every trace, also of what was committed a moment ago."""
        with self._lock:
            self._discarded = True
            client, bucket = self._bucket.client, self._bucket.name
            try:
                if self._upload_id:
                    with suppress(S3Error):  # a completed one is no upload any more
                        client._abort_multipart_upload(bucket, self._key, self._upload_id)
                if self._may_be_there:
                    client.remove_object(bucket, self._key)
            except (MinioException, HTTPError, OSError) as error:
                # `prepare` and the bucket's own rule find the parts later.
                log.warning("storage.upload_left_behind", key=self._key, reason=type(error).__name__)

    def _check_wanted(self) -> None:
        if self._discarded:
            raise StorageUnavailable("The upload was given up.")

    def _count(self, data: bytes) -> None:
        self.sha256.update(data)
        self._size_bytes += len(data)


class S3Reading:
    """One download; asks for its bytes at the first read."""

    def __init__(self, bucket: Bucket, key: str, start: int, end: int) -> None:
        self._bucket = bucket
        self._key = key
        self._start = start
        self._end = end
        self._lock = Lock()
        self._response: BaseHTTPResponse | None = None
        self._closed = False

    def read(self, size: int) -> bytes:
        """Return the next bytes, `size` of them unless the object ends."""
        try:
            with self._lock, s3_errors():
                if self._response is None:
                    self._response = self._bucket.client.get_object(
                        self._bucket.name, self._key, offset=self._start, length=self._end - self._start
                    )
                    if self._response.status != 206:
                        raise StorageUnavailable
                return self._response.read(size)
        finally:
            if self._closed:
                self.close()

    def close(self) -> None:
        """Hang up, at once or as soon as the read that is under way in another thread has ended."""
        self._closed = True
        if self._lock.acquire(blocking=False):
            try:
                if self._response is not None:
                    # The connection goes back to the pool, closed unless everything was read.
                    self._response.close()
                    self._response.release_conn()
                    self._response = None
            finally:
                self._lock.release()


def next_keys(keys: Iterator[str], most: int) -> list[str]:
    """Return the next names, as many as there are and at most so many."""
    with s3_errors():
        return list(islice(keys, most))


@contextmanager
def s3_errors() -> Iterator[None]:
    """Turn what the server or the way to it refuses into a DomainError."""
    try:
        yield
    except S3Error as error:
        if error.code in _ABSENT:
            raise ObjectNotFound from None
        if error.code == "InvalidRange":
            raise ObjectDamaged from error
        if error.code in _NO_ROOM:
            raise StorageFull from error
        log.warning("storage.refused", code=error.code)
        raise StorageUnavailable from error
    except (MinioException, HTTPError, ParseError, OSError, ValueError) as error:
        log.warning("storage.failed", reason=type(error).__name__)
        raise StorageUnavailable from error


def _client(place: S3Place, pool: urllib3.PoolManager) -> Minio:
    return Minio(
        place.endpoint,
        place.access_key,
        place.secret_key,
        secure=place.secure,
        region=place.region,
        http_client=pool,
    )
