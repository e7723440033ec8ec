"""Has ffmpeg look at a video and make others of it, each time in a process of its own (`plugins.media.confining`).

It opens files of one folder, by the demuxer that the content has called for and by decoders of a short list, and
nothing else: no network, no playlist. What is made, and where it goes, is decided in `actions.processing`.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

from imageio_ffmpeg import get_ffmpeg_exe

from plugins.media.rules.hls import segments_of
from plugins.media.rules.ladder import (
    LONGEST_S,
    MOST_FRAMES,
    MOST_PIXELS,
    SEGMENT_S,
    SOUND_BITS,
    Probe,
    Variant,
    read_probe,
)

SOURCE = "source"
POSTER_WIDTHS = (640, 1280)
CONFINED = (sys.executable, "-I", "-m", "plugins.media.confining")
_DEMUXERS = {"video/mp4": "mov", "video/quicktime": "mov", "video/webm": "matroska", "video/x-matroska": "matroska"}
_DECODERS = (
    "h264,hevc,vp8,vp9,libdav1d,av1,mpeg4,mpeg2video,mpeg1video,h263,mjpeg,prores,dnxhd,rawvideo,"
    "aac,mp3float,mp3,opus,vorbis,ac3,eac3,flac,alac,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_f32le"
)
_THREADS = "2"
_SOME_BYTES = 64 * 1024**2
_PROBE_S = 600
_CPU_PER_SECOND = 60
_TAIL_BYTES = 8192
_OURS = ("No space left on device", "Traceback (most recent call last)")

Told = Callable[[int], Awaitable[None]]


class Unplayable(Exception):
    """A video of which nothing can be made; the text is a sentence for its owner."""


async def probe(folder: Path, content_type: str) -> Probe:
    """Return what the video in the folder is.

    Raises:
        Unplayable: It cannot be read, shows nothing, or is too large or too long.
    """
    streams = ("-map", "0:V:0", "-map", "0:a:0?")
    progress = await run_ffmpeg(
        folder,
        (
            *_opening(content_type),
            *(*streams, "-c", "copy", "-t", "0.01", "-f", "framecrc", "packets"),
            *("-map", "0:V:0", "-frames:v", "1", "-f", "framecrc", "frame"),
            *(*streams, "-c", "copy", "-f", "null", "-"),
        ),
        cpu_s=_PROBE_S,
    )
    found = read_probe(_read(folder / "packets"), _read(folder / "frame"), progress)
    if found is None or not found.duration_ms:
        raise Unplayable("There is no picture in this video.")
    if found.width * found.height > MOST_PIXELS:
        raise Unplayable(f"The video has more than {MOST_PIXELS:,} pixels.")
    if found.duration_ms > LONGEST_S * 1000:
        raise Unplayable(f"The video is longer than {LONGEST_S // 3600} hours.")
    return found


async def draw_posters(folder: Path, content_type: str, video: Probe) -> list[tuple[str, int, int]]:
    """Draw a picture from a tenth of the way into the video; return the files with width and height."""
    sizes = [(min(width, video.width), width) for width in POSTER_WIDTHS]
    posters = [(f"poster-w{name}.webp", width, max(1, video.height * width // video.width)) for width, name in sizes]
    outputs: list[str] = []
    for name, width, height in posters:
        outputs += ["-map", "0:V:0", "-frames:v", "1", "-vf", f"scale={width}:{height},setsar=1", "-c:v", "libwebp"]
        outputs += ["-quality", "80", "-map_metadata", "-1", "-f", "webp", "-y", name]
    at_s = min(video.duration_ms / 10_000, 30)
    await run_ffmpeg(folder, ("-ss", f"{at_s:.3f}", *_opening(content_type), *outputs), cpu_s=_PROBE_S)
    if not all((folder / name).exists() for name, _, _ in posters):
        raise Unplayable("No picture of this video can be drawn.")
    return posters


async def encode(folder: Path, content_type: str, video: Probe, wanted: Variant, told: Told) -> Path:
    """Make a variant of a video as an MP4 whose key frames are those of every other variant.

    Args:
        folder: Where the source is, and the variant will be.
        content_type: Of the source.
        video: What the source is.
        wanted: What to make.
        told: Is called with the milliseconds that are done.
    """
    filters = [f"scale={wanted.width}:{wanted.height}", "setsar=1", "format=yuv420p"]
    if video.frame_rate > MOST_FRAMES + 1:
        filters.insert(0, f"fps={MOST_FRAMES}")
    made = folder / f"{wanted.name}.mp4"
    await run_ffmpeg(
        folder,
        (
            *_opening(content_type),
            *("-map", "0:V:0", "-map", "0:a:0?", "-map_metadata", "-1", "-map_chapters", "-1"),
            *("-vf", ",".join(filters), "-c:v", "libx264", "-preset", "veryfast", "-crf", "23"),
            *("-maxrate", str(wanted.bits), "-bufsize", str(2 * wanted.bits), "-threads", _THREADS),
            *("-profile:v", "high", "-level", wanted.level, "-force_key_frames", f"expr:gte(t,n_forced*{SEGMENT_S})"),
            *("-c:a", "aac", "-b:a", str(SOUND_BITS), "-ac", "2", "-ar", "48000"),
            *("-movflags", "+faststart", "-f", "mp4", "-y", made.name),
        ),
        cpu_s=_cpu_s(video),
        # Twice what it may need: the index is moved to the front in a second writing.
        most_bytes=_SOME_BYTES + 2 * (wanted.bits + SOUND_BITS) // 8 * (video.duration_ms // 1000 + 1),
        told=told,
    )
    return made


async def remux(folder: Path, content_type: str, video: Probe) -> Path:
    """Put the streams of a source as they are into an MP4 that plays while it is loaded."""
    made = folder / "fallback.mp4"
    await run_ffmpeg(
        folder,
        (
            *_opening(content_type),
            *("-map", "0:V:0", "-map", "0:a:0?", "-c", "copy", "-map_metadata", "-1", "-map_chapters", "-1"),
            *("-movflags", "+faststart", "-f", "mp4", "-y", made.name),
        ),
        cpu_s=_cpu_s(video),
        most_bytes=_SOME_BYTES + 2 * (folder / SOURCE).stat().st_size,
    )
    return made


async def cut(folder: Path, made: Path, video: Probe) -> list[tuple[Path, int]]:
    """Cut a variant at its key frames into segments; return them with how long each is, in milliseconds."""
    arguments = ("-f", "mov", "-i", made.name, "-c", "copy", "-f", "hls", "-hls_time", str(SEGMENT_S))
    playlist = ("-hls_playlist_type", "vod", "-hls_segment_filename", f"{made.stem}-%05d.ts", "-y", f"{made.stem}.list")
    await run_ffmpeg(folder, (*arguments, *playlist), cpu_s=_cpu_s(video))
    return [(folder / name, duration_ms) for name, duration_ms in segments_of(_read(folder / f"{made.stem}.list"))]


async def run_ffmpeg(
    folder: Path, arguments: tuple[str, ...], *, cpu_s: int, most_bytes: int = _SOME_BYTES, told: Told | None = None
) -> str:
    """Run ffmpeg in a folder to its end, or end it when whoever waits for it is cancelled.

    Args:
        folder: All that it opens is there.
        arguments: What it shall do.
        cpu_s: So much of a processor it may use; it is given four times as long by the clock.
        most_bytes: No file that it writes becomes larger.
        told: Is called with the milliseconds that are done.

    Returns:
        The end of what it told of its progress.

    Raises:
        Unplayable: It could do nothing with the source, or not with what it was given.
        RuntimeError: The fault is ours.
    """
    options = ("-hide_banner", "-nostdin", "-v", "error", "-nostats", "-progress", "pipe:1")
    process = await asyncio.create_subprocess_exec(
        *CONFINED,
        *(str(cpu_s), str(most_bytes), get_ffmpeg_exe(), *options, *arguments),
        cwd=folder,
        env={},  # ours holds our secrets: it gets none of it
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = cast("asyncio.StreamReader", process.stdout), cast("asyncio.StreamReader", process.stderr)
    try:
        async with asyncio.timeout(4 * cpu_s):
            progress, said = await asyncio.gather(_follow(stdout, told), _tail(stderr))
            await process.wait()
    except TimeoutError:
        raise Unplayable("The video takes too long to be made ready.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode and any(sign in said for sign in _OURS):
        raise RuntimeError(f"ffmpeg could not work: {said[-500:]}")
    if process.returncode:
        raise Unplayable("The video is damaged, or of a kind that cannot be read.")
    return progress


def _opening(content_type: str) -> tuple[str, ...]:
    return (
        *("-protocol_whitelist", "file,pipe", "-codec_whitelist", _DECODERS, "-threads", _THREADS),
        *("-f", _DEMUXERS[content_type], "-i", SOURCE),
    )


def _cpu_s(video: Probe) -> int:
    return _PROBE_S + _CPU_PER_SECOND * video.duration_ms // 1000


async def _follow(stream: asyncio.StreamReader, told: Told | None) -> str:
    progress = ""
    async for line in stream:
        text = line.decode(errors="replace")
        progress = (progress + text)[-_TAIL_BYTES:]
        name, _, value = text.partition("=")
        if told is not None and name == "out_time_us" and value.strip().isdigit():
            await told(int(value) // 1000)
    return progress


async def _tail(stream: asyncio.StreamReader) -> str:
    said = b""
    while chunk := await stream.read(_TAIL_BYTES):
        said = (said + chunk)[-_TAIL_BYTES:]
    return said.decode(errors="replace")


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
