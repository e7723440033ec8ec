"""The door for other plugins: tell what uses files, find, sign, store, pack and unpack them, show videos."""

from plugins.media.actions.archives import ToPack, archive_entries, entry_bytes, packed
from plugins.media.actions.captions import delete_captions, put_captions
from plugins.media.actions.files import store_file
from plugins.media.actions.removal import remove_files
from plugins.media.errors import ArchiveDamaged, CaptionsNotFound, FileNotFound
from plugins.media.file_uses import FileUse
from plugins.media.logo import LOGO_PATH, logo_bytes
from plugins.media.permissions import may_upload
from plugins.media.playback import caption_texts, captions_of, video_duration, video_playback
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
from plugins.media.rules.captions import MOST_CHARACTERS as MOST_CAPTION_CHARACTERS
from plugins.media.schemas import (
    CaptionRef,
    CaptionText,
    CaptionTrack,
    FileKind,
    FileRef,
    Playback,
    RenditionRef,
    SignedUrl,
)
from plugins.media.settings import most_bytes, shows_watermark
from plugins.media.showing import VideoShow
from plugins.media.video_files import VideoFile, poster_url, video_files

__all__ = [
    "LOGO_PATH",
    "MOST_CAPTION_CHARACTERS",
    "ArchiveDamaged",
    "CaptionRef",
    "CaptionText",
    "CaptionTrack",
    "CaptionsNotFound",
    "Entry",
    "FileKind",
    "FileNotFound",
    "FileRef",
    "FileUse",
    "Playback",
    "RenditionRef",
    "SignedUrl",
    "ToPack",
    "VideoFile",
    "VideoShow",
    "archive_entries",
    "caption_texts",
    "captions_of",
    "delete_captions",
    "entry_bytes",
    "file_by_id",
    "file_to_use",
    "files_by_id",
    "logo_bytes",
    "may_upload",
    "most_bytes",
    "packed",
    "poster_url",
    "put_captions",
    "remove_files",
    "rendition_bytes",
    "rendition_url",
    "renditions_by_file",
    "shows_watermark",
    "signed_url",
    "store_file",
    "video_duration",
    "video_files",
    "video_playback",
]
