"""Each limit of risk as used/limit, for `RiskState`, `status` and `limits`. In the order of the table."""

from messages import LimitUse
from messages.units import decimal_text, usd_text
from polybot.core.market.windows import STALE_BOOK_S, STALE_ORACLE_S, STALE_PRICE_S, staleness_s, window_at
from polybot.core.risk import exposure, frequency, losses
from polybot.core.risk.permission import ACCOUNT_SILENCE_S, max_offset_ms, worst_clock
from polybot.core.risk.price_rules import COLLAR_E6, depth_e6
from polybot.core.risk.view import RiskView, known, stakes
from polybot.core.sizing.floor import floor_of, worst_equity_e6
from polybot.core.utc import day_of
from polybot.settings import usd_e6


def limits_of(view: RiskView, speed: float) -> tuple[LimitUse, ...]:
    """What stands for the whole bot or a strategy. Of a limit on a single order only the limit is shown."""
    return (*_of_account(view), *_of_strategies(view), *_of_feeds(view, speed), *_of_market(view), *_of_weather(view))


def _of_account(view: RiskView) -> list[LimitUse]:
    if view.account is None or view.positions is None:
        return [LimitUse(rule="ACCOUNT_UNKNOWN", used="no snapshot", limit=f"{ACCOUNT_SILENCE_S:g} s")]
    account, risk = view.account, view.settings.risk
    purse, held = account.purse_e6, stakes(view)
    flying = sum(i.worst_e6 for i in view.in_flight)
    pending = sum(not o.final for o in view.positions.orders) + len(view.in_flight)
    by_market = {s.slug: sum(o.worst_e6 for o in held if o.slug == s.slug) for s in held}
    is_up = account.venue_state in ("", "running")
    return [
        _part("ACCOUNT_UNKNOWN", view.account_age_s, ACCOUNT_SILENCE_S, f"{view.account_age_s:.1f} s", " s"),
        LimitUse(rule="VENUE_STATE", used=account.venue_state or "running", limit="running", share=float(not is_up)),
        _usd("DRAWDOWN", max(0, purse - account.equity_e6), purse * usd_e6(risk.max_drawdown_pct) // 100_000_000),
        *_of_live(view),
        _usd(
            "DRAWDOWN_AHEAD",
            purse - worst_equity_e6(account) + flying,
            purse - floor_of(account, view.settings).equity_e6,
        ),
        _usd("DAILY_LOSS", losses.day_loss_e6(view, day_of(view.now_ns // 10**9)), usd_e6(risk.daily_loss_usd)),
        LimitUse(rule="MAX_ORDER", used="-", limit=f"{usd_text(usd_e6(risk.max_stake_usd))} USD"),
        LimitUse(rule="COLLAR", used="-", limit=decimal_text(COLLAR_E6)),
        _count("UNKNOWN_ORDER", len(account.blocked_slugs) + len(view.positions.foreign), 0),
        _count("ENTRY_OPEN", pending, 1),
        _runaway(view),
        _count("UNRESOLVED", account.unresolved, exposure.MAX_UNRESOLVED),
        _count("SETTLEMENT_LATE", account.late, exposure.MAX_LATE),
        _usd("MAX_MARKET", max(by_market.values(), default=0), usd_e6(risk.max_market_usd)),
        _usd("MAX_EXPOSURE", sum(s.worst_e6 for s in held), usd_e6(risk.max_exposure_usd)),
        _count("MAX_POSITIONS", len(exposure.open_markets(view)), risk.max_positions),
        _usd("FUNDS", account.reserved_e6 + flying, account.free_e6 + account.reserved_e6),
    ]


def _runaway(view: RiskView) -> LimitUse:
    minute, vain = frequency.orders_in_a_minute(view), frequency.orders_in_vain(view)
    limit = f"{frequency.MAX_A_MINUTE} a minute, {frequency.MAX_UNFILLED} without a fill"
    share = max(_share(minute, frequency.MAX_A_MINUTE), _share(vain, frequency.MAX_UNFILLED))
    return LimitUse(rule="RUNAWAY", used=f"{minute} a minute, {vain} without a fill", limit=limit, share=share)


def _of_live(view: RiskView) -> list[LimitUse]:
    account, limit = known(view)[0], usd_e6(view.settings.live.live_max_loss_usd)
    if view.settings.bot.profile != "live":
        return []
    worst = worst_clock(view)
    text, size = ("unknown", None) if worst is None else (worst.text, worst.far_ms)
    return [
        _part("CLOCK_OFFSET", size, max_offset_ms(view), text, " ms"),
        _usd("LIVE_LOSS", max(0, account.purse_e6 - account.equity_e6), limit),
    ]


def _of_strategies(view: RiskView) -> list[LimitUse]:
    """Losses in a row of each, and what its own table limits."""
    found: list[LimitUse] = []
    if view.account is None or view.positions is None:
        return found
    today = day_of(view.now_ns // 10**9)
    for name in view.settings.bot.strategy_names:
        streak, own = view.account.streaks.get(name), view.settings.risk_of(name)
        most = losses.pause_after(view.settings, name)
        found.append(_count("LOSS_PAUSE", streak.losses if streak else 0, most, " in a row", name))
        if own.daily_loss_usd is not None:
            found.append(_usd("DAILY_LOSS", losses.day_loss_e6(view, today, name), usd_e6(own.daily_loss_usd), name))
        if own.max_exposure_usd is not None:
            held = sum(s.worst_e6 for s in stakes(view) if s.strategy == name)
            found.append(_usd("MAX_EXPOSURE", held, usd_e6(own.max_exposure_usd), name))
    return found


def _of_feeds(view: RiskView, speed: float) -> list[LimitUse]:
    market = view.market
    return [
        _part(rule, age, staleness_s(limit, speed), "-" if age is None else f"{age:.1f} s", " s")
        for rule, age, limit in (
            ("STALE_PRICE", market.age_s(market.price_ns, view.now_ns), STALE_PRICE_S),
            ("STALE_ORACLE", market.age_s(market.newest_print_ns, view.now_ns), STALE_ORACLE_S),
            ("STALE_BOOK", market.age_s(market.newest_book_ns, view.now_ns), STALE_BOOK_S),
        )
    ]


def _of_market(view: RiskView) -> list[LimitUse]:
    """Depth of the window that runs: of the thinner side."""
    book = view.market.books.get(window_at(view.now_ns).slug)
    depth = min(depth_e6(book, "UP"), depth_e6(book, "DOWN")) if book else None
    least = f"at least {usd_text(usd_e6(view.settings.risk.min_depth_usd))} USD"
    return [LimitUse(rule="BOOK_THIN", used="-" if depth is None else f"{usd_text(depth)} USD", limit=least)]


def _of_weather(view: RiskView) -> list[LimitUse]:
    risk, ratio = view.settings.risk, view.volatility.ratio
    span = "-" if view.range_pct is None else f"{view.range_pct:.3f} %"
    rough = (
        f"{'off' if view.volatility.baseline is None else 'unknown'}: {view.volatility.off}"
        if ratio is None
        else f"{ratio:.2f}"
    )
    return [
        _part("RANGE", view.range_pct, risk.max_range_pct, span, " %"),
        _part("VOLATILITY", ratio, risk.max_volatility_ratio, rough, ""),
    ]


def _part(rule: str, used: float | None, limit: float, text: str, unit: str) -> LimitUse:
    return LimitUse(rule=rule, used=text, limit=f"{limit:g}{unit}", share=_share(used, limit))


def _usd(rule: str, used_e6: int, limit_e6: int, strategy: str = "") -> LimitUse:
    used, limit = f"{usd_text(used_e6)} USD", f"{usd_text(limit_e6)} USD"
    return LimitUse(rule=rule, used=used, limit=limit, strategy=strategy, share=_share(max(0, used_e6), limit_e6))


def _count(rule: str, used: int, limit: int, what: str = "", strategy: str = "") -> LimitUse:
    share = _share(used, limit) if limit else float(used > 0)
    return LimitUse(rule=rule, used=str(used), limit=f"{limit}{what}", strategy=strategy, share=share)


def _share(used: float | None, limit: float) -> float:
    """An infinite ratio is no JSON number."""
    return -1.0 if used is None or limit <= 0 or used == float("inf") else round(used / limit, 4)
