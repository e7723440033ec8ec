"""The colours: those of the design and of every tenant keep the contrast that people need."""

import re
from pathlib import Path

import pytest

from plugins.portal.colours import Oklch, brand_tokens, contrast, from_hex, theme

CSS = (Path(__file__).parents[3] / "plugins/portal/static/portal.css").read_text(encoding="utf-8")
_TOKEN = re.compile(
    r"--([\w-]+): light-dark\(oklch\(([\d.]+)% ([\d.]+) ([\d.]+)\), oklch\(([\d.]+)% ([\d.]+) ([\d.]+)\)\)"
)
GROUNDS = ("canvas", "surface", "sunken", "raised")
TEXT, PART = 4.5, 3.0


def tokens() -> dict[str, tuple[Oklch, Oklch]]:
    found: dict[str, tuple[Oklch, Oklch]] = {}
    for name, *numbers in _TOKEN.findall(CSS):
        light, light_chroma, light_hue, dark, dark_chroma, dark_hue = (float(each) for each in numbers)
        found[name] = (Oklch(light / 100, light_chroma, light_hue), Oklch(dark / 100, dark_chroma, dark_hue))
    return found


@pytest.mark.parametrize("theme_index", [0, 1], ids=["light", "dark"])
def test_design_keeps_its_contrast(theme_index: int) -> None:
    colours = {name: pair[theme_index] for name, pair in tokens().items()}
    assert len(colours) > 30
    for name in ("ink", "ink-2", "ink-3", "brand", "ok", "warn", "bad"):
        worst = min(contrast(colours[name], colours[ground]) for ground in GROUNDS)
        assert worst >= TEXT, f"{name}: {worst:.2f}"
    for name in ("line-strong", "focus", "chart-2", "chart-3", "chart-4"):
        worst = min(contrast(colours[name], colours[ground]) for ground in GROUNDS)
        assert worst >= PART, f"{name}: {worst:.2f}"
    for on, ground in (
        ("on-brand", "brand"), ("on-brand", "brand-hover"), ("on-brand-soft", "brand-soft"), ("on-ok-soft", "ok-soft"),
        ("on-warn-soft", "warn-soft"), ("on-bad", "bad"), ("on-bad-soft", "bad-soft"), ("on-accent", "accent"),
    ):  # fmt: skip
        assert contrast(colours[on], colours[ground]) >= TEXT, f"{on} on {ground}"


def test_no_tenants_colour_breaks_the_contrast() -> None:
    grounds = tokens()
    for hue in range(0, 360, 6):
        for chroma in (0.0, 0.05, 0.1, 0.2):
            mine = brand_tokens(Oklch(0.5, min(chroma, 0.1), hue).hex())
            for at in (0, 1):
                worst = min(contrast(mine["brand"][at], grounds[name][at]) for name in GROUNDS)
                assert worst >= TEXT, (hue, chroma, at, worst)
                assert contrast(mine["on-brand"][at], mine["brand"][at]) >= TEXT
                assert contrast(mine["on-brand"][at], mine["brand-hover"][at]) >= TEXT
                assert contrast(mine["on-brand-soft"][at], mine["brand-soft"][at]) >= TEXT


@pytest.mark.parametrize("colour", ["#000000", "#ffffff", "#ff0000", "#00ff00", "#0000ff", "#0a6565", "#f2a635"])
def test_hex_comes_back(colour: str) -> None:
    assert from_hex(colour).hex() == colour


def test_theme_is_a_style_sheet() -> None:
    assert re.fullmatch(
        r":root\{(--[\w-]+:light-dark\(oklch\([\d. %]+\),oklch\([\d. %]+\)\);?)+\}\n", theme("#b00020", "#00ff00")
    )
