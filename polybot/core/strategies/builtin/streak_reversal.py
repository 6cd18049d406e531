"""streak_reversal (rules §5): after `streak` (4) windows with one outcome, the other one, placed before the window opens.

1. The bet on window k+1 is placed 30 s before it opens, while k still runs: the outcomes are those of k−1 … k−N, one after
   the other and none of them unknown (INSUFFICIENT_DATA); k itself is not used. The venue's word counts, before it the
   provisional outcome. A session's first windows have none before them.
2. By default a post-only order that rests at `max_price` (0.51) or better and is cancelled when the window opens: it pays no
   fee, and is filled only if somebody comes.
3. `take = true` buys at once instead, and only where the ask and its fee cost at most `max_all_in` (0.51) together.

As it can really be traded it was right in 52.45 % of 1,752 cases of the recorded outcomes, standard error 1.2: a taker at
0.52 with its fee needs 53.75 %. No evidence of profit.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from messages import FeeSchedule, Outcome, Word
from polybot.core.market.book_rules import ask_e6
from polybot.core.market.windows import WINDOW_S, slug_of
from polybot.core.strategies.fair_price import fee_per_share
from polybot.core.strategies.protocol import Bet, Decision, EventView, Params, Value, must

MOST = 10


class StreakReversal:
    """Bets on the other outcome after a run of equal ones; see the head of this file."""

    name = "streak_reversal"
    description = "after N windows with one outcome bets on the other, 30 s before the window opens"
    from_s, until_s = -30.0, -20.0
    windows_back = MOST + 1
    default_params: ClassVar[Params] = {"streak": 4, "max_price": 0.51, "take": False, "max_all_in": 0.51}
    param_grid: ClassVar[Mapping[str, Sequence[Value]]] = {
        "streak": (2, 3, 4, 5, 6),
        "max_price": (0.49, 0.50, 0.51),
        "take": (False, True),
    }

    def check(self, params: Params, has_volumes: bool) -> None:
        streak = int(params["streak"])
        must(1 <= streak <= MOST, f"streak = {streak} must be 1 … {MOST} windows")
        for key in ("max_price", "max_all_in"):
            must(0 < float(params[key]) < 1, f"{key} = {float(params[key]):g} must be between 0 and 1")

    def on_event(self, message: Word, view: EventView, now_ns: int, **params: Any) -> Iterable[Bet]:
        decision = _decide(view, params)
        return [Bet(view.window.start_s, decision, is_final=decision.reason_code == "NO_SIGNAL")]


def _decide(view: EventView, params: Mapping[str, Any]) -> Decision:
    start_s, count = view.window.start_s, int(params["streak"])
    slugs = [slug_of(start_s - WINDOW_S * (back + 1)) for back in range(1, count + 1)]
    outcomes = [view.market.outcome(slug) for slug in slugs]
    if None in outcomes:
        unknown = slugs[outcomes.index(None)]
        return _none("INSUFFICIENT_DATA", f"the outcome of {unknown} is unknown: {count} in a row are needed")
    ups = outcomes.count("UP")
    seen = {"ups": float(ups), "downs": float(count - ups)}
    if 0 < ups < count:
        return _none("NO_SIGNAL", f"{ups} UP and {count - ups} DOWN in {count} windows: no streak", seen)
    side: Outcome = "DOWN" if ups else "UP"
    if not params["take"]:
        return Decision(side, "reversal", indicators=seen, limit=float(params["max_price"]), rests=True)
    return _taking(view, side, float(params["max_all_in"]), seen)


def _taking(view: EventView, side: Outcome, most: float, seen: dict[str, float]) -> Decision:
    """The decision to buy at once (rule 3). The limit is the dearest cent that still holds it, so that slack cannot
    break it.
    """
    slug = view.window.slug
    book, listed = view.market.books.get(slug), view.market.markets.get(slug)
    ask = ask_e6(book, side) if book else None
    if ask is None or listed is None or listed.fee is None:
        return _none("NO_ASK", f"nobody offers {side}", seen)
    cost = _all_in(ask / 1e6, listed.fee)
    if cost > most:
        return _none("PRICE_ABOVE_CAP", f"{side} costs {cost:.4f} with its fee, above max_all_in = {most:g}", seen)
    limit = max((cents / 100 for cents in range(1, 100) if _all_in(cents / 100, listed.fee) <= most), default=0.01)
    return Decision(side, "reversal", indicators=seen, limit=limit)


def _all_in(price: float, fee: FeeSchedule) -> float:
    return price + fee_per_share(price, fee.rate_e6 / 1e6, fee.exponent)


def _none(code: str, text: str, seen: dict[str, float] | None = None) -> Decision:
    return Decision(None, "no_signal", indicators=seen or {}, reason_code=code, reason=text)


STRATEGY = StreakReversal()
