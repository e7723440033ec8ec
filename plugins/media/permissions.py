"""What roles may do with files."""

from kernel.auth import Actor, Permission

UPLOAD_VIDEO = Permission("media.video.upload", "Upload videos", {"admin": "any", "instructor": "own"})
UPLOAD_IMAGE = Permission(
    "media.image.upload", "Upload pictures", {"admin": "any", "instructor": "own", "student": "own"}
)
UPLOAD_FILE = Permission("media.file.upload", "Upload documents and sound", {"admin": "any", "instructor": "own"})
UPLOAD_ARCHIVE = Permission(
    "media.archive.upload", "Upload archives for others to unpack", {"admin": "any", "instructor": "own"}
)
VIEW_FILES = Permission(
    "media.library.view", "See uploaded files", {"admin": "any", "instructor": "own", "student": "own"}
)
DELETE_FILES = Permission(
    "media.library.delete",
    "Delete uploaded files that nothing shows",
    {"admin": "any", "instructor": "own", "student": "own"},
)

BY_KIND = {"video": UPLOAD_VIDEO, "image": UPLOAD_IMAGE, "file": UPLOAD_FILE, "archive": UPLOAD_ARCHIVE}
PERMISSIONS = (*BY_KIND.values(), VIEW_FILES, DELETE_FILES)


def may_upload(actor: Actor, kind: str) -> bool:
    """Whether somebody may add files of a kind, by whichever door."""
    return actor.may(BY_KIND[kind])
