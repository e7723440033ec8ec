"""The door for other plugins: tell what uses files, find, sign, store, pack and unpack them."""

from plugins.media.actions.archives import ToPack, archive_entries, entry_bytes, packed, remove_files
from plugins.media.actions.files import store_file
from plugins.media.errors import ArchiveDamaged, FileNotFound
from plugins.media.file_uses import FileUse
from plugins.media.permissions import may_upload
from plugins.media.queries import (
    file_by_id,
    file_to_use,
    files_by_id,
    rendition_bytes,
    rendition_url,
    renditions_by_file,
    signed_url,
)
from plugins.media.rules.archives import Entry
from plugins.media.schemas import FileKind, FileRef, RenditionRef, SignedUrl
from plugins.media.settings import most_bytes

__all__ = [
    "ArchiveDamaged",
    "Entry",
    "FileKind",
    "FileNotFound",
    "FileRef",
    "FileUse",
    "RenditionRef",
    "SignedUrl",
    "ToPack",
    "archive_entries",
    "entry_bytes",
    "file_by_id",
    "file_to_use",
    "files_by_id",
    "may_upload",
    "most_bytes",
    "packed",
    "remove_files",
    "rendition_bytes",
    "rendition_url",
    "renditions_by_file",
    "signed_url",
    "store_file",
]
