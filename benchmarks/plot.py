"""A curve for each of some tools as an SVG, both axes logarithmic; needs nothing but Python.

>>> picture = draw_curves({"one": {10_000: 2.0, 100_000: 20.0}, "two": {10_000: 3.0}}, "articles", "seconds")
>>> picture.startswith("<svg"), picture.count("<polyline")
(True, 2)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 20, 50
COLOURS = ("#0b62a4", "#c44e1d", "#3f7d2c", "#7a4ea3", "#8a6d1f", "#555555")


def draw_curves(curves: Mapping[str, Mapping[int, float]], across: str, up: str) -> str:
    """The picture. `curves` holds the values of each tool by number of articles; `across` and `up` name the axes."""
    numbers = [number for curve in curves.values() for number in curve]
    values = [value for curve in curves.values() for value in curve.values()]
    low_x, high_x = (math.log10(edge(numbers)) for edge in (min, max))
    low_y, high_y = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))

    def place(number: float, value: float) -> tuple[float, float]:
        x = LEFT + (math.log10(number) - low_x) / max(high_x - low_x, 1e-9) * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - (math.log10(value) - low_y) / max(high_y - low_y, 1) * (HEIGHT - TOP - BOTTOM)
        return round(x, 1), round(y, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for power in range(low_y, high_y + 1):
        _, y = place(numbers[0], 10.0**power)
        parts.append(f'<path d="M{LEFT} {y}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{10.0**power:g}</text>')
    for number in sorted(set(numbers)):
        x, _ = place(number, values[0])
        parts.append(f'<path d="M{x} {TOP}V{HEIGHT - BOTTOM}" stroke="#eeeeee"/>')
        parts.append(f'<text x="{x}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{number:,}</text>')
    for (tool, curve), colour in zip(curves.items(), COLOURS, strict=False):
        points = [place(number, value) for number, value in sorted(curve.items())]
        line = " ".join(f"{x},{y}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(f'<text x="{points[-1][0] + 8}" y="{points[-1][1] + 4}" fill="{colour}">{escape(tool)}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>')
    parts.append(
        f'<text x="16" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 16 {HEIGHT / 2})">{escape(up)}</text>'
    )
    return "\n".join([*parts, "</svg>\n"])
