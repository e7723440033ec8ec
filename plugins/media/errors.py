"""Why an upload or a file is refused."""

from kernel.errors import Forbidden, Invalid, NotFound, TooLarge


class FileNotFound(NotFound):
    """No file of this tenant, or of this owner, has this id."""

    code = "media.file_not_found"
    title = "There is no such file."


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
