"""What a mail says: templates with placeholders from a fixed list, which are replaced by us and by nothing else.

Pure. Whoever edits a template can name a value that the plugin gives and no more: there is no expression, no attribute
and no loop (security.md, rule 36). A tenant's own wording is kept by `kernel.mail.templates`; how text becomes a
message is `kernel.mail.composing`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from kernel.errors import FieldError

FALLBACK_LOCALE = "en"
SCHOOL = "school"
"""A placeholder that every template has: the tenant's name."""
MOST_SUBJECT = 200
MOST_BODY = 20_000
_MOST_FILLED = 400

_PLACEHOLDER = re.compile(r"\{\{ *([a-z][a-z0-9_]{0,62}) *\}\}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

Values = Mapping[str, str]


class MailTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of mail that a plugin sends.

    The body is plain text. A line that is only a link, written out or as a placeholder named `link` or `..._link`,
    becomes a button in the mail's HTML part.

    Args:
        name: Dotted, begins with the plugin's name. Mails that wait carry it, so it stays what it is.
        title: For the page on which an administrator edits it.
        placeholders: Name to what it stands for; `{{school}}`, the tenant's name, is there without being listed.
        subject: By language; English must be there.
        body: By the same languages.
        required: Placeholders that no wording may leave out, such as the link without which the mail is no use.
        unsubscribe: The placeholder whose link ends mails of this kind; it is then also in the mail's headers.
        most_per_hour: So many an hour for one recipient; what is more is not sent, so that nobody floods a mailbox.
        samples: Values for the preview; what is left out shows its description.
    """

    name: str
    title: str
    placeholders: Mapping[str, str]
    subject: Mapping[str, str]
    body: Mapping[str, str]
    required: tuple[str, ...] = ()
    unsubscribe: str = ""
    most_per_hour: int = 20
    samples: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        """Refuse a template that could not be sent."""
        if FALLBACK_LOCALE not in self.subject or self.subject.keys() != self.body.keys():
            raise ValueError(f"{self.name}: give subject and body in the same languages, English among them")
        unnamed = {name for name in self.placeholders if not _NAME.fullmatch(name) or name == SCHOOL}
        unknown = {*self.required, *self.samples, *([self.unsubscribe] if self.unsubscribe else [])} - {
            *self.placeholders
        }
        if unnamed or unknown:
            raise ValueError(f"{self.name}: {sorted(unnamed | unknown)} cannot be placeholders of this template")
        for locale in self.subject:
            if wrong := wording_problems(self, locale, self.subject[locale], self.body[locale]):
                raise ValueError(f"{self.name} in {locale!r}: {wrong[0].field}: {wrong[0].message}")

    @property
    def plugin(self) -> str:
        """The plugin whose mail it is."""
        return self.name.partition(".")[0]


class Wording(msgspec.Struct, frozen=True):
    """What a template says in one language."""

    locale: str
    subject: str
    body: str


class Line(msgspec.Struct, frozen=True):
    """A line of a body with its values filled in; `link` if it is nothing but one."""

    text: str
    link: str = ""


def wording_problems(template: MailTemplate, locale: str, subject: str, body: str) -> list[FieldError]:
    """Return what is wrong with a wording of a template, each with its field."""
    problems = [] if _LOCALE.fullmatch(locale) else [FieldError("locale", f"{locale!r} names no language.")]
    if not subject.strip() or len(subject) > MOST_SUBJECT or _UNPRINTABLE.search(subject) or "\n" in subject:
        problems.append(FieldError("subject", f"Give one line of 1 to {MOST_SUBJECT} characters."))
    if not body.strip() or len(body) > MOST_BODY:
        problems.append(FieldError("body", f"Give a text of 1 to {MOST_BODY} characters."))
    known = [*template.placeholders, SCHOOL]
    for field, text in (("subject", subject), ("body", body)):
        problems += [FieldError(field, sentence) for sentence in _placeholder_problems(text, known)]
    used = set(_PLACEHOLDER.findall(body))
    problems += [
        FieldError("body", f"{{{{{name}}}}} must be there: {template.placeholders[name]}.")
        for name in template.required
        if name not in used
    ]
    return problems


def _placeholder_problems(text: str, known: Sequence[str]) -> Iterable[str]:
    choices = ", ".join(f"{{{{{name}}}}}" for name in known)
    for name in dict.fromkeys(_PLACEHOLDER.findall(text)):
        if name not in known:
            yield f"There is no placeholder {{{{{name}}}}}. There are: {choices}."
    rest = _PLACEHOLDER.sub("", text)
    if "{{" in rest or "}}" in rest:
        yield f"Braces stand for placeholders only. There are: {choices}."


def best_locale(offered: Iterable[str], *wanted: str | None) -> str:
    """Return the first wanted language that is offered, itself or without its region; English if none is."""
    choices = {each.lower(): each for each in offered}
    for each in wanted:
        if each and (found := choices.get(each.lower()) or choices.get(each.lower().partition("-")[0])):
            return found
    return FALLBACK_LOCALE


def filled_subject(wording: Wording, values: Values) -> str:
    """Return the subject as one line, whatever the values contain."""
    return " ".join(_fill(wording.subject, values).split())[:_MOST_FILLED]


def filled_lines(wording: Wording, values: Values) -> list[Line]:
    """Return the body line by line.

    Which line is a link is told by the template alone: a link that stands in a value, as in a name that somebody gave
    himself, makes no button.
    """
    lines: list[Line] = []
    for text in _readable(wording.body).strip("\n").split("\n"):
        only = _PLACEHOLDER.fullmatch(text.strip())
        link = values.get(only[1], "") if only and is_link_name(only[1]) else text.strip()
        if is_link(link):
            lines.append(Line(link, link))
        else:
            lines += [Line(line.rstrip()) for line in _fill(text, values).split("\n")]
    return lines


def is_link_name(placeholder: str) -> bool:
    """Say whether a placeholder stands for a link, which its name tells."""
    return placeholder == "link" or placeholder.endswith("_link")


def is_link(text: str) -> bool:
    """Say whether a text is one web address and nothing else."""
    return re.fullmatch(r"https?://[^\s<>\"']+", text) is not None


def _fill(text: str, values: Values) -> str:
    # One pass: braces inside a value are text.
    return _PLACEHOLDER.sub(lambda match: _readable(values[match[1]]), text)


def _readable(text: str) -> str:
    """Return the text without control characters and marks that reverse the direction of writing."""
    return _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))
