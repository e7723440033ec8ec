"""The door for other plugins: find a file, sign its address, store one."""

from plugins.media.actions.files import store_file
from plugins.media.errors import FileNotFound
from plugins.media.queries import file_by_id, signed_url
from plugins.media.schemas import FileKind, FileRef, SignedUrl

__all__ = ["FileKind", "FileNotFound", "FileRef", "SignedUrl", "file_by_id", "signed_url", "store_file"]
