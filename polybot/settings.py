"""The knobs as frozen structs: their names, units, defaults and bounds. `runtime/config/config.py` fills them from config.toml.

Cores receive them in `Started.config` as JSON text, so a recording carries the knobs it was made with.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from messages.units import e6

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Price = Annotated[float, Meta(gt=0, lt=1)]


class KnobTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the structs that are a table of config.toml; unknown knobs are refused."""


class Bot(KnobTable, frozen=True, kw_only=True):
    """Who trades, what by, and with how much."""

    profile: str = "demo"
    account: str = "main"
    capital_usd: Positive = 100.0
    strategies: tuple[str, ...] = ("rsi_ema",)
    on_no_signal: str = "down"
    notify_cmd: str = ""

    @property
    def strategy_names(self) -> tuple[str, ...]:
        """The names the strategies trade under; for a plug-in given as path.py:Name that is Name."""
        return tuple(spec.rpartition(":")[2] for spec in self.strategies)


class Trade(KnobTable, frozen=True, kw_only=True):
    """When and at which price a window is entered (rules §2, §3)."""

    decide_after_s: NotNegative = 10.0
    no_entry_last_s: NotNegative = 30.0
    max_price: Price = 0.65
    min_price: Price = 0.20
    limit_slack: NotNegative = 0.02
    max_spread: Positive = 0.05


class Sizing(KnobTable, frozen=True, kw_only=True):
    """How much a window is worth (rules §4, §5)."""

    rule: str = "win_streak"
    base_stake_usd: Positive = 5.0
    fixed_stake_usd: Positive = 2.0
    equity_pct: Annotated[float, Meta(gt=0, le=100)] = 2.0
    kelly_fraction: Annotated[float, Meta(gt=0, le=1)] = 0.25
    streak_factor: Annotated[float, Meta(ge=1)] = 1.5
    max_cash_fraction: Annotated[float, Meta(gt=0, le=1)] = 0.5


class Risk(KnobTable, frozen=True, kw_only=True):
    """When not to trade at all (rules §1, §6)."""

    max_drawdown_pct: Annotated[float, Meta(gt=0, le=100)] = 30.0
    daily_loss_usd: Positive = 15.0
    loss_pause_after: Annotated[int, Meta(ge=1)] = 5
    max_stake_usd: Positive = 25.0
    max_market_usd: Positive = 50.0
    max_exposure_usd: Positive = 100.0
    max_positions: Annotated[int, Meta(ge=1)] = 4
    max_range_pct: Positive = 3.0
    max_volatility_ratio: Positive = 2.0
    min_depth_usd: NotNegative = 50.0


class OwnRisk(KnobTable, frozen=True, kw_only=True):
    """A strategy's own limits beside the bot's, in its table; None = only the bot's holds."""

    daily_loss_usd: Positive | None = None
    loss_pause_after: Annotated[int, Meta(ge=1)] | None = None
    max_exposure_usd: Positive | None = None


class World(KnobTable, frozen=True, kw_only=True):
    """The local venue of the demo and paper profiles."""

    seed: int = 42
    tape: str = ""
    scenario: str = ""
    speed: Positive = 60.0
    windows: Annotated[int, Meta(ge=1)] = 18


class Keep(KnobTable, frozen=True, kw_only=True):
    """How much of the recordings is kept on disk."""

    flight_mb: Annotated[int, Meta(ge=1)] = 256


class Live(KnobTable, frozen=True, kw_only=True):
    """Only read in the live profile; the key stands in a file, never here."""

    key_file: str = "~/.config/polybot/key"
    signature_type: Annotated[int, Meta(ge=0, le=3)] = 0
    funder: str = ""
    live_max_stake_usd: Positive = 5.0
    live_max_loss_usd: Positive = 20.0


class Settings(KnobTable, frozen=True, kw_only=True):
    """All of config.toml. `strategy` holds each strategy's own parameters: [strategy.rsi_ema] and so on."""

    bot: Bot = Bot()
    trade: Trade = Trade()
    sizing: Sizing = Sizing()
    risk: Risk = Risk()
    world: World = World()
    keep: Keep = Keep()
    live: Live = Live()
    strategy: dict[str, dict[str, float | int | str | bool]] = {}

    def sizing_of(self, strategy: str) -> Sizing:
        """[sizing] with what the strategy's own table says instead. Raises msgspec.ValidationError."""
        own = self.strategy.get(strategy, {})
        changed = {key: own[key] for key in OWN_SIZING if key in own} | (
            {"rule": own["sizing"]} if "sizing" in own else {}
        )
        return msgspec.convert(msgspec.to_builtins(self.sizing) | changed, Sizing) if changed else self.sizing

    def max_stake_of(self, strategy: str) -> float:
        """USD, before the fee: the bot's limit, or the lower one of the strategy's own table."""
        own = self.strategy.get(strategy, {}).get("max_stake_usd", self.risk.max_stake_usd)
        return min(float(own), self.risk.max_stake_usd)

    def risk_of(self, strategy: str) -> OwnRisk:
        """The limits in a strategy's own table. Raises msgspec.ValidationError."""
        own = self.strategy.get(strategy, {})
        return msgspec.convert({key: own[key] for key in OWN_RISK if key in own}, OwnRisk)

    def share_of(self, strategy: str) -> float:
        """The part of everything, free or out, that is this strategy's, 0 … 1; all of it unless its table says less."""
        return float(self.strategy.get(strategy, {}).get("share", 1.0))

    def params_of(self, strategy: str) -> dict[str, float | int | str | bool]:
        """Its table without what is about money: the strategy's own parameters."""
        return {key: value for key, value in self.strategy.get(strategy, {}).items() if key not in OWN}


SIZINGS = ("win_streak", "fixed", "percent", "kelly")
OWN_SIZING = ("base_stake_usd", "fixed_stake_usd", "equity_pct", "kelly_fraction")
OWN_RISK = OwnRisk.__struct_fields__
OWN = ("sizing", "share", "max_stake_usd", *OWN_SIZING, *OWN_RISK)
"""What may stand in a strategy's own table beside its parameters: its sizing rule, its share of the cash, its amounts and
its limits."""


_decoder = msgspec.json.Decoder(Settings)


def settings_from(text: str) -> Settings:
    """The knobs out of the JSON text of `Started.config`."""
    return _decoder.decode(text)


def usd_e6(value: float) -> int:
    """A knob in dollars (or a price) as millionths, by its decimal text: 0.1 is 100000, not 99999."""
    return e6(repr(value))
