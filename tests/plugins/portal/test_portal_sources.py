"""What no page shows by itself: that every text has its Arabic, no style leans left, and scripts keep their budget."""

import gzip
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from kernel.deployment import Deployment
from kernel.task_overview import task_titles
from plugins.portal.site import Site

PLUGINS = Path(__file__).parents[3] / "plugins"
TEMPLATES = sorted(PLUGINS.glob("*/templates/*.html"))
BASE = ("boot", "api", "focus", "forms", "ui", "words")
_ONE_SIDED = re.compile(
    r"(?<![\w-])(margin|padding|border)-(left|right)|(?<![\w-])(left|right)\s*:|text-align:\s*(left|right)"
)
_COLOUR = re.compile(r"#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(", re.IGNORECASE)


def texts(file: Path) -> Iterator[str]:
    """Yield what a template says."""
    functions = ("_", "gettext", "ngettext")
    for _, _, message, _ in babel_extract(io.BytesIO(file.read_bytes()), functions, [], {}):
        yield from [message] if isinstance(message, str) else [each for each in message or () if each]


def test_every_text_has_its_arabic(deployment: Deployment) -> None:
    registry = deployment.registry
    said = {text for file in TEMPLATES for text in texts(file)}
    for each in registry.contributions("register_navigation"):
        said |= {each.item.label, each.item.group} - {""}
    said |= {each.manifest.title for each in registry.plugins if each.folder.parent == PLUGINS}
    said |= {each for each in task_titles(deployment).values() if "." not in each}
    known: set[str] = set()
    for file in PLUGINS.glob("*/translations/ar.po"):
        for text in read_po(io.BytesIO(file.read_bytes())):
            forms = text.string if isinstance(text.string, tuple) else (text.string,)
            if text.id and all(forms):
                known |= {text.id} if isinstance(text.id, str) else set(text.id)
    assert len(said) > 150
    assert said - known == set()


def test_every_template_can_be_drawn_from(deployment: Deployment) -> None:
    site = Site(deployment)
    for file in TEMPLATES:
        site.environment("en").get_template(f"{file.parents[1].name}/{file.name}")


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_templates_bring_no_style_and_no_script_of_their_own(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert "style=" not in text
    assert "|safe" not in text
    # What somebody else wrote is translated by the filter, which does not take it for HTML.
    assert not re.search(r"\b_\([a-z]", text)
    assert not re.search(r"\son\w+=", text)
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []


def test_styles_have_no_side_and_no_colour_but_tokens() -> None:
    for file in PLUGINS.glob("*/static/*.css"):
        text = file.read_text(encoding="utf-8")
        assert [found.group() for found in _ONE_SIDED.finditer(text)] == []
        assert _COLOUR.findall(text) == []
        assert len(text) < 45_000


def test_scripts_keep_their_budget() -> None:
    base = [(PLUGINS / "portal/static" / f"{name}.js").read_bytes() for name in BASE]
    assert sum(each.count(b"\n") for each in base) <= 500
    assert len(gzip.compress(b"".join(base))) <= 8_000
    everything = [file.read_bytes() for file in PLUGINS.glob("*/static/*.js")]
    assert sum(each.count(b"\n") for each in everything) <= 4_000
    assert all(len(gzip.compress(each)) <= 8_000 for each in everything)
    assert all(b"innerHTML" not in each and b"eval(" not in each for each in everything)
