"""The three roles, and what each may do with accounts."""

from typing import Literal, get_args

from kernel.auth import Permission

Role = Literal["admin", "instructor", "student"]
ROLES: tuple[Role, ...] = get_args(Role)
"""The mightiest first."""

LIST_USERS = Permission("auth.user.list", "List and search accounts", {"admin": "any"}, scopes=("any", "assigned"))
READ_USER = Permission(
    "auth.user.read",
    "See an account",
    {"admin": "any", "instructor": "own", "student": "own"},
    scopes=("any", "assigned", "own"),
)
CREATE_USER = Permission("auth.user.create", "Make accounts in any role", {"admin": "any"})
UPDATE_USER = Permission(
    "auth.user.update", "Change a profile", {"admin": "any", "instructor": "own", "student": "own"}
)
MANAGE_USER = Permission("auth.user.manage", "Change role and status of an account", {"admin": "any"})
DELETE_USER = Permission("auth.user.delete", "Delete an account and erase its owner's data", {"admin": "any"})
EXPORT_USER = Permission("auth.user.export", "Get everything that is kept about somebody", {"admin": "any"})
READ_FILE = Permission(
    "auth.file.read", "See somebody's file and progress", {"admin": "any", "instructor": "assigned", "student": "own"}
)
UPDATE_FILE = Permission("auth.file.update", "Keep students' files", {"admin": "any", "instructor": "assigned"})

PERMISSIONS = (
    LIST_USERS,
    READ_USER,
    CREATE_USER,
    UPDATE_USER,
    MANAGE_USER,
    DELETE_USER,
    EXPORT_USER,
    READ_FILE,
    UPDATE_FILE,
)
