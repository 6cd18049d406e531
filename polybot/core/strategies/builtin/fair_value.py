"""fair_value (rules §5): buys a side for less than it is worth, by its own settlement rule (strategies/fair_price.py).

Once a window, at any moment in [start + 10 s, end − 30 s], when p − ask − fee(ask) ≥ `min_edge` (0.03) for either side; of two
the larger edge. Publishes p, so that Kelly may size by it. Without strike, σ or enough known seconds it has no opinion.
A spot print older than 5 s (more at high speed) is STALE_ORACLE, also where the market settles on a TWAP that is alive.

The price is the oracle's newest print, carried on by what the exchange has moved since: whoever trades on the print alone
buys what has just become worse. In a demo at 60× a reaction of 20 ms takes 1.2 s of market time; at --speed 5, 0.1 s.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from messages import Book, FeeSchedule, OraclePrice, Outcome, PriceTick, Word
from messages.units import NS
from polybot.core.market.book_rules import ask_e6
from polybot.core.strategies.fair_price import fee_per_share, settlement, sigma_per_root_s, up_probability
from polybot.core.strategies.protocol import Bet, Decision, EventView, Params, Timeframe, Value, must

SAMPLE_S = 30


class FairValue:
    """Buys a side whose probability exceeds what it costs, fee included; see the head of this file."""

    name = "fair_value"
    description = "buys what costs less than its probability, by the market's own settlement rule"
    timeframe: Timeframe = "30s"
    warm_up = 120
    from_s, until_s = 10.0, 270.0
    default_params: ClassVar[Params] = {"min_edge": 0.03, "half_life_s": 1800.0}
    param_grid: ClassVar[Mapping[str, Sequence[Value]]] = {
        "min_edge": (0.01, 0.02, 0.03, 0.05),
        "half_life_s": (600.0, 1800.0, 3600.0),
    }

    def check(self, params: Params, has_volumes: bool) -> None:
        edge, half_life = float(params["min_edge"]), float(params["half_life_s"])
        must(0 <= edge < 1, f"min_edge = {edge:g} must be 0 … 1, dollars a share")
        must(half_life >= SAMPLE_S, f"half_life_s = {half_life:g} must be at least {SAMPLE_S}")

    def on_event(self, message: Word, view: EventView, now_ns: int, **params: Any) -> Iterable[Bet]:
        if not isinstance(message, Book | PriceTick | OraclePrice):
            return []
        decision = _decide(view, now_ns, float(params["min_edge"]), float(params["half_life_s"]))
        return [Bet(view.window.start_s, decision)]


def _decide(view: EventView, now_ns: int, min_edge: float, half_life_s: float) -> Decision:
    market, window = view.market, view.window
    book, listed = market.books.get(window.slug), market.markets.get(window.slug)
    observed, spot = market.windows.get(window.slug), market.spot_now(now_ns)
    if stale := market.stale_spot(now_ns):
        return _none(stale.code, stale.text)
    if not (book and listed and listed.rule and listed.fee and observed and observed.strike and spot):
        return _none("INSUFFICIENT_DATA", "market, book, strike or the oracle's spot price is missing")
    sigma = sigma_per_root_s(view.candles.close, SAMPLE_S, half_life_s)
    price, holds_ns = spot
    h_s = window.end_s - holds_ns / NS
    expected = settlement(listed.rule, price, h_s, market.recent_spot, window.end_s)
    if sigma is None or expected is None:
        what = "volatility is" if sigma is None else "too many seconds of the average are"
        return _none("INSUFFICIENT_DATA", f"{what} unknown")
    mean, weight_s = expected
    p_up = up_probability(mean, observed.strike, sigma**2 * weight_s)
    seen = {"p_up": p_up, "sigma_bp": sigma * 1e4, "h_s": h_s, "mean": mean}
    sides: tuple[tuple[Outcome, float], ...] = (("UP", p_up), ("DOWN", 1 - p_up))
    edges = [(p - ask - _fee(ask, listed.fee), side, p, ask) for side, p in sides if (ask := _ask(book, side))]
    if not edges:
        return _none("NO_ASK", "nobody sells either side", seen)
    edge, side, p, ask = max(edges)
    seen |= {"edge": edge}
    if edge < min_edge:
        text = f"best edge {edge:+.3f} on {side}: worth {p:.3f}, ask {ask:g} and its fee; min_edge = {min_edge:g}"
        return _none("NO_EDGE", text, seen)
    return Decision(side, "edge", probability=p, indicators=seen, reason=f"worth {p:.3f} at {ask:g}, edge {edge:+.3f}")


def _ask(book: Book, side: Outcome) -> float | None:
    found = ask_e6(book, side)
    return None if found is None else found / 1e6


def _fee(ask: float, schedule: FeeSchedule) -> float:
    return fee_per_share(ask, schedule.rate_e6 / 1e6, schedule.exponent)


def _none(code: str, text: str, seen: dict[str, float] | None = None) -> Decision:
    return Decision(None, "no_signal", indicators=seen or {}, reason_code=code, reason=text)


STRATEGY = FairValue()
