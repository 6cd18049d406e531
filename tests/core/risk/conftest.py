"""A risk core on the bench, and a builder for each word it hears."""

import json
from typing import Any

import msgspec
import pytest

from messages import (
    Account,
    ApprovedOrder,
    Book,
    FeeSchedule,
    Judged,
    MarketListed,
    OraclePrice,
    OrderIntent,
    OrderUpdate,
    Position,
    Positions,
    Prediction,
    PriceTick,
    RiskState,
    RiskVerdict,
    Snapshot,
    SnapshotTaken,
    WindowObserved,
    Word,
)
from messages.inner import Started, StartupOver, Tick
from messages.units import NS
from polybot.core.risk import RiskCore
from polybot.core.sizing.amounts import BuyAmounts, fak_buy, resting_buy
from polybot.settings import Settings

T0 = 1_795_132_800
FEE = FeeSchedule(rate_e6=70_000, exponent=1, taker_only=True)
FREE_E6 = 100_000_000


def slug_of(start_s: int) -> str:
    return f"btc-updown-5m-{start_s}"


def an_intent(stake_e6: int = 5_000_000, limit_e6: int = 530_000, start_s: int = T0, **changed: Any) -> OrderIntent:
    buy = fak_buy(stake_e6, limit_e6, FEE)
    if not isinstance(buy, BuyAmounts):
        buy = BuyAmounts(limit_e6, stake_e6, 1, stake_e6)
    strategy = changed.get("strategy", "coin")
    fields: dict[str, Any] = {
        "id": f"main/{strategy}/{slug_of(start_s)}/1",
        "account": "main",
        "strategy": "coin",
        "slug": slug_of(start_s),
        "condition_id": "0x1",
        "token_id": "111",
        "outcome": "UP",
        "side": "BUY",
        "order_type": "FAK",
        "stake_e6": stake_e6,
        "limit_e6": limit_e6,
        "maker_e6": buy.maker_e6,
        "taker_e6": buy.taker_e6,
        "worst_e6": buy.worst_e6,
        "fee_rate_e6": 70_000,
        "fee_exponent": 1,
        "neg_risk": False,
        "start_s": start_s,
        "end_s": start_s + 300,
        "good_until_ns": (start_s + 13) * NS,
        "cancel_at_ns": (start_s + 270) * NS,
        "win_streak": 0,
        "prediction": a_prediction(start_s),
    }
    return OrderIntent(**{**fields, **changed})


def a_prediction(start_s: int, **changed: Any) -> Prediction:
    fields: dict[str, Any] = {
        "account": "main",
        "strategy": "coin",
        "slug": slug_of(start_s),
        "condition_id": "0x1",
        "n": 1,
        "start_s": start_s,
        "end_s": start_s + 300,
        "signal_type": "baseline",
        "label": "low",
        "prediction": "UP",
        "probability": None,
        "indicators": {},
        "btc_price": None,
        "strike": None,
        "strike_source": "",
        "up_ask_e6": 510_000,
        "down_ask_e6": 510_000,
        "reason_code": "",
        "reason": "",
        "decided_ns": (start_s + 10) * NS,
        "good_until_ns": (start_s + 13) * NS,
    }
    return Prediction(**(fields | changed))


def an_account(**changed: Any) -> Account:
    fields: dict[str, Any] = {
        "account": "main",
        "ready": True,
        "why_not_ready": "",
        "purse_e6": 100_000_000,
        "equity_e6": 100_000_000,
        "free_e6": FREE_E6,
        "halted": False,
        "halt_reason": "",
        "streaks": {},
        "unknown_orders": (),
        "blocked_slugs": (),
        "day": "2026-11-20",
        "venue_state": "",
        "journal_seq": 1,
    }
    sums = {f: 0 for f in Account.__struct_fields__ if f not in (*fields, "days", "sent")}
    return Account(**{**sums, **fields, **changed})


def positions(**changed: Any) -> Positions:
    fields: dict[str, Any] = {"account": "main", "positions": (), "orders": (), "foreign": (), "journal_seq": 1}
    return Positions(**{**fields, **changed})


def a_position(start_s: int = T0, **changed: Any) -> Position:
    fields: dict[str, Any] = {
        "account": "main",
        "strategy": "coin",
        "slug": slug_of(start_s),
        "token_id": "111",
        "outcome": "UP",
        "size_e6": 9_000_000,
        "cost_e6": 5_000_000,
        "provisional_e6": 0,
        "end_s": start_s + 300,
        "state": "open",
    }
    return Position(**{**fields, **changed})


def an_order(intent: OrderIntent, **changed: Any) -> OrderUpdate:
    fields: dict[str, Any] = {
        "account": "main",
        "order_id": f"0x{intent.id}",
        "intent_id": intent.id,
        "strategy": intent.strategy,
        "slug": intent.slug,
        "token_id": intent.token_id,
        "outcome": intent.outcome,
        "side": "BUY",
        "state": "LIVE",
        "final": False,
        "filled_e6": 0,
        "cost_e6": 0,
        "fee_e6": 0,
        "reserved_e6": intent.worst_e6,
        "limit_e6": intent.limit_e6,
        "stake_e6": intent.stake_e6,
        "reason_code": "",
        "reason": "",
        "posts": 1,
        "updated_ns": 0,
        "journal_seq": 1,
    }
    return OrderUpdate(**{**fields, **changed})


def a_market(start_s: int = T0, **changed: Any) -> MarketListed:
    fields: dict[str, Any] = {
        "slug": slug_of(start_s),
        "condition_id": "0x1",
        "up_token": "111",
        "down_token": "222",
        "start_s": start_s,
        "end_s": start_s + 300,
        "tick_e6": 10_000,
        "min_size_e6": 5_000_000,
        "fee": FEE,
        "neg_risk": False,
        "rule": "twap60",
        "rule_why": "",
        "synthetic_books": True,
    }
    return MarketListed(**{**fields, **changed})


def a_window(start_s: int = T0, strike: float | None = 64000.0) -> WindowObserved:
    return WindowObserved(
        slug=slug_of(start_s),
        start_s=start_s,
        end_s=start_s + 300,
        strike_e18=None if strike is None else f"{int(strike)}{'0' * 18}",
        strike=strike,
        strike_source="rtds_twap60",
        why="no print stamped at the start" if strike is None else "",
    )


def a_book(at_ns: int, start_s: int = T0, **changed: Any) -> Book:
    fields: dict[str, Any] = {
        "slug": slug_of(start_s),
        "condition_id": "0x1",
        "up_bids": ((490_000, 200_000_000),),
        "up_asks": ((510_000, 200_000_000),),
        "down_bids": ((490_000, 200_000_000),),
        "down_asks": ((510_000, 200_000_000),),
        "venue_ns": at_ns,
        "received_ns": at_ns,
    }
    return Book(**{**fields, **changed})


def a_tick(at_ns: int, price: float = 64000.0) -> PriceTick:
    return PriceTick(symbol="BTCUSDT", price=price, size=0.1, trade_id=1, traded_ns=at_ns, source="binance")


def a_print(at_ns: int) -> OraclePrice:
    return OraclePrice(
        symbol="btc/usd",
        feed="twap60",
        price=64000.0,
        value_e18="64000000000000000000000",
        observed_ns=at_ns,
        received_ns=at_ns,
        source="rtds",
    )


class Bench:
    """A risk core at speed 1 in a session of many windows, and what it said. Moments are seconds after T0."""

    def __init__(
        self,
        knobs: Settings | None = None,
        halted: str = "",
        boot: int = 7,
        paused: str = "",
        windows: int = 50,
        speed: float = 1.0,
    ) -> None:
        self.core = RiskCore()
        self.said: list[Word] = []
        self.hear(
            -60.0,
            Started(
                actor="risk",
                boot=boot,
                config=msgspec.json.encode(knobs or Settings()).decode(),
                versions={},
                mono_s=0.0,
                speed=speed,
                session=json.dumps({"id": "s", "first_window_s": T0, "windows": windows, "speed": speed}),
                halted=halted,
                paused=paused,
            ),
        )

    def hear(self, at_s: float, *words: Word) -> list[Word]:
        now_ns = T0 * NS + round(at_s * NS)
        new = [said for word in words for said in self.core.handle(word, now_ns)]
        self.said += new
        return new

    def grown(self, at_s: float = 9.0) -> "Bench":
        """No longer in its first seconds: what is not there is refused, not waited for."""
        self.hear(at_s, Tick(timer=StartupOver(), mono_s=2.0))
        return self

    def snapshot(self, at_s: float, account: Account | None = None, held: Positions | None = None) -> list[Word]:
        asked = self.all(Snapshot)[-1]
        return self.hear(
            at_s, SnapshotTaken(id=asked.id, account=account or an_account(), positions=held or positions())
        )

    def ready(self, at_s: float = 10.0, start_s: int = T0) -> "Bench":
        """Everything fresh as of at_s, the first snapshot taken."""
        if not self.core._has_snapshot:
            self.snapshot(at_s)
        return self.ready_again(at_s, start_s)

    def ready_again(self, at_s: float, start_s: int) -> "Bench":
        """Everything fresh, whether there is a snapshot or not."""
        ns = T0 * NS + round(at_s * NS)
        self.hear(at_s, a_market(start_s), a_window(start_s), a_tick(ns), a_print(ns), a_book(ns, start_s))
        return self

    def all(self, kind: type[Any]) -> list[Any]:
        return [w for w in self.said if isinstance(w, kind)]

    def judge(self, intent: OrderIntent | None = None, at_s: float = 10.0) -> RiskVerdict:
        said = self.hear(at_s, intent or an_intent())
        (verdict,) = [w for w in said if isinstance(w, RiskVerdict)]
        (judged,) = [w for w in said if isinstance(w, Judged)]
        assert judged.verdict == verdict and judged.id == verdict.intent_id
        assert verdict.approved == any(isinstance(w, ApprovedOrder) for w in said) == (not verdict.reason_code)
        assert verdict.approved or verdict.reason, "a refusal says why"
        return verdict

    @property
    def state(self) -> RiskState:
        return self.all(RiskState)[-1]  # type: ignore[no-any-return]


def code_with(at_s: float, *words: Word, intent: OrderIntent | None = None, knobs: Settings | None = None) -> str:
    """The reason code when everything else is in order."""
    bench = Bench(knobs).grown().ready(at_s)
    bench.hear(at_s, *words)
    return bench.judge(intent, at_s).reason_code


def with_book(**changed: Any) -> Book:
    return a_book((T0 + 10) * NS, **changed)


def second_window(bench: Bench, at_s: float = 310.0) -> str:
    return bench.ready(at_s, T0 + 300).judge(an_intent(start_s=T0 + 300), at_s).reason_code


def a_resting(**changed: Any) -> OrderIntent:
    """9.43 shares at 0.53, cancelled when the window opens."""
    buy = resting_buy(5_000_000, 530_000, FEE, 5_000_000)
    assert isinstance(buy, BuyAmounts)
    fields: dict[str, Any] = {
        "order_type": "GTC",
        "post_only": True,
        "stake_e6": buy.maker_e6,
        "maker_e6": buy.maker_e6,
        "taker_e6": buy.taker_e6,
        "worst_e6": buy.worst_e6,
        "cancel_at_ns": T0 * NS,
    }
    return an_intent(**{**fields, **changed})


def early_code(at_s: float, intent: OrderIntent, *words: Word) -> str:
    """Everything in order but the strike, which does not exist yet."""
    bench = Bench().grown().ready(at_s)
    bench.core._market.windows.clear()
    bench.hear(at_s, *words)
    return bench.judge(intent, at_s).reason_code


class Kit:
    """Everything above, for tests: files do not import one another."""

    T0, FEE, FREE_E6 = T0, FEE, FREE_E6
    slug_of = staticmethod(slug_of)
    an_intent = staticmethod(an_intent)
    a_prediction = staticmethod(a_prediction)
    an_account = staticmethod(an_account)
    positions = staticmethod(positions)
    a_position = staticmethod(a_position)
    an_order = staticmethod(an_order)
    a_market = staticmethod(a_market)
    a_window = staticmethod(a_window)
    a_book = staticmethod(a_book)
    a_tick = staticmethod(a_tick)
    a_print = staticmethod(a_print)
    Bench = Bench
    code_with = staticmethod(code_with)
    with_book = staticmethod(with_book)
    second_window = staticmethod(second_window)
    a_resting = staticmethod(a_resting)
    early_code = staticmethod(early_code)


@pytest.fixture(scope="session")
def kit() -> Kit:
    return Kit()
