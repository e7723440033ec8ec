"""Draws a picture anew; run as a program, so that what a hostile picture breaks is a process that holds nothing.

    python -m plugins.media.drawing SOURCE FOLDER

It writes into the folder what is to be stored and tells of it in JSON. What is drawn has no more than pixels: no place,
no camera, no comment, nothing behind the end. It stands upright, in sRGB; of a moving picture the first frame is kept.
Who runs it, and what becomes of the result, is decided in `actions.pictures`.
"""

import sys
from io import BytesIO
from pathlib import Path

import msgspec
from PIL import Image, ImageCms, ImageOps

from plugins.media.rules.pictures import MOST_PIXELS, MOST_TALL, NO_PICTURE, TOO_MANY_PIXELS, WIDTHS
from plugins.media.schemas import Drawn

_MEMORY_BYTES = 2 * 1024**3
_CPU_S = 60
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")


def main(source: str, folder: str) -> int:
    """Draw, print what was drawn, and return the exit code."""
    _limit()
    try:
        with Image.open(source, formats=_FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                return TOO_MANY_PIXELS
            kind = str(opened.format)
            picture = _plain(opened)
        drawn = [_picture(picture, kind, Path(folder)), *(_thumbnail(picture, each, Path(folder)) for each in WIDTHS)]
    except Image.DecompressionBombError:
        return TOO_MANY_PIXELS
    except Exception:  # noqa: BLE001 - whatever a picture makes the decoder raise, it is none
        return NO_PICTURE
    sys.stdout.buffer.write(msgspec.json.encode(drawn))
    return 0


def _limit() -> None:
    if sys.platform != "win32":
        import resource  # import: optional-dependency

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _plain(opened: Image.Image) -> Image.Image:
    """Return the first frame upright, in RGB or RGBA and sRGB, without anything that is said about it."""
    profile = opened.info.get("icc_profile")
    opened.load()
    upright = _upright(opened)
    if upright.mode.startswith("I"):  # 16 bits of grey
        upright = upright.point(lambda value: value / 256).convert("L")
    coloured = _in_srgb(upright, profile) if profile else upright
    plain = coloured.convert("RGBA" if coloured.has_transparency_data else "RGB")
    plain.info = {}
    return plain


def _upright(opened: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(opened)
    except Exception:  # noqa: BLE001 - what is said of it may be broken in any way; the pixels are good
        return opened


def _in_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    if picture.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return picture
    wanted = picture.mode if picture.mode == "RGBA" else "RGB"
    try:
        given = ImageCms.ImageCmsProfile(BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        drawn = ImageCms.profileToProfile(picture, given, srgb, outputMode=wanted)
    except (ImageCms.PyCMSError, OSError):  # a profile that is broken, or of other colours
        return picture
    return drawn or picture


def _picture(picture: Image.Image, kind: str, folder: Path) -> Drawn:
    """Write the picture in the kind that it came in; a GIF as PNG."""
    if kind == "JPEG":
        picture.convert("RGB").save(folder / "picture", "JPEG", quality=88, optimize=True, progressive=True)
    elif kind == "WEBP":
        picture.save(folder / "picture", "WEBP", quality=88)
    else:
        picture.save(folder / "picture", "PNG", optimize=False)
    stored = {"JPEG": "image/jpeg", "WEBP": "image/webp"}.get(kind, "image/png")
    return Drawn("picture", stored, picture.width, picture.height)


def _thumbnail(picture: Image.Image, width: int, folder: Path) -> Drawn:
    """Write the picture no wider than that; a narrower one keeps its size."""
    small = picture.copy()
    small.thumbnail((width, MOST_TALL), Image.Resampling.LANCZOS)
    name = f"w{width}.webp"
    small.save(folder / name, "WEBP", quality=80)
    return Drawn(name, "image/webp", small.width, small.height)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
