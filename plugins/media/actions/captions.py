"""Keeps what is said in a video, language by language; whoever asks has asked for the right."""

from uuid import UUID

from sqlalchemy import Uuid, bindparam, delete
from sqlalchemy.dialects.postgresql import insert

from kernel.audit import note
from kernel.db import Db
from kernel.errors import FieldError, Invalid
from kernel.ids import new_id
from plugins.media.errors import CaptionsNotFound
from plugins.media.queries import file_by_id
from plugins.media.rules.captions import LANGUAGE, label_of, webvtt
from plugins.media.schemas import CaptionRef
from plugins.media.tables import Caption

_INSERT = insert(Caption).values({name: bindparam(name) for name in ("id", "file_id", "language", "label", "content")})
_PUT = _INSERT.on_conflict_do_update(
    index_elements=["tenant_id", "file_id", "language"],
    set_={"content": _INSERT.excluded.content, "label": _INSERT.excluded.label},
)
_DELETE = delete(Caption).where(
    Caption.file_id == bindparam("file", type_=Uuid), Caption.language == bindparam("language")
)


async def put_captions(db: Db, file_id: UUID, language: str, content: bytes) -> CaptionRef:
    """Keep captions of a video in place of those that it has in this language.

    Args:
        db: The transaction.
        file_id: Of which video.
        language: As BCP 47 writes it, such as `ar` or `pt-BR`.
        content: WebVTT or SubRip, in UTF-8.

    Raises:
        FileNotFound: There is no such video.
        CaptionsInvalid: They cannot be read.
        Invalid: The language is none.
    """
    if LANGUAGE.fullmatch(language) is None:
        raise Invalid(errors=[FieldError("language", "This must be a language such as en, ar or pt-BR.")])
    await file_by_id(db, file_id, kind="video")
    text = webvtt(content)
    await db.run(_PUT, id=new_id(), file_id=file_id, language=language, label=label_of(language), content=text)
    await note(db, "media.captions.put", entity_type="media.files", entity_id=file_id, new={"language": language})
    return CaptionRef(language, label_of(language))


async def delete_captions(db: Db, file_id: UUID, language: str) -> None:
    """Remove the captions in one language.

    Raises:
        CaptionsNotFound: There are none.
    """
    if not await db.run(_DELETE, file=file_id, language=language):
        raise CaptionsNotFound
    await note(db, "media.captions.removed", entity_type="media.files", entity_id=file_id, old={"language": language})
