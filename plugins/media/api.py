"""The door for other plugins: find a file and what was made of it, sign addresses, store one."""

from plugins.media.actions.files import store_file
from plugins.media.errors import FileNotFound
from plugins.media.queries import file_by_id, rendition_bytes, rendition_url, renditions_by_file, signed_url
from plugins.media.schemas import FileKind, FileRef, RenditionRef, SignedUrl

__all__ = [
    "FileKind",
    "FileNotFound",
    "FileRef",
    "RenditionRef",
    "SignedUrl",
    "file_by_id",
    "rendition_bytes",
    "rendition_url",
    "renditions_by_file",
    "signed_url",
    "store_file",
]
