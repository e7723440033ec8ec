"""What roles may do with files."""

from kernel.auth import Permission

UPLOAD_VIDEO = Permission("media.video.upload", "Upload videos", {"admin": "any", "instructor": "own"})

PERMISSIONS = (UPLOAD_VIDEO,)
