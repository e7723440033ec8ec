"""Background work on accounts."""

from kernel.tasks import AnyTask
from plugins.auth.actions.erasure import ERASE_ACCOUNT
from plugins.auth.actions.retention import FORGET_SIGN_INS

TASKS: tuple[AnyTask, ...] = (ERASE_ACCOUNT, FORGET_SIGN_INS)
