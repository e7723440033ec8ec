"""Background work on accounts."""

from kernel.tasks import AnyTask
from plugins.auth.actions.erasure import ERASE_ACCOUNT

TASKS: tuple[AnyTask, ...] = (ERASE_ACCOUNT,)
