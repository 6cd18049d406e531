"""The floor under a session's equity, and how much may still be risked above it.

The floor is the purse less `max_drawdown_pct`, in live at least the purse less `live_max_loss_usd`. It is held before an order
leaves: with everything open lost, every reservation spent and this order lost as well, equity must still be at the floor or
above it.
"""

from dataclasses import dataclass

from messages import Account
from messages.units import decimal_text, usd_text
from polybot.settings import Settings, usd_e6

_PCT = 100_000_000


@dataclass(frozen=True)
class Floor:
    """The equity below which no worst case may bring us, pUSD millionths, and the knob it comes from."""

    equity_e6: int
    knob: str
    text: str


def drawdown_floor_e6(purse_e6: int, max_drawdown_pct: float) -> int:
    """The equity at or below which trading halts, pUSD millionths."""
    return purse_e6 * (_PCT - usd_e6(max_drawdown_pct)) // _PCT


def floor_of(account: Account, settings: Settings) -> Floor:
    """The higher of the floors that hold in this profile."""
    purse, pct, most = account.purse_e6, settings.risk.max_drawdown_pct, usd_e6(settings.live.live_max_loss_usd)
    drawdown = drawdown_floor_e6(purse, pct)
    if settings.bot.profile == "live" and purse - most > drawdown:
        text = f"the purse of {usd_text(purse)} USD less live_max_loss_usd = {usd_text(most)}"
        return Floor(purse - most, "live_max_loss_usd", text)
    text = f"the purse of {usd_text(purse)} USD less max_drawdown_pct = {pct:g}"
    return Floor(drawdown, "max_drawdown_pct", text)


def worst_equity_e6(account: Account) -> int:
    """Equity when everything open is lost and every reservation spent; of one snapshot, so that no part counts twice."""
    return account.equity_e6 - account.positions_e6 - account.reserved_e6


def room_e6(account: Account, settings: Settings) -> int:
    """What a further order may cost at worst, fee included; negative when what is open may pass the floor already."""
    return worst_equity_e6(account) - floor_of(account, settings).equity_e6


def floor_text(floor: Floor) -> str:
    """The floor as people read it, exact to the millionth."""
    return f"the floor of {decimal_text(floor.equity_e6)} USD ({floor.text})"
