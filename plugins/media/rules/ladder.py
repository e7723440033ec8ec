"""Decides which qualities are made of a video, and reads what ffmpeg tells of it in its format for machines."""

import re
from typing import Final

from msgspec import Struct

SEGMENT_S: Final = 6
MOST_FRAMES: Final = 30
"""A second; more cost half as much again and show little of a lesson."""
MOST_PIXELS: Final = 40_000_000
LONGEST_S: Final = 12 * 3600
_STEPS: Final = (1080, 720, 360)
_WIDE: Final = (16, 9)
_NOTABLY_SMALLER: Final = 0.8
_BITS_1080: Final = 5_000_000
_LEVELS: Final = ((360, "3.0", "avc1.64001e"), (720, "3.1", "avc1.64001f"), (1080, "4.0", "avc1.640028"))
SOUND_BITS: Final = 128_000
_FACT = re.compile(r"#(\w+) (\d): (.+)")
_TIME = re.compile(r"^out_time_us=(\d+)$", re.MULTILINE)


class Probe(Struct, frozen=True):
    """What a video is: size in pixels as it is shown, upright."""

    width: int
    height: int
    duration_ms: int
    frame_rate: float
    video_codec: str
    audio_codec: str | None
    is_plain: bool
    """Whether its colours are those that every player shows: 8 bit, 4:2:0."""

    @property
    def plays_everywhere(self) -> bool:
        """Whether browsers play its streams as they are, in an MP4."""
        return self.is_plain and self.video_codec == "h264" and self.audio_codec in ("aac", None)


class Variant(Struct, frozen=True):
    """A quality to be made."""

    name: str
    width: int
    height: int
    bits: int
    level: str
    codec: str


def read_probe(packets: str, frame: str, progress: str) -> Probe | None:
    """Return what a video is; None if there is no picture in it.

    Args:
        packets: The `framecrc` of its streams as they are.
        frame: The `framecrc` of its first picture, decoded.
        progress: What `-progress` told of reading it whole.
    """
    kinds, codecs = _facts(packets, "media_type"), _facts(packets, "codec_id")
    streams = {kind: codecs.get(number, "") for number, kind in kinds.items()}
    size = _facts(frame, "dimensions").get("0")
    lines = [line for line in frame.splitlines() if not line.startswith("#")]
    times = _TIME.findall(progress)
    if size is None or not lines or not times or "video" not in streams:
        return None
    width, height = (int(each) for each in size.split("x"))
    across, down = (int(each) for each in _facts(frame, "sar").get("0", "1/1").split("/"))
    ticks, second = (int(each) for each in _facts(frame, "tb").get("0", "1/25").split("/"))
    return Probe(
        width=max(2, round(width * across / down)) if across and down else width,
        height=height,
        duration_ms=int(times[-1]) // 1000,
        frame_rate=second / ticks,
        video_codec=streams["video"],
        audio_codec=streams.get("audio"),
        is_plain=int(lines[0].split(",")[4]) * 2 == width * height * 3,
    )


def variants(width: int, height: int) -> list[Variant]:
    """Return what is made of a video of this size, the largest first: never larger, and one at least."""
    largest = min(1.0, *(_fitting(width, height, 1080),))
    top = _variant(width * largest, height * largest)
    smaller = [
        _variant(width * scale, height * scale)
        for step in _STEPS
        if (scale := _fitting(width, height, step)) <= largest * _NOTABLY_SMALLER
    ]
    return [top, *smaller]


def fallback_of(made: list[Variant]) -> Variant:
    """Return the variant that browsers get that play no HLS: the largest up to 720p."""
    return next((each for each in made if min(each.width, each.height) <= 720), made[-1])


def _fitting(width: int, height: int, step: int) -> float:
    """Return by how much a picture is made smaller to fit into 16:9 of this height, lying or standing."""
    long, short = step * _WIDE[0] / _WIDE[1], step
    return min(long / max(width, height), short / min(width, height))


def _variant(width: float, height: float) -> Variant:
    across, down = (max(2, round(each / 2) * 2) for each in (width, height))
    short = min(across, down)
    area = across * down / (1920 * 1080)
    _, level, codec = next((each for each in _LEVELS if short <= each[0]), _LEVELS[-1])
    return Variant(f"{short}p", across, down, max(150_000, round(_BITS_1080 * area**0.75)), level, codec)


def _facts(told: str, name: str) -> dict[str, str]:
    return {number: value.strip() for what, number, value in _FACT.findall(told) if what == name}
