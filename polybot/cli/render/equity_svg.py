"""The equity curve as a picture: a plain SVG of our own, dark on white, readable without colour."""

from dataclasses import dataclass
from math import ceil, floor, log10
from xml.sax.saxutils import escape

W, H = 960, 480
LEFT, RIGHT, TOP, BOTTOM = 72, 24, 56, 92
INK, GRID, LINE, SHADE, WIN, LOSS = "#1a1a1a", "#dddddd", "#1f4e9c", "#c0392b", "#1e7d34", "#c0392b"


@dataclass(frozen=True)
class CurvePoint:
    """Equity after a window. traded: None skipped, True won, False lost."""

    label: str
    equity_e6: int
    traded: bool | None


def drawdowns_e6(values: list[int]) -> list[int]:
    """How far below its highest so far each value lies, ≥ 0."""
    peak, out = 0, []
    for value in values:
        peak = max(peak, value)
        out.append(peak - value)
    return out


def svg(title: str, subtitle: str, start_e6: int, points: list[CurvePoint]) -> str:
    """The curve (top) and the drawdown (below it) over the windows."""
    values = [start_e6, *(p.equity_e6 for p in points)]
    frame = _Frame(values)
    body = [*_heading(title, subtitle), *_grid(frame), *_drawdown(frame, values), *_labels(points)]
    body.append(_base(frame, start_e6))
    body.append(_curve(frame, values))
    body += [_dot(frame, i, p) for i, p in enumerate(points, 1) if p.traded is not None]
    body += _legend()
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {H}" width="{W}" height="{H}"'
    return (
        f'{head} font-family="sans-serif">\n<rect width="{W}" height="{H}" fill="white"/>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


class _Frame:
    """Where values lie on the page. The drawdown has its own band under the curve, same scale."""

    def __init__(self, values: list[int]) -> None:
        self.count = max(1, len(values) - 1)
        low, high = min(values), max(values)
        self.step = _nice(max(high - low, 1_000_000) / 5)
        self.low = floor(low / self.step) * self.step
        self.high = max(ceil(high / self.step) * self.step, self.low + self.step)
        self.deepest = max(drawdowns_e6(values))
        self.band = 56.0
        self.top, self.bottom = float(TOP), float(H - BOTTOM - self.band - 18)

    def x(self, i: int) -> float:
        return LEFT + (W - LEFT - RIGHT) * i / self.count

    def y(self, value_e6: float) -> float:
        return self.bottom - (self.bottom - self.top) * (value_e6 - self.low) / (self.high - self.low)

    def depth_y(self, drawdown_e6: int) -> float:
        return H - BOTTOM - self.band + self.band * drawdown_e6 / max(self.deepest, 1)


def _nice(raw_e6: float) -> int:
    """1, 2 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(raw_e6))
    return int(next(m * power for m in (1, 2, 5, 10) if m * power >= raw_e6))


def _text(x: float, y: float, words: str, *, size: int = 12, anchor: str = "start", weight: str = "normal") -> str:
    style = f'font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" fill="{INK}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, extra: str = "") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" {extra}/>'


def _heading(title: str, subtitle: str) -> list[str]:
    return [_text(LEFT, 24, title, size=16, weight="bold"), _text(LEFT, 42, subtitle, size=12)]


def _grid(frame: _Frame) -> list[str]:
    made = []
    value = frame.low
    while value <= frame.high:
        y = frame.y(value)
        made.append(_line(LEFT, y, W - RIGHT, y, GRID))
        made.append(_text(LEFT - 8, y + 4, f"{value / 1e6:g}", anchor="end"))
        value += frame.step
    made.append(_line(LEFT, frame.top, LEFT, frame.bottom, INK))
    made.append(_line(LEFT, frame.bottom, W - RIGHT, frame.bottom, INK))
    middle = (frame.top + frame.bottom) / 2
    turned = f'transform="rotate(-90 18 {middle:.1f})" font-size="12" text-anchor="middle" fill="{INK}"'
    made.append(f'<text x="18" y="{middle:.1f}" {turned}>equity, USD</text>')
    return made


def _base(frame: _Frame, start_e6: int) -> str:
    y = frame.y(start_e6)
    return _line(LEFT, y, W - RIGHT, y, INK, 'stroke-dasharray="4 4" stroke-width="0.8"')


def _curve(frame: _Frame, values: list[int]) -> str:
    points = " ".join(f"{frame.x(i):.1f},{frame.y(v):.1f}" for i, v in enumerate(values))
    return f'<polyline points="{points}" fill="none" stroke="{LINE}" stroke-width="2" stroke-linejoin="round"/>'


def _dot(frame: _Frame, i: int, point: CurvePoint) -> str:
    """Won: full; lost: hollow. The shape tells it without colour."""
    fill, edge = (WIN, WIN) if point.traded else ("white", LOSS)
    where = f'cx="{frame.x(i):.1f}" cy="{frame.y(point.equity_e6):.1f}" r="3.5"'
    return f'<circle {where} fill="{fill}" stroke="{edge}" stroke-width="1.5"/>'


def _drawdown(frame: _Frame, values: list[int]) -> list[str]:
    top = frame.depth_y(0)
    depths = drawdowns_e6(values)
    path = " ".join(f"{frame.x(i):.1f},{frame.depth_y(d):.1f}" for i, d in enumerate(depths))
    closed = f"{LEFT},{top:.1f} {path} {frame.x(len(values) - 1):.1f},{top:.1f}"
    deepest = f"-{frame.deepest / 1e6:.2f}"
    return [
        f'<polygon points="{closed}" fill="{SHADE}" fill-opacity="0.25" stroke="{SHADE}" stroke-width="1"/>',
        _line(LEFT, top, W - RIGHT, top, INK, 'stroke-width="0.8"'),
        _text(LEFT - 8, top + 4, "0", anchor="end"),
        _text(LEFT - 8, top + frame.band + 4, deepest if frame.deepest else "", anchor="end"),
        _text(W - RIGHT, top + frame.band + 12, "drawdown from the highest so far, USD", size=11, anchor="end"),
    ]


def _labels(points: list[CurvePoint]) -> list[str]:
    """Window times along the foot: about ten of them."""
    made = []
    every = max(1, ceil(len(points) / 10))
    count = max(1, len(points))
    for i, point in enumerate(points, 1):
        if i % every == 0 or i == 1:
            x = LEFT + (W - LEFT - RIGHT) * i / count
            made.append(_line(x, H - BOTTOM + 16, x, H - BOTTOM + 21, INK))
            made.append(_text(x, H - BOTTOM + 34, point.label, size=11, anchor="middle"))
    made.append(_text((LEFT + W - RIGHT) / 2, H - BOTTOM + 52, "end of window, UTC", size=12, anchor="middle"))
    return made


def _legend() -> list[str]:
    y = H - 16
    return [
        f'<circle cx="{LEFT + 4}" cy="{y - 4}" r="3.5" fill="{WIN}" stroke="{WIN}" stroke-width="1.5"/>',
        _text(LEFT + 14, y, "won", size=11),
        f'<circle cx="{LEFT + 64}" cy="{y - 4}" r="3.5" fill="white" stroke="{LOSS}" stroke-width="1.5"/>',
        _text(LEFT + 74, y, "lost", size=11),
        _line(LEFT + 118, y - 4, LEFT + 142, y - 4, INK, 'stroke-dasharray="4 4" stroke-width="0.8"'),
        _text(LEFT + 148, y, "purse", size=11),
    ]
