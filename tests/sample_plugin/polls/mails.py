"""What polls write to people."""

from kernel.mail import MailTemplate

POLL_CLOSED = MailTemplate(
    name="polls.closed",
    title="Your poll is closed",
    placeholders={"question": "what was asked", "votes": "how many voted", "results_link": "where the results stand"},
    subject={"en": "{{question}}: voting is over", "de": "{{question}}: die Abstimmung ist beendet"},
    body={
        "en": "Hello,\n\nvoting on your poll at {{school}} is over; {{votes}} voted.\n\n{{results_link}}\n",
        "de": "Guten Tag,\n\ndie Abstimmung bei {{school}} ist beendet: {{votes}} Stimmen.\n\n{{results_link}}\n",
    },
    required=("results_link",),
    samples={"question": "When shall we meet?", "votes": "12"},
)
MAIL_TEMPLATES = (POLL_CLOSED,)
