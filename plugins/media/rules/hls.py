"""Writes playlists (RFC 8216), reads those of ffmpeg, and knows the names of what is composed for each session anew."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Final, Literal

from msgspec import Struct

MASTER: Final = "master.m3u8"
KEY: Final = "hls.key"
PLAYLIST_TYPE: Final = "application/vnd.apple.mpegurl"
SEGMENT_TYPE: Final = "video/mp2t"
KEY_TYPE: Final = "application/octet-stream"
CAPTIONS_TYPE: Final = "text/vtt"
KEY_BYTES: Final = 16
_EXTINF = re.compile(r"^#EXTINF:([0-9.]+),\s*\n(\S+)$", re.MULTILINE)
_COMPOSED = re.compile(r"hls\.key|(master|[0-9]{1,4}p)\.m3u8|captions-([A-Za-z0-9-]{2,35})\.vtt")


class VariantRow(Struct, frozen=True):
    """A quality as stored."""

    name: str
    width: int
    height: int
    peak_bits: int
    average_bits: int
    codecs: str


class Segments(Struct, frozen=True):
    """Where the segments of a quality are, and how long each is, in milliseconds and bytes."""

    storage_key: str
    durations_ms: list[int]
    sizes: list[int]


Composed = Literal["master", "variant", "key", "captions"]


def composed_part(key: str) -> tuple[Composed, str] | None:
    """Return what is composed under a storage key, and of which variant or language; None if bytes are stored there."""
    match = _COMPOSED.fullmatch(key.rpartition("/")[2]) if key.count("/") == 2 else None
    if match is None:
        return None
    if match[0] == KEY:
        return "key", ""
    if match[2]:
        return "captions", match[2]
    return ("master", "") if match[1] == "master" else ("variant", match[1])


def master_playlist(variants: Sequence[VariantRow], address: Callable[[str], str]) -> str:
    """Return the list of qualities; that nearest to 720p comes first, because players begin with it."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:4", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for each in sorted(variants, key=lambda one: (abs(min(one.width, one.height) - 720), one.name)):
        lines += [
            f"#EXT-X-STREAM-INF:BANDWIDTH={each.peak_bits},AVERAGE-BANDWIDTH={each.average_bits},"
            f'CODECS="{each.codecs}",RESOLUTION={each.width}x{each.height}',
            address(each.name),
        ]
    return "\n".join([*lines, ""])


def media_playlist(segments: Segments, *, address: str, key_address: str) -> str:
    """Return the list of one quality's segments; they stand one behind the other at one address."""
    longest = max(segments.durations_ms, default=0)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:4",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f"#EXT-X-TARGETDURATION:{math.ceil(longest / 1000)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f'#EXT-X-KEY:METHOD=AES-128,URI="{key_address}"',
    ]
    start = 0
    for duration_ms, size in zip(segments.durations_ms, segments.sizes, strict=True):
        lines += [f"#EXTINF:{duration_ms / 1000:.3f},", f"#EXT-X-BYTERANGE:{size}@{start}", address]
        start += size
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def segments_of(playlist: str) -> list[tuple[str, int]]:
    """Return the segments that ffmpeg has written: their files and how long each is, in milliseconds."""
    return [(name, round(float(seconds) * 1000)) for seconds, name in _EXTINF.findall(playlist)]
