"""Background work of administration."""

from kernel.tasks import AnyTask
from plugins.admin.actions.erasure import ERASE_TENANT

TASKS: tuple[AnyTask, ...] = (ERASE_TENANT,)
