"""What codes does when something has happened."""

from kernel.events import Listener
from plugins.codes.actions.attempts import tell_owner
from plugins.codes.events import CodeWasPaused

LISTENERS = (Listener(CodeWasPaused, "codes.tell_owner_of_pause", tell_owner),)
