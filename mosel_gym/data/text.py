"""Text on pictures, with the scalable font that comes with Pillow."""

from __future__ import annotations

from functools import cache

from PIL import ImageDraw, ImageFont

Color = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def font(size: int) -> Font:
    """Pillow's built-in font at `size` pixels (Latin letters; others show as boxes)."""
    return ImageFont.load_default(size=size)


def line_height(size: int) -> int:
    """Pixels from one line to the next."""
    return round(size * 1.3)


def wrap(text: str, size: int, width: int, max_lines: int) -> list[str]:
    """Break text into lines that fit; what does not fit ends in "...".

    Args:
        text: Any text; line breaks count as spaces.
        size: Font size in pixels.
        width: Pixels that a line may take.
        max_lines: At most so many lines.
    """
    face = font(size)
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".lstrip()
        if line and face.getlength(longer) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    lines.append(line)
    if len(lines) > max_lines:
        lines = [*lines[: max_lines - 1], f"{lines[max_lines - 1]} ..."]
    return [_shorten(line, face, width) for line in lines]


def text_height(text: str, size: int, width: int, max_lines: int = 1) -> int:
    """Pixels that `draw_text` will take."""
    return line_height(size) * len(wrap(text, size, width, max_lines))


def draw_text(
    draw: ImageDraw.ImageDraw,
    text: str,
    position: tuple[int, int],
    size: int,
    color: Color,
    width: int,
    max_lines: int = 1,
) -> int:
    """Draw wrapped text and return the y below it."""
    x, y = position
    for line in wrap(text, size, width, max_lines):
        draw.text((x, y), line, font=font(size), fill=color)
        y += line_height(size)
    return y


def _shorten(line: str, face: Font, width: int) -> str:
    """Cut a line that is too long, such as one endless word."""
    if face.getlength(line) <= width:
        return line
    while line and face.getlength(f"{line}...") > width:
        line = line[:-1]
    return f"{line.rstrip(' .')}..."
