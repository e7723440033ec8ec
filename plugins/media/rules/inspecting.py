"""Looks at a file while it passes by: its beginning says what it may be, the rest and its end must bear that out."""

from codecs import getincrementaldecoder
from typing import Final

from kernel.errors import FieldError
from plugins.media.errors import FileNotAccepted, NotAnArchive, NotAPicture, NotAVideo
from plugins.media.rules import archives, pictures, sounds, videos
from plugins.media.rules.archives import TAIL_BYTES, ZIP, archive_type, is_zip
from plugins.media.rules.pictures import is_picture
from plugins.media.rules.sounds import sound_type
from plugins.media.rules.texts import TEXT, is_markup, is_text
from plugins.media.rules.videos import video_type
from plugins.media.schemas import FileKind

HEAD_BYTES: Final = 4096
"""So many bytes from the start are enough to tell."""
PDF: Final = "application/pdf"
_EXTENSIONS: Final = {
    **videos.EXTENSIONS,
    **pictures.EXTENSIONS,
    **sounds.EXTENSIONS,
    **archives.EXTENSIONS,
    PDF: "pdf",
    TEXT: "txt",
}


class Inspection:
    """What is known of a file so far; this one has its type from its beginning alone."""

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type

    def pass_by(self, chunk: bytes) -> None:
        """Look at the next bytes, the first ones included.

        Raises:
            FileNotAccepted: They cannot be there.
        """

    def end(self) -> str:
        """Return the content type, now that all bytes have passed by.

        Raises:
            FileNotAccepted: It is not what it seemed to be.
        """
        return self.content_type


class _TextInspection(Inspection):
    def __init__(self) -> None:
        super().__init__(TEXT)
        self._decoder = getincrementaldecoder("utf-8")()

    def pass_by(self, chunk: bytes) -> None:
        if not is_text(chunk):
            raise refusal("file")
        self._decode(chunk)

    def end(self) -> str:
        self._decode(b"", final=True)
        return self.content_type

    def _decode(self, chunk: bytes, *, final: bool = False) -> None:
        try:
            self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            raise refusal("file", "Text must be UTF-8.") from None


class _ArchiveInspection(Inspection):
    def __init__(self, head: bytes, kind: FileKind) -> None:
        super().__init__(ZIP)
        self._kind = kind
        self._head = head
        self._tail = bytearray()

    def pass_by(self, chunk: bytes) -> None:
        self._tail += chunk
        if len(self._tail) > 2 * TAIL_BYTES:
            del self._tail[:-TAIL_BYTES]

    def end(self) -> str:
        content_type = archive_type(self._head, bytes(self._tail[-TAIL_BYTES:]))
        if content_type is None:
            message = "The archive is damaged, has macros or links, or would grow out of all proportion."
            raise refusal(self._kind, message)
        return content_type if self._kind == "file" else ZIP


def inspection(kind: FileKind, head: bytes) -> Inspection:
    """Return what will look at a file of this kind.

    Args:
        kind: What it is uploaded as; of an image what has been drawn anew.
        head: Its first bytes, `HEAD_BYTES` of them if it has so many.

    Raises:
        NotAVideo: It is none.
        NotAPicture: It is none.
        FileNotAccepted: It is nothing that is taken.
    """
    if kind == "file":
        return _file_inspection(head)
    if kind == "archive" and is_zip(head):
        return _ArchiveInspection(head, kind)
    if kind == "video" and (content_type := video_type(head)):
        return Inspection(content_type)
    if kind == "image" and is_picture(head):
        return Inspection("")
    raise refusal(kind)


def _file_inspection(head: bytes) -> Inspection:
    if head.startswith(b"%PDF-"):
        return Inspection(PDF)
    if is_zip(head):
        return _ArchiveInspection(head, "file")
    if content_type := sound_type(head):
        return Inspection(content_type)
    if is_markup(head):
        raise refusal("file", "HTML, SVG and other XML are not accepted.")
    if head and is_text(head):
        return _TextInspection()
    raise refusal("file")


def refusal(kind: FileKind, detail: str | None = None) -> FileNotAccepted:
    """Return what is said of content that is not of this kind."""
    error = {"video": NotAVideo, "image": NotAPicture, "file": FileNotAccepted, "archive": NotAnArchive}[kind]
    return error(detail, errors=[FieldError("file", detail or error.title)])


def extension(content_type: str) -> str:
    """Return the extension of a storage key, and of a name that has none."""
    return _EXTENSIONS[content_type]


def is_extension(text: str) -> bool:
    """Say whether a storage key of ours may end so."""
    return text in _EXTENSIONS.values()
