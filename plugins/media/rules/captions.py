"""Reads captions as WebVTT or SubRip, and writes them anew as WebVTT: cues alone, no styles, no notes.

Source: https://www.w3.org/TR/webvtt1/; of SubRip what players and editors write.
"""

import re
from typing import Final

from plugins.media.errors import CaptionsInvalid

MOST_CHARACTERS: Final = 900_000
LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_LABELS: Final = {
    "ar": "العربية", "de": "Deutsch", "en": "English", "es": "Español", "fa": "فارسی", "fr": "Français",
    "he": "עברית", "hi": "हिन्दी", "id": "Indonesia", "it": "Italiano", "ja": "日本語", "ko": "한국어",
    "nl": "Nederlands", "pl": "Polski", "pt": "Português", "ru": "Русский", "tr": "Türkçe", "uk": "Українська",
    "ur": "اردو", "zh": "中文",
}  # fmt: skip
_TIME: Final = r"(?:(\d{1,3}):)?([0-5]?\d):([0-5]\d)[.,](\d{3})"
_TIMING: Final = re.compile(rf"\s*{_TIME}\s+-->\s+{_TIME}((?:\s+[a-z]+:[A-Za-z0-9.,%-]+)*)\s*")
_LINE_ENDS: Final = re.compile(r"\r\n|\r")
_NEVER: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def label_of(language: str) -> str:
    """Return what a language calls itself, as far as that is known here."""
    name = _LABELS.get(language.partition("-")[0])
    return name if name and "-" not in language else f"{name} ({language})" if name else language


def webvtt(content: bytes) -> str:
    """Return captions as WebVTT.

    Raises:
        CaptionsInvalid: They are neither WebVTT nor SubRip, too long, or not UTF-8; it says where.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused("Captions must be UTF-8.") from None
    if len(text) > MOST_CHARACTERS or _NEVER.search(text):
        raise _refused(f"Captions are text of at most {MOST_CHARACTERS:,} characters.")
    lines = _LINE_ENDS.sub("\n", text).split("\n")
    cues: list[str] = []
    at = 0
    while at < len(lines):
        begin = at
        while at < len(lines) and lines[at].strip():
            at += 1
        block = lines[begin:at]
        at += 1
        if block and (cue := _cue(block, begin + 1)):
            cues.append(cue)
    if not cues:
        raise _refused("There are no captions in it.")
    return "WEBVTT\n\n" + "\n".join(cues)


def _cue(block: list[str], number: int) -> str | None:
    """Return a cue as it is written; None for a block that is none."""
    timed = next((at for at, line in enumerate(block[:2]) if "-->" in line), None)
    if timed is None:
        if any("-->" in line for line in block):
            raise _refused(f"Line {number}: a time stands where text belongs.")
        return None
    match = _TIMING.fullmatch(block[timed])
    if match is None:
        raise _refused(f"Line {number + timed}: this is no time such as 00:01:02.000 --> 00:01:04.500.")
    start, end = _milliseconds(match.groups()[:4]), _milliseconds(match.groups()[4:8])
    words = block[timed + 1 :]
    if end <= start or any("-->" in line for line in words):
        raise _refused(f"Line {number + timed}: captions end after they begin.")
    return "\n".join([f"{_written(start)} --> {_written(end)}{match[9]}", *(line.rstrip() for line in words), ""])


def _milliseconds(parts: tuple[str | None, ...]) -> int:
    hours, minutes, seconds, thousandths = (int(each or 0) for each in parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths


def _written(milliseconds: int) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{thousandths:03}"


def _refused(detail: str) -> CaptionsInvalid:
    return CaptionsInvalid(detail)
