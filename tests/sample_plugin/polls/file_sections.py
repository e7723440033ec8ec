"""What polls add to a person's file: that they take part."""

from plugins.auth.api import FileSection
from polls.queries import participation

SECTIONS = (FileSection(name="polls.participation", title="Polls", read=participation),)
