"""The accounts of the demonstration; their password is known to everyone, and the demo serves on loopback only."""

from msgspec import Struct, structs

from kernel.auth import Actor
from kernel.db import Db
from kernel.demo import DemoStep
from plugins.auth.actions import files, new_accounts
from plugins.auth.permissions import Role
from plugins.auth.queries import lookups
from plugins.auth.queries.files import kept_student_file
from plugins.auth.schemas.files import UpdateFileRequest, UpdateInstructorRequest

PASSWORD = "Collegium-demo-1!"  # noqa: S105 - known to everyone


class _Person(Struct, frozen=True):
    email: str
    role: Role
    first_name: str
    last_name: str
    is_operator: bool = False


_PEOPLE = (
    _Person("admin@example.com", "admin", "Amina", "Farouk", is_operator=True),
    _Person("instructor@example.com", "instructor", "Jonas", "Lindqvist"),
    _Person("student@example.com", "student", "Sami", "Aziz"),
    _Person("mei.tanaka@example.com", "instructor", "Mei", "Tanaka"),
    _Person("carlos.rivera@example.com", "instructor", "Carlos", "Rivera"),
    _Person("lena.hoffmann@example.com", "student", "Lena", "Hoffmann"),
    _Person("kwame.mensah@example.com", "student", "Kwame", "Mensah"),
    _Person("priya.nair@example.com", "student", "Priya", "Nair"),
    _Person("olga.petrova@example.com", "student", "Olga", "Petrova"),
    _Person("yusuf.demir@example.com", "student", "Yusuf", "Demir"),
)

_WORK = UpdateInstructorRequest(
    specialization="Python and data", qualification="Engineer, teacher since 2014", experience_years=12
)
_EDUCATION = (("student@example.com", "Upper secondary"), ("lena.hoffmann@example.com", "Bachelor"))


async def make_accounts(db: Db) -> None:
    """Make the accounts that are not there yet."""
    existing = await lookups.user_ids_by_email(db, [person.email for person in _PEOPLE])
    for person in _PEOPLE:
        if person.email not in existing:
            await new_accounts.create_user(db, password=PASSWORD, **structs.asdict(person))


async def keep_files(db: Db) -> None:
    """Let an instructor tell about their work and assign them two students, unless that was done before."""
    ids = await lookups.user_ids_by_email(db, [person.email for person in _PEOPLE])
    if await kept_student_file(db, ids["student@example.com"]) is not None:
        return
    admin = Actor(db.tenant_id, ids["admin@example.com"], "admin", grants=db.tenant.grants("admin"))
    instructor = ids["instructor@example.com"]
    await files.update_instructor(db, admin, instructor, _WORK)
    for email, education_level in _EDUCATION:
        kept = UpdateFileRequest(education_level=education_level, assigned_instructor=instructor)
        await files.update_file(db, admin, ids[email], kept)


STEPS = (DemoStep("auth.accounts", make_accounts), DemoStep("auth.files", keep_files))
