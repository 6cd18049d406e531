"""May anything be traded at all?"""

from messages import Account, OrderIntent
from messages.units import usd_text
from polybot.core.risk.view import RiskView
from polybot.core.settings import Settings, usd_e6

ACCOUNT_SILENCE_S = 5.0  # machine time; the level is said each second
_PCT = 100_000_000


def halted(intent: OrderIntent, view: RiskView) -> str | None:
    if view.halted is not None:
        return f"halted by {view.halted.code}: {view.halted.text}"
    if view.account is not None and view.account.halted:
        return f"the executor is halted: {view.account.halt_reason}"
    return None


def reducing(intent: OrderIntent, view: RiskView) -> str | None:
    if view.reducing is None or intent.reduce_only:
        return None
    return f"only exits: {view.reducing.text}"


def account_unknown(intent: OrderIntent, view: RiskView) -> str | None:
    if not view.has_snapshot or view.account is None or view.positions is None:
        return "the executor has given no snapshot since risk started"
    if not view.account.ready:
        return view.account.why_not_ready or "the account is not reconciled yet"
    if view.account_age_s > ACCOUNT_SILENCE_S:
        return f"the account was last heard {view.account_age_s:.1f} s ago, limit {ACCOUNT_SILENCE_S:g} s"
    return None


def drawdown(intent: OrderIntent, view: RiskView) -> str | None:
    return drawdown_of(view.account, view.settings) if view.account else None


def drawdown_of(account: Account, settings: Settings) -> str | None:
    """At the floor itself the bot halts. The purse is the base, the executor keeps it."""
    floor = drawdown_floor_e6(account.purse_e6, settings.risk.max_drawdown_pct)
    if not account.ready or account.equity_e6 > floor:
        return None
    return (
        f"equity {usd_text(account.equity_e6)} USD is at or below {usd_text(floor)} USD: "
        f"purse {usd_text(account.purse_e6)} USD less max_drawdown_pct = {settings.risk.max_drawdown_pct:g}"
    )


def drawdown_floor_e6(purse_e6: int, max_drawdown_pct: float) -> int:
    """Equity at or below this halts."""
    return purse_e6 * (_PCT - usd_e6(max_drawdown_pct)) // _PCT
