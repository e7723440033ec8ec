"""What other plugins may use of accounts."""

from plugins.auth.actions.new_accounts import add_user, create_user
from plugins.auth.actions.notices import tell
from plugins.auth.cookies import may_refresh
from plugins.auth.events import RegisteredPerson, SessionsChanged, UserRegistered
from plugins.auth.file_sections import FileSection
from plugins.auth.notification_kinds import NotificationKind
from plugins.auth.permissions import ROLES, Role
from plugins.auth.queries.lookups import emails_by_id, user_ids_by_email, user_ids_by_role, users_by_id
from plugins.auth.queries.teachers import TeacherProfile, teacher_profile
from plugins.auth.queries.users import files_reached, named_among
from plugins.auth.queries.viewers import Viewer, viewer
from plugins.auth.schemas.texts import Email, PersonName
from plugins.auth.schemas.users import CreateUserRequest, UserRef

__all__ = [
    "ROLES",
    "CreateUserRequest",
    "Email",
    "FileSection",
    "NotificationKind",
    "PersonName",
    "RegisteredPerson",
    "Role",
    "SessionsChanged",
    "TeacherProfile",
    "UserRef",
    "UserRegistered",
    "Viewer",
    "add_user",
    "create_user",
    "emails_by_id",
    "files_reached",
    "may_refresh",
    "named_among",
    "teacher_profile",
    "tell",
    "user_ids_by_email",
    "user_ids_by_role",
    "users_by_id",
    "viewer",
]
