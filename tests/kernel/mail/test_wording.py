"""What a template may say: placeholders from a fixed list, and nothing that is evaluated."""

from typing import Any

import pytest

from kernel.mail import MailTemplate
from kernel.mail.composing import Look, render
from kernel.mail.wording import Wording, best_locale, wording_problems
from tests.kernel.mail.post import WELCOME


def _template(**changes: Any) -> MailTemplate:
    fields: dict[str, Any] = {
        "name": "post.thing",
        "title": "Thing",
        "placeholders": {"link": "where"},
        "subject": {"en": "A thing"},
        "body": {"en": "{{link}}"},
    }
    return MailTemplate(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"subject": {"ar": "x"}, "body": {"ar": "x"}}, "English among them"),
        ({"body": {"en": "x", "ar": "x"}}, "in the same languages"),
        ({"placeholders": {"Link": "where"}}, r"\['Link'\] cannot be placeholders"),
        ({"placeholders": {"school": "where"}}, r"\['school'\] cannot be placeholders"),
        ({"required": ("token",)}, r"\['token'\] cannot be placeholders"),
        ({"unsubscribe": "stop"}, r"\['stop'\] cannot be placeholders"),
        ({"body": {"en": "{{other}}"}}, "body: There is no placeholder {{other}}. There are: {{link}}, {{school}}"),
        ({"required": ("link",), "body": {"en": "x"}}, "{{link}} must be there: where"),
    ],
)
def test_a_template_that_could_not_be_sent_is_none(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _template(**changes)


@pytest.mark.parametrize(
    ("locale", "subject", "body", "problems"),
    [
        ("en", "Hi {{first_name}}", "{{ link }}", []),
        ("de-CH", "Hi", "{{link}} {{school}}", []),
        ("<b>", "Hi", "{{link}}", [("locale", "'<b>' names no language.")]),
        ("en", " ", "{{link}}", [("subject", "Give one line of 1 to 200 characters.")]),
        ("en", "a\nb", "{{link}}", [("subject", "Give one line of 1 to 200 characters.")]),
        ("en", "a\r\nBcc: x", "{{link}}", [("subject", "Give one line of 1 to 200 characters.")]),
        ("en", "x" * 201, "{{link}}", [("subject", "Give one line of 1 to 200 characters.")]),
        ("en", "Hi", "{{link}}" + "x" * 20_000, [("body", "Give a text of 1 to 20000 characters.")]),
        ("en", "Hi", "Come!", [("body", "{{link}} must be there: where to go.")]),
        (
            "en",
            "{{password}}",
            "{{link}}",
            [("subject", "There is no placeholder {{password}}. There are: {{link}}, {{first_name}}, {{school}}.")],
        ),
        *[
            (
                "en",
                "Hi",
                "{{link}} " + text,
                [("body", "Braces stand for placeholders only. There are: {{link}}, {{first_name}}, {{school}}.")],
            )
            for text in ("{{ link.__class__ }}", "{{7*7}}", "{{link", "{{link|safe}}", "{{}}", "}}")
        ],
    ],
)
def test_problems_of_a_wording_name_field_and_placeholder(
    locale: str, subject: str, body: str, problems: list[tuple[str, str]]
) -> None:
    found = [(each.field, each.message) for each in wording_problems(WELCOME, locale, subject, body)]

    assert found == problems


@pytest.mark.parametrize("text", ["{link}", "%(link)s", "{% for x in y %}", "${link}", "{0.__class__}"])
def test_other_languages_of_templates_are_text(text: str) -> None:
    rendered = render(Wording("en", "Hi", text), {"link": "https://a.test/"}, Look("School"))

    assert rendered.text == text + "\n"


def test_html_is_made_of_the_text_and_escaped_once() -> None:
    wording = Wording("en", "A & B", "One & two\nthree\n\n\n<b>four</b>\n{{link}}\nhttps://b.test/?x=1&y\nend")

    html = render(wording, {"link": "https://a.test/?a=1&b=2"}, Look('S "chool" & Co', colour="#ffffff")).html

    assert [line for line in html.splitlines() if line.startswith("<p") or "<br>" in line or line == "three</p>"] == [
        '<p style="margin:16px 0">One &amp; two<br>',
        "three</p>",
        '<p style="margin:16px 0">&lt;b&gt;four&lt;/b&gt;</p>',
        *_button("https://a.test/?a=1&amp;b=2"),
        *_button("https://b.test/?x=1&amp;y"),
        '<p style="margin:16px 0">end</p>',
    ]
    assert 'font-weight:600">S &quot;chool&quot; &amp; Co</div>' in html
    assert "<title>A &amp; B</title>" in html


def _button(link: str) -> list[str]:
    style = "display:inline-block;padding:12px 20px;border-radius:6px;background:#ffffff;color:#000000;font-weight:600"
    return [
        f'<p style="margin:24px 0 8px"><a href="{link}" style="{style};text-decoration:none">A &amp; B</a></p>'
        '<p style="margin:0 0 16px;font-size:13px;word-break:break-all">'
        f'<a href="{link}">{link}</a></p>'
    ]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [((None, None), "en"), (("ar", "en"), "ar"), (("fr", "ar"), "ar"), (("ar-EG", None), "ar"), (("fr", "de"), "en")],
)
def test_the_first_language_that_is_offered_is_taken(wanted: tuple[str | None, ...], found: str) -> None:
    assert best_locale({"en": "", "ar": ""}, *wanted) == found
