"""A tenant's colours as the tokens of the design: its hue and chroma, our lightness, so that contrast always holds.

Source: Björn Ottosson's OKLab; the ratio of contrast as in WCAG 2.2.
"""

import math
from typing import NamedTuple

_HOVER, _SOFT, _ON_SOFT = 0.87, 0.29, 0.84
_DARKER = 1.3
_MOST_CHROMA = 0.2


class Oklch(NamedTuple):
    """Lightness 0 to 1, chroma, hue in degrees."""

    lightness: float
    chroma: float
    hue: float

    def hex(self) -> str:
        """Return it as `#rrggbb`."""
        parts = [min(max(part, 0.0), 1.0) for part in linear_rgb(self)]
        coded = [12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055 for part in parts]
        return "#" + "".join(f"{round(part * 255):02x}" for part in coded)

    def css(self) -> str:
        """Return it as a style sheet writes it."""
        return f"oklch({self.lightness * 100:.1f}% {self.chroma:.4f} {self.hue:.1f})"


def from_hex(colour: str) -> Oklch:
    """Return `#rrggbb` in OKLCH."""
    red, green, blue = (_to_linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    middle = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    a = 1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short
    lightness = 0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short
    return Oklch(lightness, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360)


def linear_rgb(colour: Oklch) -> tuple[float, float, float]:
    """Return linear sRGB, which is outside of 0 to 1 for what a screen cannot show."""
    a = colour.chroma * math.cos(math.radians(colour.hue))
    b = colour.chroma * math.sin(math.radians(colour.hue))
    long = (colour.lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (colour.lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (colour.lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )


def shown(lightness: float, chroma: float, hue: float) -> Oklch:
    """Return the colour with as much of the chroma as a screen can show."""
    low, high = 0.0, min(chroma, _MOST_CHROMA)
    if _is_shown(Oklch(lightness, high, hue)):
        return Oklch(lightness, high, hue)
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if _is_shown(Oklch(lightness, middle, hue)) else (low, middle)
    return Oklch(lightness, low, hue)


def contrast(one: Oklch, other: Oklch) -> float:
    """Return the ratio of contrast of two colours."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def brand_tokens(primary: str) -> dict[str, tuple[Oklch, Oklch]]:
    """Return the tokens that a tenant's colour gives, each for light and dark."""
    _, chroma, hue = from_hex(primary)
    chroma = min(chroma, _MOST_CHROMA)
    dark = chroma * _DARKER
    return {
        "brand": (shown(0.46, chroma, hue), shown(0.78, dark, hue)),
        "on-brand": (shown(0.99, 0.004, hue), shown(0.185, 0.03, hue)),
        "brand-hover": (shown(0.395, chroma * _HOVER, hue), shown(0.84, dark * 0.9, hue)),
        "brand-soft": (shown(0.953, chroma * _SOFT, hue), shown(0.3, min(chroma, 0.05), hue)),
        "on-brand-soft": (shown(0.38, chroma * _ON_SOFT, hue), shown(0.88, min(chroma, 0.08), hue)),
    }


def accent_tokens(accent: str) -> dict[str, tuple[Oklch, Oklch]]:
    """Return the tokens of the colour that marks things; it is never that of a text."""
    _, chroma, hue = from_hex(accent)
    return {
        "accent": (shown(0.78, chroma, hue), shown(0.8, chroma, hue)),
        "on-accent": (shown(0.26, min(chroma, 0.06), hue), shown(0.22, min(chroma, 0.05), hue)),
    }


def theme(primary: str, accent: str) -> str:
    """Return a tenant's style sheet, which stands over the tokens of `portal.css`."""
    tokens = {**brand_tokens(primary), **accent_tokens(accent)}
    lines = (f"--{name}:light-dark({light.css()},{dark.css()})" for name, (light, dark) in tokens.items())
    return f":root{{{';'.join(lines)}}}\n"


def _is_shown(colour: Oklch) -> bool:
    return all(-0.0001 <= part <= 1.0001 for part in linear_rgb(colour))


def _luminance(colour: Oklch) -> float:
    red, green, blue = (min(max(part, 0.0), 1.0) for part in linear_rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _to_linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
