"""Markets of which the venue shows a trade of ours that cannot be understood: no entry leaves for them, the rest goes on.

What such a trade did to cash and shares is found by reconciliation, as any difference. A row is kept until the venue shows
it so that it can be read, MOST others have come since, or the executor restarts: a window is long over by then.
"""

from messages import OrderIntent
from messages.inner import UnreadableTrade, VenueTrade
from polybot.core.reasons import Reason

MOST = 50


class UnreadableMarkets:
    """rows: (market, trade id) → what could not be read; a market "" stands for rows that do not even name theirs."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], str] = {}

    def note(self, unreadable: tuple[UnreadableTrade, ...], trades: tuple[VenueTrade, ...]) -> None:
        """Remember rows that could not be read, and forget those that can be by now."""
        if self.rows:
            read = {trade.trade_id.partition("#")[0] for trade in trades}
            self.rows = {key: why for key, why in self.rows.items() if key[1] not in read}
        for row in unreadable:
            self.rows[row.condition_id.lower(), row.trade_id] = row.why
        while len(self.rows) > MOST:
            del self.rows[next(iter(self.rows))]

    @property
    def by_market(self) -> dict[str, str]:
        """Market → what could not be read there."""
        return {market: why for (market, _), why in self.rows.items()}

    def shut(self, intent: OrderIntent) -> Reason | None:
        """Why no entry leaves for this market; exits always may. A row without a market stops them all."""
        if not self.rows or intent.side == "SELL":
            return None
        found = self.by_market
        why = found.get(intent.condition_id.lower()) or found.get("")
        return Reason("UNREADABLE_TRADE", f"a trade of ours in this market cannot be read: {why}") if why else None
