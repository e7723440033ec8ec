"""Why an upload or a file is refused."""

from kernel.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge


class FileNotFound(NotFound):
    """No file of this tenant, or of this owner, has this id."""

    code = "media.file_not_found"
    title = "There is no such file."


class FileInUse(Conflict):
    """Something shows the file; what, is named by kind alone."""

    code = "media.file_in_use"
    title = "This file is in use."


class UsesUnknown(Conflict):
    """Plugins that may be using files cannot be asked."""

    code = "media.uses_unknown"
    title = "Nobody can tell right now whether this file is in use."


class FileNotAccepted(Invalid):
    """The content is nothing that is taken, whatever its name says."""

    status = 415
    code = "media.file_not_accepted"
    title = "Send a PDF, an Office or OpenDocument file, text, ZIP, EPUB, or sound as MP3, M4A, OGG or WAV."


class NotAPicture(FileNotAccepted):
    """The content is no picture, a damaged one, or one of too many pixels."""

    code = "media.not_a_picture"
    title = "Send a picture as JPEG, PNG, GIF or WebP."


class NotAVideo(FileNotAccepted):
    """The content is no video that browsers play, whatever its name says."""

    code = "media.not_a_video"
    title = "Send a video as MP4, WebM, MOV or MKV."


class NotAnArchive(FileNotAccepted):
    """The content is no archive, or one that would do harm unpacked."""

    code = "media.not_an_archive"
    title = "Send a ZIP archive."


class ArchiveDamaged(Invalid):
    """An entry of an archive is not what its list says."""

    code = "media.archive_damaged"
    title = "This archive is damaged."


class QuotaExceeded(TooLarge):
    """Whoever sends the file would have uploaded more than the tenant allows a person."""

    code = "media.quota_exceeded"
    title = "There is no room left for your uploads."


class UploadAborted(Invalid):
    """The upload ended before the file did."""

    code = "media.upload_aborted"
    title = "The upload was not completed. Nothing of it was kept."


class AddressOfAnother(Forbidden):
    """The signed address was made for another session."""

    code = "media.address_of_another"
    title = "This address was made for somebody else, or for an earlier sign-in. Open the page again."


class MayNotWatch(Forbidden):
    """Whoever holds the address of a key may not watch the video any more."""

    code = "media.may_not_watch"
    title = "You may not watch this video any more."


class ForeignPage(Forbidden):
    """A page of another site asks for a playlist or a key."""

    code = "media.foreign_page"
    title = "Videos play on our own pages alone."


class CaptionsInvalid(Invalid):
    """What was sent is neither WebVTT nor SubRip."""

    code = "media.captions_invalid"
    title = "Send captions as WebVTT or SubRip, in UTF-8."


class CaptionsNotFound(NotFound):
    """The video has no captions in this language."""

    code = "media.captions_not_found"
    title = "There are no captions in this language."


class UploadNotFound(NotFound):
    """There is no such resumable upload of this person, or it has expired."""

    code = "media.upload_not_found"
    title = "There is no such upload. Begin anew."


class UploadBusy(Conflict):
    """Another request is sending the same upload."""

    status = 423
    code = "media.upload_busy"
    title = "Another request is sending this upload. Try again in a moment."


class OffsetMismatch(Conflict):
    """The bytes that were sent are not those that come next."""

    code = "media.offset_mismatch"
    title = "The upload does not stand there. Ask how far it is."


class TooManyUploads(Conflict):
    """Too many uploads wait for their rest."""

    code = "media.too_many_uploads"
    title = "Too many of your uploads are not complete. Complete or cancel some."


class TusVersion(Invalid):
    """The client speaks another version of the protocol."""

    status = 412
    code = "media.tus_version"
    title = "Only tus 1.0.0 is understood."
