"""Which files courses show or are about to show, so that media deletes none of them."""

from sqlalchemy import select

from plugins.courses.tables import Course, CourseMaterial, CourseVideo, ImportedFile
from plugins.media.api import FileUse

FILE_USES = (
    FileUse(name="courses.cover", title="Cover of a course", files=select(Course.cover_file_id)),
    FileUse(name="courses.video", title="Video of a course", files=select(CourseVideo.file_id)),
    FileUse(name="courses.material", title="Material of a course", files=select(CourseMaterial.file_id)),
    FileUse(name="courses.import", title="File of a course that is being imported", files=select(ImportedFile.file_id)),
)
