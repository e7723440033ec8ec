"""Mails: plugins say what kinds there are and send them; the kernel words, keeps, sends and retries them.

What a mail says is `wording`, a tenant's own words for it `templates`, the message `composing`, what waits `outgoing`,
sending `delivery` with `servers` and `smtp`.
"""

from kernel.mail.outgoing import forget_mails_to, send
from kernel.mail.servers import MailAddressInvalid, parse_address
from kernel.mail.wording import MailTemplate

__all__ = ["MailAddressInvalid", "MailTemplate", "forget_mails_to", "parse_address", "send"]
