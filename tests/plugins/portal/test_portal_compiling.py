"""Templates are compiled in a way of our own: what comes out is what Jinja's usual way gives."""

from collections.abc import Mapping
from typing import Any

import pytest
from babel.support import NullTranslations
from jinja2 import DictLoader, Environment, StrictUndefined, Template
from markupsafe import Markup

from kernel import clock
from kernel.testing import School
from plugins.portal import compiling
from plugins.portal.compiling import PageEnvironment
from plugins.portal.formats import FILTERS
from plugins.portal.site import Site, site_of
from tests.plugins.portal.furnished import Readers
from tests.plugins.portal.twins import TWINS

UI = """{% macro label(text, kind="", attrs={}) %}<b class="{{ kind }}"{{ attrs|xmlattr }}>{{ text }}</b>{% endmacro %}
{% macro box(title) %}<div>{{ title }}: {{ caller() if caller is defined else "empty" }}</div>{% endmacro %}
{% macro outer(text) %}{{ label(text, "in") }}{% endmacro %}"""


class Both:
    """Templates in a language, drawn in both ways."""

    def __init__(self, ours: Environment, usual: Environment) -> None:
        self._ours = ours
        self._usual = usual
        self.unlike: list[str] = []

    def get_template(self, name: str) -> "Both":
        self._name = name
        return self

    def render(self, values: Mapping[str, Any]) -> str:
        found = [each.get_template(self._name).render(values) for each in (self._ours, self._ours, self._usual)]
        self.unlike += [self._name] if len(set(found)) > 1 else []
        return found[0]


def _usual(site: Site, locale: str) -> Environment:
    """Return the templates as Jinja compiles them."""
    ours = site.environment(locale)
    usual = Environment(
        loader=ours.loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )  # fmt: skip
    usual.filters.update(FILTERS)
    usual.globals.update(ours.globals)
    return usual


@pytest.mark.parametrize("locale", ["en", "ar"])
async def test_every_page_is_what_the_usual_way_gives(
    furnished_school: tuple[School, Readers],
    places: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    locale: str,
) -> None:
    school, readers = furnished_school
    site, now = site_of(school.deployment), clock.now()
    both = Both(site.environment(locale), _usual(site, locale))
    monkeypatch.setattr(clock, "now", lambda: now)
    monkeypatch.setattr(Site, "environment", lambda _site, _locale: both)
    stranger = await school.client()
    for twin in TWINS:
        person = readers[twin.reader]
        client = person.client if person is not None else stranger
        answer = await client.get(f"http://{client.base_url.host}{twin.page.format_map(places)}")
        assert answer.status_code == 200, twin.page
    assert both.unlike == []


def _environment(**templates: str) -> PageEnvironment:
    loader = DictLoader({"portal/ui.html": UI, **{f"{name}.html": text for name, text in templates.items()}})
    environment = PageEnvironment(
        loader=loader, autoescape=True, undefined=StrictUndefined, extensions=["jinja2.ext.i18n"]
    )
    environment.globals.update(asset=lambda name: f"/static/{name}", texts=NullTranslations())
    environment.install_gettext_translations(NullTranslations(), newstyle=True)  # type: ignore[attr-defined]
    return environment


def _drawn(text: str, **values: Any) -> str:
    imported = '{% import "portal/ui.html" as ui %}'
    template: Template = _environment(page=imported + text).get_template("page.html")
    first, again = template.render(values), template.render(values)
    assert first == again
    return first.strip()


def test_what_is_told_apart_is_not_drawn_alike() -> None:
    listed = "{% for each in values %}{{ ui.label(each) }}{% endfor %}"
    values = [1, True, "1", 1.0, "<i>", Markup("<i>"), None]
    texts = ["1", "True", "1", "1.0", "&lt;i&gt;", "<i>", "None"]
    assert _drawn(listed, values=values) == "".join(f'<b class="">{each}</b>' for each in texts)


def test_a_mapping_is_told_by_what_it_holds() -> None:
    pairs = "{% for each in values %}{{ ui.label('x', attrs={'data-x': each}) }}{% endfor %}"
    assert _drawn(pairs, values=["a", "b"]) == '<b class="" data-x="a">x</b><b class="" data-x="b">x</b>'


def test_blocks_and_names_reach_a_component() -> None:
    text = "{% call ui.box(title) %}{{ title }}{% endcall %}{{ ui.box('b') }}{{ ui.outer(text=title) }}"
    assert _drawn(text, title="<a>") == (
        '<div>&lt;a&gt;: &lt;a&gt;</div><div>b: empty</div><b class="in">&lt;a&gt;</b>'
    )


@pytest.mark.parametrize(
    "call", ["ui.label()", "ui.label('a', 'b', {}, 'd')", "ui.label('a', colour='b')", "ui.label('a', text='b')"]
)
def test_a_wrong_call_is_refused_as_usual(call: str) -> None:
    with pytest.raises(Exception, match=r"label|'text'"):
        _drawn("{{ " + call + " }}")


def test_a_variable_may_have_the_name_of_a_component_s_file() -> None:
    assert _drawn("{% set ui = {'label': 'mine'} %}{{ ui.label }}") == "mine"


def test_what_a_component_drew_takes_little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "_MOST_DRAWN", 100)
    environment = _environment(page="")
    module = environment.get_template("portal/ui.html").module
    label = vars(module)["label"]
    for number in range(50):
        assert label(f"text {number}") == f'<b class="">text {number}</b>'
    assert sum(len(each) for each in label.drawn.values()) == label.kept <= 100


def test_words_are_in_the_compiled_template() -> None:
    environment = _environment(page='{{ _("Save %%") }} {{ asset("a.js") }} {{ ui.label(_("A & B")) }}')
    source = environment.loader.get_source(environment, "page.html")[0]  # type: ignore[union-attr]
    compiled = environment.compile(source, "page.html", raw=True)
    assert "Save % /static/a.js" in compiled
    assert "A & B</b>" in compiled
    assert "context.call" not in compiled
