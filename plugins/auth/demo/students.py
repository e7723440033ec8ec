"""Twenty thousand students of the large demonstration; nobody can sign in as one of them."""

from functools import partial

from kernel.db import Db
from kernel.demo import DemoStep, Load, copy_rows
from kernel.ids import new_id
from plugins.auth.queries import lookups
from plugins.auth.tables import User, UserProfile

STUDENTS = 20_000
_AT_ONCE = 1000
_FIRST_NAMES = (
    "Adel", "Beatriz", "Chen", "Divya", "Emeka", "Fatima", "Goran", "Hana", "Idris", "Jana", "Karim", "Leyla", "Mateo",
    "Noor", "Oskar", "Paula", "Qasim", "Rania", "Stefan", "Tala", "Umar", "Vera", "Wei", "Ximena", "Yara", "Zoran",
)  # fmt: skip
_LAST_NAMES = (
    "Abbas", "Berg", "Costa", "Diallo", "Eriksen", "Fischer", "Gupta", "Haddad", "Ito", "Jensen", "Khalil", "Lopez",
    "Moreau", "Nakamura", "Okafor", "Park", "Quispe", "Rossi", "Saleh", "Torres", "Ueda", "Vargas", "Weber", "Yilmaz",
)  # fmt: skip


def address(number: int) -> str:
    """Return the address of a student, counted from 0."""
    return f"student-{number:05}@large.example.com"


async def make_students(first: int, last: int, db: Db) -> None:
    """Make the students from one number up to another, unless they are there."""
    if await lookups.user_ids_by_email(db, [address(first)]):
        return
    ids = {number: new_id() for number in range(first, last)}
    users = [(ids[number], address(number), "student", True) for number in ids]
    profiles = [
        (new_id(), ids[number], _FIRST_NAMES[number % len(_FIRST_NAMES)], _LAST_NAMES[number % len(_LAST_NAMES)])
        for number in ids
    ]
    await copy_rows(
        db,
        Load(User, ("id", "email", "role", "email_verified"), users),
        Load(UserProfile, ("id", "user_id", "first_name", "last_name"), profiles),
    )


STEPS = tuple(
    DemoStep(
        f"auth.students_from_{first}",
        partial(make_students, first, min(first + _AT_ONCE, STUDENTS)),
        size="large",
    )
    for first in range(0, STUDENTS, _AT_ONCE)
)
