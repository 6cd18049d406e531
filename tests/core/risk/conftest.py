"""A risk core on the bench, and wishes, holdings and orders whose amounts fit together."""

from typing import Literal, TypeVar, Unpack

import msgspec
import pytest

from messages import (
    Account,
    ApprovedOrder,
    Judged,
    OrderIntent,
    OrderUpdate,
    Outcome,
    Position,
    Positions,
    RiskState,
    RiskVerdict,
    Snapshot,
    SnapshotTaken,
    TradingState,
    Word,
)
from messages.inner import StartupOver, Tick
from messages.units import NS
from polybot.core.risk import RiskCore
from polybot.core.sizing.amounts import BuyAmounts, fak_buy, resting_buy
from polybot.settings import Settings
from tests import build
from tests.build import FEE, T0, IntentFields, slug_of, window

W = TypeVar("W", bound=Word)


def an_intent(start_s: int = T0, strategy: str = "coin", **changed: Unpack[IntentFields]) -> OrderIntent:
    """A wish of that window, its amounts as the sizing rules make them of stake and limit."""
    stake_e6, limit_e6 = changed.get("stake_e6", 5_000_000), changed.get("limit_e6", 530_000)
    buy = fak_buy(stake_e6, limit_e6, FEE)
    if not isinstance(buy, BuyAmounts):
        buy = BuyAmounts(limit_e6, stake_e6, 1, stake_e6)
    facts: IntentFields = {
        "id": f"main/{strategy}/{slug_of(start_s)}/1",
        "maker_e6": buy.maker_e6,
        "taker_e6": buy.taker_e6,
        "worst_e6": buy.worst_e6,
        "good_until_ns": (start_s + 13) * NS,
        "cancel_at_ns": (start_s + 270) * NS,
        "prediction": build.a_prediction(
            **window(start_s), decided_ns=(start_s + 10) * NS, good_until_ns=(start_s + 13) * NS
        ),
    }
    return build.an_intent(**window(start_s), strategy=strategy, **(facts | changed))


def a_resting(**changed: Unpack[IntentFields]) -> OrderIntent:
    """9.43 shares at 0.53, cancelled when the window opens."""
    buy = resting_buy(5_000_000, 530_000, FEE, 5_000_000)
    assert isinstance(buy, BuyAmounts)
    facts: IntentFields = {
        "order_type": "GTC",
        "post_only": True,
        "stake_e6": buy.maker_e6,
        "maker_e6": buy.maker_e6,
        "taker_e6": buy.taker_e6,
        "worst_e6": buy.worst_e6,
        "cancel_at_ns": T0 * NS,
    }
    return an_intent(**(facts | changed))


def a_position(
    start_s: int = T0,
    strategy: str = "coin",
    outcome: Outcome = "UP",
    cost_e6: int = 5_000_000,
    state: Literal["open", "claim", "late"] = "open",
) -> Position:
    """Held in that window."""
    return build.a_position(
        slug=slug_of(start_s), end_s=start_s + 300, strategy=strategy, outcome=outcome, cost_e6=cost_e6, state=state
    )


def an_order(intent: OrderIntent, reserved_e6: int | None = None, final: bool = False) -> OrderUpdate:
    """It rests; its worst case is reserved unless another sum is given."""
    return build.an_order(
        **build.of_intent(intent),
        order_id=f"0x{intent.id}",
        final=final,
        reserved_e6=intent.worst_e6 if reserved_e6 is None else reserved_e6,
        limit_e6=intent.limit_e6,
        stake_e6=intent.stake_e6,
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
            build.a_start(
                actor="risk",
                boot=boot,
                config=msgspec.json.encode(knobs or Settings()).decode(),
                speed=speed,
                session=build.session(windows, speed),
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
            at_s,
            SnapshotTaken(id=asked.id, account=account or build.an_account(), positions=held or build.positions()),
        )

    def ready(self, at_s: float = 10.0, start_s: int = T0) -> "Bench":
        """Everything fresh as of at_s, the first snapshot taken."""
        if not self.core._has_snapshot:
            self.snapshot(at_s)
        return self.ready_again(at_s, start_s)

    def ready_again(self, at_s: float, start_s: int) -> "Bench":
        """Everything fresh, whether there is a snapshot or not."""
        ns = T0 * NS + round(at_s * NS)
        self.hear(
            at_s,
            build.a_market(**window(start_s)),
            build.a_window(**window(start_s)),
            build.a_tick(traded_ns=ns),
            build.a_print(observed_ns=ns, received_ns=ns),
            build.a_book(slug=slug_of(start_s), received_ns=ns),
        )
        return self

    def all(self, kind: type[W]) -> list[W]:
        return [w for w in self.said if isinstance(w, kind)]

    def judge(self, intent: OrderIntent | None = None, at_s: float = 10.0) -> RiskVerdict:
        said = self.hear(at_s, intent or an_intent())
        (verdict,) = [w for w in said if isinstance(w, RiskVerdict)]
        (judged,) = [w for w in said if isinstance(w, Judged)]
        assert judged.verdict == verdict and judged.id == verdict.intent_id
        assert verdict.approved == any(isinstance(w, ApprovedOrder) for w in said) == (not verdict.reason_code)
        assert verdict.approved or verdict.reason, "a refusal says why"
        return verdict

    def trading_state(self) -> TradingState:
        return self.state.state

    @property
    def state(self) -> RiskState:
        return self.all(RiskState)[-1]


def code_with(at_s: float, *words: Word, intent: OrderIntent | None = None, knobs: Settings | None = None) -> str:
    """The reason code when everything else is in order."""
    bench = Bench(knobs).grown().ready(at_s)
    bench.hear(at_s, *words)
    return bench.judge(intent, at_s).reason_code


def second_window(bench: Bench, at_s: float = 310.0) -> str:
    return bench.ready(at_s, T0 + 300).judge(an_intent(start_s=T0 + 300), at_s).reason_code


def early_code(at_s: float, intent: OrderIntent, *words: Word) -> str:
    """Everything in order but the strike, which does not exist yet."""
    bench = Bench().grown().ready(at_s)
    bench.core._market.windows.clear()
    bench.hear(at_s, *words)
    return bench.judge(intent, at_s).reason_code


class Kit:
    """Everything above, as one fixture."""

    an_intent = staticmethod(an_intent)
    a_resting = staticmethod(a_resting)
    a_position = staticmethod(a_position)
    an_order = staticmethod(an_order)
    Bench = Bench
    code_with = staticmethod(code_with)
    second_window = staticmethod(second_window)
    early_code = staticmethod(early_code)


@pytest.fixture(scope="session")
def kit() -> Kit:
    return Kit()
