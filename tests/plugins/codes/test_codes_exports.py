"""Codes as documents: what stands in them, for whom, and that somebody made them."""

import csv
import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from anyio import to_process
from PIL import Image
from sqlalchemy import bindparam, delete, select, text

from kernel.db import Db
from kernel.outbound import Answer, OutboundFailed
from kernel.tables import AuditLog
from kernel.testing import FakeClock, Person, SchoolFactory
from plugins.codes import sheets
from plugins.codes.actions import exports, school_logo
from plugins.codes.paper import PaperName
from plugins.codes.sheets import Card, card_sheet
from plugins.courses import api as courses
from plugins.courses.tables import Course
from tests.plugins.codes.conftest import Classroom, ClassroomFactory, make_course, redeem

_LAST_NOTE = (
    select(AuditLog.new_values["format"].astext)
    .where(AuditLog.action == "codes.access_codes.exported")
    .order_by(AuditLog.created_at.desc())
    .limit(1)
)
# What it asks is itself in one.
_IN_TRANSACTION = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
    " AND pid <> pg_backend_pid()"
)
_DELETE_COURSE = delete(Course).where(Course.id == bindparam("course"))


async def rows(person: Person, query: str = "") -> list[dict[str, str]]:
    """Return the rows of an export as CSV."""
    answer = await person.get(f"/access-codes/export{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="access-codes.csv"'
    assert answer.headers["cache-control"] == "private, no-store"
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_table_says_all_about_each_code(classroom: Classroom) -> None:
    until = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)
    code = await classroom.code(max_uses=2, expires_at=until.isoformat(), access_days=30, label="=cmd()")
    video = await classroom.code(video_id=str(classroom.video_id), type="single_use")
    await redeem(await classroom.student(), code)

    first, second = await rows(classroom.instructor)

    assert first == {
        "code": code["code"],
        "state": "used",
        "kind": "course",
        "course": "Tables and chairs",
        "video": "",
        "label": "'=cmd()",
        "type": "multi_use",
        "uses": "1",
        "max_uses": "2",
        "expires_at": until.strftime("%Y-%m-%d %H:%M:%S"),
        "access_days": "30",
        "created_at": first["created_at"],
        "address": classroom.school.tenant.url(f"/redeem#code={code['code']}"),
    }
    assert [second[name] for name in ("code", "kind", "video", "max_uses", "expires_at")] == [
        video["code"], "video", "The saw", "1", "",
    ]  # fmt: skip


async def test_export_is_narrowed_as_the_list_is(classroom: Classroom) -> None:
    batch, other = await classroom.order(count=3), await classroom.order(count=2)
    await classroom.instructor.delete(f"/access-codes/{other['items'][0]['id']}")
    found = await rows(classroom.instructor, f"?batch_id={batch['batch_id']}")
    assert [row["code"] for row in found] == [item["code"] for item in batch["items"]]
    assert len(await rows(classroom.instructor, f"?course_id={classroom.course_id}")) == 5
    assert [row["state"] for row in await rows(classroom.instructor, "?is_active=false")] == ["inactive"]
    assert await rows(await classroom.school.person("instructor")) == []


async def test_state_says_what_a_code_is_good_for(classroom: Classroom, fake_clock: FakeClock) -> None:
    used = await classroom.code(type="single_use")
    await redeem(await classroom.student(), used)
    await classroom.code(expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    assert [row["state"] for row in await rows(classroom.admin)] == ["exhausted", "unused"]
    fake_clock.advance(hours=2)
    admin = await classroom.school.person("admin")
    assert [row["state"] for row in await rows(admin)] == ["exhausted", "expired"]


async def test_every_export_stands_in_the_audit_log(classroom: Classroom) -> None:
    batch = await classroom.order(count=2)
    await rows(classroom.instructor, f"?batch_id={batch['batch_id']}")
    found = (await classroom.admin.get("/audit-logs?action=codes.access_codes.exported")).json()["items"]
    assert [(each["user_id"], each["new_values"]) for each in found] == [
        (str(classroom.instructor.id), {"batch_id": batch["batch_id"], "format": "csv", "count": "2"})
    ]


async def test_book_and_sheet_are_what_they_say(classroom: Classroom) -> None:
    batch = await classroom.order(count=2, label="=1+1")
    book = await classroom.instructor.get("/access-codes/export?format=xlsx")
    assert book.headers["content-disposition"] == 'attachment; filename="access-codes.xlsx"'
    content = zipfile.ZipFile(io.BytesIO(book.content))
    assert batch["items"][0]["code"] in content.read("xl/sharedStrings.xml").decode()
    assert b"<f>" not in content.read("xl/worksheets/sheet1.xml")
    sheet = await classroom.instructor.get("/access-codes/export?format=pdf")
    assert (sheet.headers["content-type"], sheet.content[:5]) == ("application/pdf", b"%PDF-")
    assert (await classroom.instructor.get("/access-codes/export?format=doc")).json()["errors"][0]["field"] == "format"


async def test_more_than_a_document_holds_is_refused(classroom: Classroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MOST_CARDS", 2)
    await classroom.order(count=3)
    answer = await classroom.instructor.get("/access-codes/export?format=pdf")
    assert (answer.status_code, answer.json()["code"]) == (400, "codes.export_too_large")
    assert len(await rows(classroom.instructor)) == 3


async def test_more_than_a_document_holds_comes_in_parts_that_use_does_not_shift(
    classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "MOST_CARDS", 2)
    drawn: list[tuple[list[str], str]] = []

    async def drawing(_draw: object, cards: list[Card], paper: str, _logo: object) -> bytes:
        drawn.append(([card.code for card in cards], paper))
        return b"drawn"

    monkeypatch.setattr(to_process, "run_sync", drawing)
    first, second, third = [item["code"] for item in (await classroom.order(count=3, type="single_use"))["items"]]
    answer = await classroom.instructor.get("/access-codes/export?format=pdf&part=1")
    assert answer.headers["content-disposition"] == 'attachment; filename="access-codes-1.pdf"'
    await redeem(await classroom.student(), {"code": first})
    await classroom.instructor.get("/access-codes/export?format=pdf&part=1&paper=letter")
    await classroom.instructor.get("/access-codes/export?format=pdf&part=2")
    assert drawn == [([first, second], "a4"), ([second], "letter"), ([third], "a4")]
    assert (await classroom.instructor.get("/access-codes/export?format=pdf&paper=a3")).status_code == 400


async def test_export_of_many_costs_as_many_queries_as_of_one(
    classroom: Classroom, query_count: Callable[[], int]
) -> None:
    async def cost() -> int:
        before = query_count()
        await rows(classroom.instructor)
        return query_count() - before

    await classroom.code()
    one = await cost()
    await classroom.order(count=30)
    assert await cost() == one


async def test_no_connection_waits_while_a_document_is_drawn_and_the_log_knows_of_it_by_then(
    classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    await classroom.code()
    seen: list[tuple[str, int]] = []

    async def drawing(*arguments: object) -> bytes:
        async with classroom.school.db() as db:
            seen.append((await db.value(_LAST_NOTE), await db.value(_IN_TRANSACTION)))
        return b"drawn"

    monkeypatch.setattr(to_process, "run_sync", drawing)
    for kind in ("xlsx", "pdf"):
        assert (await classroom.instructor.get(f"/access-codes/export?format={kind}")).content == b"drawn"
    assert seen == [("xlsx", 0), ("pdf", 0)]


async def test_a_course_that_is_deleted_between_the_reads_is_left_out(
    classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await classroom.code()
    course_id, video_id = await make_course(classroom.instructor, "Gone")
    await classroom.order(course_id=str(course_id))
    await classroom.order(video_id=str(video_id))
    read = courses.courses_by_id

    async def without_the_deleted(db: Db, ids: set[UUID]) -> Any:
        async with classroom.school.db() as other:
            await other.run(_DELETE_COURSE, course=course_id)
        return await read(db, ids)

    monkeypatch.setattr(courses, "courses_by_id", without_the_deleted)
    assert [row["code"] for row in await rows(classroom.instructor)] == [kept["code"]]


@pytest.mark.parametrize(
    ("text", "runs_left"),
    [("", False), ("2026, (1)", False), ("Python بالعربية", False), ("«مقدمة في Python»", True), ("3 שיעורים", True)],
)
def test_a_text_runs_as_its_first_letter_does(text: str, *, runs_left: bool) -> None:
    assert sheets.is_right_to_left(text) is runs_left


@pytest.mark.parametrize(
    ("locale", "note"),
    [
        ("en", "Until \u200e2030-01-02, Uses: 2, Days of access: 30"),
        ("ar", "صالح حتى \u200e2030-01-02، عدد الاستخدامات: 2، أيام الوصول: 30"),
    ],
)
async def test_a_card_speaks_the_schools_language_and_names_its_days(
    new_school: SchoolFactory,
    new_classroom: ClassroomFactory,
    monkeypatch: pytest.MonkeyPatch,
    locale: str,
    note: str,
) -> None:
    general = {"name": "Café 7", "locale": locale, "timezone": "Africa/Cairo"}
    classroom = await new_classroom(await new_school(settings={"general": general}))
    code = await classroom.code(max_uses=2, access_days=30, expires_at="2030-01-01T23:00:00Z")
    once, endless = await classroom.code(type="single_use"), await classroom.code(type="unlimited")
    drawn: list[Card] = []

    async def drawing(_draw: object, cards: list[Card], _paper: str, _logo: object) -> bytes:
        drawn.extend(cards)
        return b"drawn"

    monkeypatch.setattr(to_process, "run_sync", drawing)
    assert (await classroom.instructor.get("/access-codes/export?format=pdf")).status_code == 200
    address = classroom.school.tenant.url(f"/redeem#code={code['code']}")
    assert drawn[0] == Card("Café 7", "Tables and chairs", code["code"], address, note)
    assert (drawn[1].code, len(drawn[1].note.split())) == (once["code"], 4 if locale == "en" else 3)
    assert (drawn[2].code, drawn[2].note) == (endless["code"], "")


@pytest.mark.parametrize(("paper", "size"), [("a4", ("595.28", "841.89", 10)), ("letter", ("612.00", "792.00", 8))])
def test_a_page_holds_as_many_cards_as_its_paper_in_any_script(paper: PaperName, size: tuple[str, str, int]) -> None:
    card = Card(
        "مدرسة", "برمجة بايثون " * 20, "LENM-SFA7-ZM7V", "https://school.example/redeem#code=LENM-SFA7-ZM7V", "<b>"
    )
    width, height, most = size
    for count, pages in ((1, 1), (most, 1), (most + 1, 2)):
        sheet = card_sheet([card] * count, paper)
        assert f"/Count {pages}\n".encode() in sheet
        assert f"/MediaBox [0 0 {width} {height}]".encode() in sheet
    assert sheets.MOST_CARDS == 1000


@pytest.mark.parametrize(("size", "count"), [((300, 100), 1), ((30, 100), 1), ((4001, 10), 0)])
def test_a_logo_stands_on_each_card_once_in_the_file_unless_it_is_huge(size: tuple[int, int], count: int) -> None:
    card = Card("School", "Course", "LENM-SFA7-ZM7V", "https://school.example/redeem#code=LENM-SFA7-ZM7V", "")
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, "WEBP")
    assert card_sheet([card] * 3, "a4", file.getvalue()).count(b"/Subtype /Image") == count
    assert b"/Subtype /Image" not in card_sheet([card], "a4", b"<svg xmlns='http://www.w3.org/2000/svg'/>")


async def test_the_logo_of_the_school_is_printed_wherever_it_comes_from_and_missed_by_nobody(
    new_school: SchoolFactory, new_classroom: ClassroomFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def fetched(_deployment: object, url: str) -> Answer:
        asked.append(url)
        if "gone" in url:
            raise OutboundFailed(url)
        return Answer(200, {}, b"picture")

    monkeypatch.setattr(school_logo, "fetch", fetched)
    found = []
    for address in ("https://cdn.example/logo.png", "https://gone.example/logo.png", f"/logo/{UUID(int=7)}", ""):
        classroom = await new_classroom(await new_school(settings={"general": {"logo_url": address}}))
        async with classroom.school.db() as db:
            found.append(await school_logo.school_logo(db))
    assert found == [b"picture", None, None, None]
    assert asked == ["https://cdn.example/logo.png", "https://gone.example/logo.png"]
