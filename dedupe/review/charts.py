"""Charts of the report: bars drawn in SVG, without script or style of their own; what they show is said in words as well."""

from __future__ import annotations

from collections.abc import Sequence

from dedupe.review.markup import escape_attribute

_WIDTH, _ROW, _LABEL, _NUMBER = 640, 24, 210, 70
_LONGEST = 26  # characters of a label


def draw_bars(title: str, bars: Sequence[tuple[str, float]], *, unit: str = "") -> str:
    """A figure of horizontal bars, longest scale first come; the empty string without bars. Labels may be anything.

    >>> draw_bars("Pairs", [("near", 3)]).count("<rect")
    1
    """
    if not bars:
        return ""
    most = max(number for _, number in bars) or 1
    said = "; ".join(f"{label or '(none)'}: {_plain(number)}{unit}" for label, number in bars)
    rows = "".join(_row(at, label, number, most, unit) for at, (label, number) in enumerate(bars))
    height = len(bars) * _ROW
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    words = escape_attribute(f"{title}. {said}")
    picture = f'<svg role="img" {size} aria-label="{words}">{rows}</svg>'
    return f"<figure><figcaption>{escape_attribute(title)}</figcaption>{picture}</figure>"


def _row(at: int, label: str, number: float, most: float, unit: str) -> str:
    top, length = at * _ROW, max(1.0, (_WIDTH - _LABEL - _NUMBER) * number / most)
    shown = label or "(none)"
    shown = shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
    return (
        f'<text x="{_LABEL - 8}" y="{top + 16}" text-anchor="end">{escape_attribute(shown)}</text>'
        f'<rect x="{_LABEL}" y="{top + 4}" width="{length:.1f}" height="{_ROW - 8}" rx="2"></rect>'
        f'<text x="{_LABEL + length + 6:.1f}" y="{top + 16}" class="quiet">{_plain(number)}{escape_attribute(unit)}</text>'
    )


def _plain(number: float) -> str:
    return f"{number:,.0f}"
