"""Draws what the demonstration needs: covers, sheets to print, and short films by ffmpeg."""

import subprocess
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import imageio_ffmpeg

from kernel.errors import Unavailable
from kernel.scratch import scratch_folder
from plugins.courses.demo.plans import CoursePlan

_SIZE = (960, 540)
_PALETTES = {
    "Programming": ("#0f2a43", "#2b6f8f", "#f2a65a"),
    "Design": ("#3b1f3f", "#b0527a", "#f7d794"),
    "Business": ("#1f2f2a", "#4f7f6b", "#f0c75e"),
    "Languages": ("#3a2415", "#b4663a", "#ffe3b3"),
    "Science": ("#12163a", "#4350a8", "#8be0d4"),
    "Everyday life": ("#33270f", "#94783a", "#f4efe0"),
}
_FILMS = {
    12: ("#0f2a43", "#2b6f8f", "#f2a65a"),
    16: ("#3b1f3f", "#b0527a", "#f7d794"),
    20: ("#12163a", "#4350a8", "#8be0d4"),
    24: ("#1f2f2a", "#4f7f6b", "#f0c75e"),
    28: ("#0d2b30", "#0a6565", "#f2b880"),
    32: ("#2b2152", "#6b57a8", "#f3d9a4"),
}
"""Three colours, by the seconds that a film takes: a ground, what stands on it, and what moves."""
_FILM_SIZE = (640, 360)


def cover(course: CoursePlan) -> bytes:
    """Draw the picture on a course's card: the colours are its category's, the shapes its own."""
    from PIL import Image, ImageDraw, ImageOps  # import: start-up-time

    dark, light, accent = _PALETTES[course.category]
    numbers = iter(sha256(course.own_slug.encode()).digest())
    picture = ImageOps.colorize(Image.linear_gradient("L").resize(_SIZE), dark, light)
    for place in range(7):
        shape = Image.new("L", _SIZE)
        x, y, radius = next(numbers) * _SIZE[0] // 255, next(numbers) * _SIZE[1] // 255, 40 + next(numbers)
        box = (x - radius, y - radius, x + radius, y + radius)
        pen = ImageDraw.Draw(shape)
        if next(numbers) % 2:
            pen.ellipse(box, fill=110)
        else:
            pen.ellipse(box, outline=200, width=12)
        picture.paste(accent if place % 3 == 0 else light, mask=shape)
    drawn = BytesIO()
    picture.save(drawn, "JPEG", quality=88)
    return drawn.getvalue()


def worksheet(course: CoursePlan, title: str) -> bytes:
    """Return a PDF: every lesson, with lines to write on."""
    from fpdf import FPDF  # import: start-up-time

    sheet = FPDF()
    sheet.set_title(title)
    sheet.add_page()
    for size, text in ((20, title), (11, f"{course.title}. {course.short_description}")):
        sheet.set_font("Helvetica", size=size)
        sheet.multi_cell(0, size * 0.5, text, new_x="LMARGIN", new_y="NEXT")
        sheet.ln(4)
    for chapter in course.chapters:
        for lesson in chapter.lessons:
            sheet.set_font("Helvetica", style="B", size=12)
            sheet.multi_cell(0, 8, f"{chapter.title}: {lesson.title}", new_x="LMARGIN", new_y="NEXT")
            for _ in range(3):
                sheet.ln(8)
                sheet.line(sheet.l_margin, sheet.y, sheet.w - sheet.r_margin, sheet.y)
            sheet.ln(6)
    return bytes(sheet.output())


@cache
def film(seconds: int) -> bytes:
    """Return a video of a disc that crosses a still picture, with a tone that beats, made by ffmpeg in its own process.

    Raises:
        Unavailable: ffmpeg cannot make it.
    """
    way = f"overlay=x='(W+w)*t/{seconds}-w':y='(H-h)/2+H/5*sin(6.283*t/{seconds})':shortest=1"
    with scratch_folder("film") as folder:
        ground, disc, path = (folder / name for name in ("ground.png", "disc.png", "film.mp4"))
        _draw_stage(seconds, ground, disc)
        command = [
            imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error",
            "-loop", "1", "-framerate", "12", "-i", str(ground), "-loop", "1", "-framerate", "12", "-i", str(disc),
            "-f", "lavfi", "-i", f"sine=frequency={200 + 10 * seconds}:beep_factor=2:sample_rate=22050",
            "-filter_complex", way, "-t", str(seconds), "-c:v", "libx264", "-preset", "ultrafast", "-crf", "26",
            "-g", "24", "-pix_fmt", "yuv420p", "-threads", "1", "-c:a", "aac", "-b:a", "24k",
            "-movflags", "+faststart", str(path),
        ]  # fmt: skip
        if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:
            raise Unavailable("ffmpeg could not make the demonstration's videos; its message stands above.")
        return path.read_bytes()


def _draw_stage(seconds: int, ground: Path, disc: Path) -> None:
    """Draw what stands still and what moves; large, then made small, so that the edges are smooth."""
    from PIL import Image, ImageDraw  # import: start-up-time

    dark, light, accent = _FILMS[seconds]
    large = (2 * _FILM_SIZE[0], 2 * _FILM_SIZE[1])
    picture = Image.new("RGB", large, dark)
    for (x, y), radius, strength in (((1000, 60), 380, 110), ((1130, 640), 240, 255), ((150, 690), 170, 150)):
        mask = Image.new("L", large)
        ImageDraw.Draw(mask).ellipse((x - radius, y - radius, x + radius, y + radius), fill=strength)
        picture.paste(light, mask=mask)
    picture.resize(_FILM_SIZE, Image.Resampling.LANCZOS).save(ground)
    shape = Image.new("L", (256, 256))
    ImageDraw.Draw(shape).ellipse((2, 2, 253, 253), fill=255)
    moving = Image.new("RGBA", (128, 128), accent)
    moving.putalpha(shape.resize((128, 128), Image.Resampling.LANCZOS))
    moving.save(disc)
