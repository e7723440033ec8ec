"""The accounts of the demonstration; their password is known to everyone, and the demo serves on loopback only."""

from msgspec import Struct, structs

from kernel.auth import Actor
from kernel.db import Db
from kernel.demo import DemoStep
from plugins.auth.actions import files
from plugins.auth.actions.new_accounts import NewAccount, insert_account
from plugins.auth.passwords import hash_password
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
    _Person("layla.haddad@example.com", "instructor", "Layla", "Haddad"),
    _Person("nadia.osei@example.com", "instructor", "Nadia", "Osei"),
    _Person("lena.hoffmann@example.com", "student", "Lena", "Hoffmann"),
    _Person("kwame.mensah@example.com", "student", "Kwame", "Mensah"),
    _Person("priya.nair@example.com", "student", "Priya", "Nair"),
    _Person("olga.petrova@example.com", "student", "Olga", "Petrova"),
    _Person("yusuf.demir@example.com", "student", "Yusuf", "Demir"),
    _Person("aisha.bello@example.com", "student", "Aisha", "Bello"),
    _Person("bruno.keller@example.com", "student", "Bruno", "Keller"),
    _Person("chiara.conti@example.com", "student", "Chiara", "Conti"),
    _Person("daniel.okoye@example.com", "student", "Daniel", "Okoye"),
    _Person("elif.kaya@example.com", "student", "Elif", "Kaya"),
    _Person("farid.mansour@example.com", "student", "Farid", "Mansour"),
    _Person("grace.mwangi@example.com", "student", "Grace", "Mwangi"),
    _Person("hiro.sato@example.com", "student", "Hiro", "Sato"),
    _Person("ines.duarte@example.com", "student", "Ines", "Duarte"),
    _Person("jakub.nowak@example.com", "student", "Jakub", "Nowak"),
    _Person("karim.nasser@example.com", "student", "Karim", "Nasser"),
    _Person("lucia.romero@example.com", "student", "Lucia", "Romero"),
    _Person("malik.johnson@example.com", "student", "Malik", "Johnson"),
    _Person("nour.saleh@example.com", "student", "Nour", "Saleh"),
    _Person("oscar.nilsson@example.com", "student", "Oscar", "Nilsson"),
    _Person("paula.vidal@example.com", "student", "Paula", "Vidal"),
    _Person("rami.khoury@example.com", "student", "Rami", "Khoury"),
    _Person("sara.lindholm@example.com", "student", "Sara", "Lindholm"),
    _Person("tomas.novak@example.com", "student", "Tomas", "Novak"),
    _Person("uma.krishnan@example.com", "student", "Uma", "Krishnan"),
    _Person("victor.dubois@example.com", "student", "Victor", "Dubois"),
    _Person("wen.li@example.com", "student", "Wen", "Li"),
    _Person("yara.hamdan@example.com", "student", "Yara", "Hamdan"),
    _Person("zainab.idris@example.com", "student", "Zainab", "Idris"),
)

_WORK = {
    "instructor@example.com": ("Python and data", "Engineer, teacher since 2014", 12),
    "mei.tanaka@example.com": ("Photography and colour", "Photographer; has designed books for a museum", 9),
    "carlos.rivera@example.com": ("Business and speaking", "Has founded two companies and closed one", 17),
    "layla.haddad@example.com": ("Arabic and its scripts", "Master of letters, calligrapher", 14),
    "nadia.osei@example.com": ("Databases and the sky", "Data engineer; leads an observatory on Fridays", 8),
}
_EDUCATION = (("student@example.com", "Upper secondary"), ("lena.hoffmann@example.com", "Bachelor"))


async def make_accounts(db: Db) -> None:
    """Make the accounts that are not there yet."""
    existing = await lookups.user_ids_by_email(db, [person.email for person in _PEOPLE])
    missing = [person for person in _PEOPLE if person.email not in existing]
    if not missing:
        return
    # Everyone knows the password, so its hash may be the same for all; each would take as long as a sign-in.
    stored = await hash_password(db, PASSWORD)
    for person in missing:
        await insert_account(db, NewAccount(email_verified=True, **structs.asdict(person)), stored)


async def keep_files(db: Db) -> None:
    """Let the instructors tell about their work and assign two students to one, unless that was done before."""
    ids = await lookups.user_ids_by_email(db, [person.email for person in _PEOPLE])
    if await kept_student_file(db, ids["student@example.com"]) is not None:
        return
    admin = Actor(db.tenant_id, ids["admin@example.com"], "admin", grants=db.tenant.grants("admin"))
    instructor = ids["instructor@example.com"]
    for email, (specialization, qualification, years) in _WORK.items():
        told = UpdateInstructorRequest(
            specialization=specialization, qualification=qualification, experience_years=years
        )
        await files.update_instructor(db, admin, ids[email], told)
    for email, education_level in _EDUCATION:
        kept = UpdateFileRequest(education_level=education_level, assigned_instructor=instructor)
        await files.update_file(db, admin, ids[email], kept)


STEPS = (DemoStep("auth.accounts", make_accounts), DemoStep("auth.files", keep_files))
