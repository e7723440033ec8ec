"""How lengths are written, and the texts that plugins bring."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from kernel.deployment import Deployment
from plugins.portal.formats import clock_time
from plugins.portal.site import Site


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0:00"), (9, "0:09"), (65, "1:05"), (3599, "59:59"), (3600, "1:00:00"), (36_725, "10:12:05")],
)
def test_lengths_are_written_as_players_show_them(seconds: int, written: str) -> None:
    assert clock_time(seconds) == written


@pytest.mark.parametrize(
    ("text", "drawn"),
    [("Courses", "الدورات"), ("Seen at 90 %", "Seen at 90 %"), ("<b>%(x)s", "&lt;b&gt;%(x)s"), ("", "")],
)
def test_texts_of_plugins_are_neither_patterns_nor_html(deployment: Deployment, text: str, drawn: str) -> None:
    template = Site(deployment).environment("ar").from_string("{{ text|translated }}")
    assert template.render(text=text) == drawn


@pytest.mark.parametrize(
    ("locale", "title", "drawn"),
    [
        ("en", "A & B", "Delete “A &amp; B”?"),
        ("ar", "A & B", "حذف «\u2068A &amp; B\u2069»؟"),
        ("ar", "واحد", "حذف «واحد»؟"),
    ],
)
def test_a_latin_name_is_a_run_of_its_own_in_an_arabic_sentence(
    deployment: Deployment, locale: str, title: str, drawn: str
) -> None:
    template = Site(deployment).environment(locale).from_string("{{ _('Delete “%(title)s”?', title=title) }}")
    assert template.render(title=title) == drawn


def test_an_instant_has_the_day_of_each_reader(deployment: Deployment) -> None:
    template = Site(deployment).environment("en").from_string("{{ moment|day }} · {{ moment|instant }}")
    moment = datetime(2026, 11, 27, 23, 30, tzinfo=UTC)
    drawn = [
        template.render(moment=moment, shell=SimpleNamespace(timezone=zone, locale="en"))
        for zone in ("UTC", "Pacific/Auckland", "UTC")
    ]
    assert [each.count("Nov 27, 2026") for each in drawn] == [2, 0, 2]
    assert drawn[1].count("Nov 28, 2026") == 2
