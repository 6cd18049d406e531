"""What has been lost already, and what an order may lose more: of the purse, of a live session, of a day, in a row.

A day is the UTC day of a window's end. Its loss is what its windows have come to after fees, and the worst of what is open;
a gain makes room. All of it is told by the executor's journal: restarts forget nothing, and a corrected outcome corrects.
"""

from messages import Account, OrderIntent
from messages.units import NS, decimal_text, usd_text
from polybot.core.reasons import Reason
from polybot.core.risk.view import RiskView, known
from polybot.core.sizing.floor import drawdown_floor_e6, floor_of, floor_text, room_e6
from polybot.core.sizing.stake import first_worst_e6, least_worst_e6
from polybot.core.utc import clock_text, day_of
from polybot.settings import Settings, usd_e6

PAUSE_S = 3600  # market time, from the end of the newest lost window


# --- what halts


def drawdown(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses when equity is at or below the purse less max_drawdown_pct."""
    return drawdown_of(known(view)[0], view.settings)


def drawdown_of(account: Account, settings: Settings) -> str | None:
    """At the floor itself the bot halts. The purse is the base, the executor keeps it."""
    floor = drawdown_floor_e6(account.purse_e6, settings.risk.max_drawdown_pct)
    if not account.ready or account.equity_e6 > floor:
        return None
    return (
        f"equity {usd_text(account.equity_e6)} USD is at or below {usd_text(floor)} USD: "
        f"purse {usd_text(account.purse_e6)} USD less max_drawdown_pct = {settings.risk.max_drawdown_pct:g}"
    )


def live_loss(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses when a live session has lost live_max_loss_usd."""
    return live_loss_of(known(view)[0], view.settings)


def live_loss_of(account: Account, settings: Settings) -> str | None:
    """With real money a session ends earlier, until the limit is raised in writing. At the limit itself it halts."""
    limit, lost = usd_e6(settings.live.live_max_loss_usd), account.purse_e6 - account.equity_e6
    if settings.bot.profile != "live" or not account.ready or lost < limit:
        return None
    return f"the session has lost {usd_text(lost)} USD, live_max_loss_usd = {usd_text(limit)}"


def halting(account: Account, settings: Settings) -> Reason | None:
    """The loss that halts, as a reason; None when no loss does."""
    for code, text in (("DRAWDOWN", drawdown_of(account, settings)), ("LIVE_LOSS", live_loss_of(account, settings))):
        if text is not None:
            return Reason(code, text)
    return None


# --- what would pass the floor


def floor_near(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses entries once no first stake fits above the floor any more; exits still go."""
    if intent.reduce_only:
        return None
    return floor_near_of(known(view)[0], view.settings)


def floor_near_of(account: Account, settings: Settings) -> str | None:
    """Nothing is open that may yet win, and not even the smallest first stake could be lost: only exits from now on.

    While something is open it may lift equity again: then each order is refused by itself (floor_ahead), and nothing is said.
    """
    if not account.ready or account.positions_e6 or account.reserved_e6:
        return None
    least = min(least_worst_e6(settings, name, account.equity_e6) for name in settings.bot.strategy_names)
    if least <= room_e6(account, settings):
        return None
    floor = floor_of(account, settings)
    return (
        f"equity {decimal_text(account.equity_e6)} USD: the loss of a first stake of {decimal_text(least)} USD with its fee "
        f"would pass {floor_text(floor)}; only exits. To trade on: a smaller first stake, a wider {floor.knob}, "
        "or a new session with a fresh purse"
    )


def floor_ahead(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses an order whose worst case, beside everything open, reserved and in flight, would pass the floor."""
    account = known(view)[0]
    flying = sum(other.worst_e6 for other in view.in_flight)
    room = room_e6(account, view.settings) - flying
    if intent.reduce_only or intent.worst_e6 <= room:
        return None
    risked = account.positions_e6 + account.reserved_e6 + flying
    return (
        f"equity {decimal_text(account.equity_e6)} USD less {decimal_text(risked)} USD at risk and "
        f"{decimal_text(intent.worst_e6)} USD by this order at worst would pass "
        f"{floor_text(floor_of(account, view.settings))}"
    )


def only_exits(account: Account, settings: Settings, now_ns: int) -> Reason | None:
    """The loss that leaves no room for an entry, as a reason; None when no loss does. The floor's outlasts the day's."""
    if (text := floor_near_of(account, settings)) is not None:
        return Reason("DRAWDOWN_AHEAD", text)
    if (text := day_over_of(account, settings, now_ns)) is not None:
        return Reason("DAILY_LOSS", text)
    return None


# --- a day


def day_over(intent: OrderIntent, view: RiskView) -> str | None:
    """Refuses entries once the day's loss limit is reached; exits still go."""
    if intent.reduce_only:
        return None
    return day_over_of(known(view)[0], view.settings, view.now_ns)


def day_over_of(account: Account, settings: Settings, now_ns: int) -> str | None:
    """Not even the smallest first stake fits into what today may still lose: only exits until the next UTC day.

    By what is realised alone: what is open may yet win, and is no reason to stop looking after it.
    """
    limit, today = usd_e6(settings.risk.daily_loss_usd), day_of(now_ns // NS)
    lost = -sum(d.realised_e6 for d in account.days if d.day == today)
    least = min(first_worst_e6(settings, name) for name in settings.bot.strategy_names)
    if lost + least <= limit:
        return None
    return (
        f"{today} has lost {decimal_text(lost)} USD: not even a first stake of {decimal_text(least)} USD with its fee fits "
        f"into daily_loss_usd = {usd_text(limit)}; only exits until the next UTC day"
    )


def daily_loss(intent: OrderIntent, view: RiskView) -> str | None:
    """A strategy's own limit is held against its own day alone."""
    own = view.settings.risk_of(intent.strategy).daily_loss_usd
    if own is not None:
        knob = f"strategy.{intent.strategy}.daily_loss_usd"
        if text := _above(intent, day_loss_e6(view, day_of(intent.end_s), intent.strategy), knob, own):
            return text
    return _above(intent, day_loss_e6(view, day_of(intent.end_s)), "daily_loss_usd", view.settings.risk.daily_loss_usd)


def _above(intent: OrderIntent, lost_e6: int, knob: str, limit_usd: float) -> str | None:
    limit = usd_e6(limit_usd)
    if lost_e6 + intent.worst_e6 <= limit:
        return None
    lost = f"a loss of {decimal_text(lost_e6)}" if lost_e6 >= 0 else f"a gain of {decimal_text(-lost_e6)}"
    return (
        f"{day_of(intent.end_s)}: {lost} USD with the worst of what is open, and {decimal_text(intent.worst_e6)} USD by this "
        f"order at worst, would pass {knob} = {usd_text(limit)}"
    )


def day_loss_e6(view: RiskView, day: str, strategy: str = "") -> int:
    """What a day has lost, of all strategies or of one, pUSD millionths; negative = a gain."""
    lost = sum(d.open_e6 - d.realised_e6 for d in known(view)[0].days if d.day == day and strategy in ("", d.strategy))
    flying = [i for i in view.in_flight if day_of(i.end_s) == day and strategy in ("", i.strategy)]
    return lost + sum(i.worst_e6 for i in flying)


# --- in a row


def loss_pause(intent: OrderIntent, view: RiskView) -> str | None:
    """Per strategy. After the pause the run still stands: each further loss pauses anew, until a win ends it."""
    streak, most = known(view)[0].streaks.get(intent.strategy), pause_after(view.settings, intent.strategy)
    if streak is None or streak.losses < most or intent.start_s >= streak.last_loss_s + PAUSE_S:
        return None
    return (
        f"{intent.strategy} lost {streak.losses} windows in a row, loss_pause_after = {most}: "
        f"it pauses until {clock_text((streak.last_loss_s + PAUSE_S) * NS)} UTC"
    )


def pause_after(settings: Settings, strategy: str) -> int:
    """After how many losses in a row this strategy pauses: its own knob, else the bot's."""
    return settings.risk_of(strategy).loss_pause_after or settings.risk.loss_pause_after
