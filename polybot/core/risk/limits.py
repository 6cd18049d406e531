"""Each limit of risk as used/limit, for `RiskState`, `status` and `limits`."""

from messages import LimitUse
from messages.units import usd_text
from polybot.core.risk.exposure import MAX_LATE, MAX_UNRESOLVED
from polybot.core.risk.permission import ACCOUNT_SILENCE_S
from polybot.core.risk.view import RiskView
from polybot.core.settings import usd_e6
from polybot.core.windows import STALE_BOOK_S, STALE_ORACLE_S, STALE_PRICE_S, staleness_s


def limits_of(view: RiskView, speed: float) -> tuple[LimitUse, ...]:
    """What stands for the whole bot; limits of a single order (price, spread, amounts) show in verdicts."""
    return (*_of_account(view), *_of_feeds(view, speed), *_of_weather(view))


def _of_account(view: RiskView) -> list[LimitUse]:
    account, risk = view.account, view.settings.risk
    if account is None or view.positions is None:
        return [LimitUse(rule="ACCOUNT_UNKNOWN", used="no snapshot", limit=f"{ACCOUNT_SILENCE_S:g} s")]
    purse = account.purse_e6
    flying = sum(i.worst_e6 for i in view.in_flight)
    pending = sum(not o.final for o in view.positions.orders) + len(view.in_flight)
    allowed = purse * usd_e6(risk.max_drawdown_pct) // 100_000_000
    return [
        LimitUse(rule="ACCOUNT_UNKNOWN", used=f"{view.account_age_s:.1f} s", limit=f"{ACCOUNT_SILENCE_S:g} s"),
        LimitUse(rule="DRAWDOWN", used=_usd(max(0, purse - account.equity_e6)), limit=_usd(allowed)),
        LimitUse(
            rule="FUNDS", used=_usd(account.reserved_e6 + flying), limit=_usd(account.free_e6 + account.reserved_e6)
        ),
        LimitUse(rule="MAX_ORDER", used="-", limit=_usd(usd_e6(risk.max_stake_usd))),
        LimitUse(rule="ENTRY_OPEN", used=str(pending), limit="1"),
        LimitUse(rule="UNRESOLVED", used=str(account.unresolved), limit=str(MAX_UNRESOLVED)),
        LimitUse(rule="SETTLEMENT_LATE", used=str(account.late), limit=str(MAX_LATE)),
        LimitUse(rule="UNKNOWN_ORDER", used=str(len(account.blocked_slugs) + len(view.positions.foreign)), limit="0"),
    ]


def _of_feeds(view: RiskView, speed: float) -> list[LimitUse]:
    market = view.market
    return [
        LimitUse(rule=rule, used="-" if age is None else f"{age:.1f} s", limit=f"{staleness_s(limit, speed):g} s")
        for rule, age, limit in (
            ("STALE_PRICE", market.age_s(market.price_ns, view.now_ns), STALE_PRICE_S),
            ("STALE_BOOK", market.age_s(market.newest_book_ns, view.now_ns), STALE_BOOK_S),
            ("STALE_ORACLE", market.age_s(market.newest_print_ns, view.now_ns), STALE_ORACLE_S),
        )
    ]


def _of_weather(view: RiskView) -> list[LimitUse]:
    risk, ratio = view.settings.risk, view.volatility.ratio
    span = "-" if view.range_pct is None else f"{view.range_pct:.3f} %"
    rough = f"off: {view.volatility.off}" if ratio is None else f"{ratio:.2f}"
    return [
        LimitUse(rule="RANGE", used=span, limit=f"{risk.max_range_pct:g} %"),
        LimitUse(rule="VOLATILITY", used=rough, limit=f"{risk.max_volatility_ratio:g}"),
    ]


def _usd(value_e6: int) -> str:
    return f"{usd_text(value_e6)} USD"
