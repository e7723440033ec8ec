"""A plugin that sends mails of two kinds and does nothing else."""

from collections.abc import Sequence

from kernel.hookspecs import hookimpl
from kernel.mail import MailTemplate
from kernel.plugin import Plugin

PLUGIN = Plugin(name="post", version="1.0.0", kernel=">=1,<2", summary="Sends mails.")
WELCOME = MailTemplate(
    name="post.welcome",
    title="Welcome",
    placeholders={"link": "where to go", "first_name": "of the recipient"},
    required=("link",),
    most_per_hour=3,
    subject={"en": "Welcome to {{school}}, {{first_name}}", "ar": "مرحبًا بك في {{school}}"},
    body={
        "en": "Hello {{first_name}},\nall is ready.\n\n{{link}}\n\nUntil soon\n",
        "ar": "مرحبًا {{first_name}}،\n\n{{link}}\n",
    },
)
DIGEST = MailTemplate(
    name="post.digest",
    title="Digest",
    placeholders={"news": "what happened", "stop_link": "ends these mails"},
    unsubscribe="stop_link",
    subject={"en": "News"},
    body={"en": "{{news}}\n\n{{stop_link}}"},
)


@hookimpl
def register_mail_templates() -> Sequence[MailTemplate]:
    return (WELCOME, DIGEST)
