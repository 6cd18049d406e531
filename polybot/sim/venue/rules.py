"""What makes an order acceptable, and the venue's words when it is not (facts §5.4, §5.6, §5.7)."""

from decimal import Decimal

from polybot.sim.venue.fees import fee_e6
from polybot.sim.venue.switches import Switches
from polybot.sim.venue.types import E6, Market, NewOrder, VenueAccount

DUPLICATED = "order {id} is invalid. Duplicated."
NOT_READY = "the market is not yet ready to process new orders"
PAYLOAD = "Invalid order payload"
EXPIRATION = "invalid expiration"
CROSSES = "invalid post-only order: order crosses book"
FOK_KILLED = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_KILLED = "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
BALANCE = "not enough balance / allowance: the {what} is not enough -> {what}: {have}, order amount: {need}"

GTD_AHEAD_S = 180  # a GTD must be stated at least this far ahead …
GTD_EARLY_S = 60  # … and dies this long before its stated second
MIN_MARKETABLE_E6 = E6  # $1


def text(value_e6: int) -> str:
    """Shortest decimal of millionths, as the venue prints prices and sizes."""
    number = Decimal(value_e6) / E6
    return format(number.normalize(), "f")


def decimals_ok(amount_e6: int, places: int) -> bool:
    """Whether an amount has at most so many decimals."""
    step: int = 10 ** (6 - places)
    return amount_e6 % step == 0


def amount_places(tick_e6: int) -> int:
    """Decimals of a dollar amount on this grid: the price's decimals plus the size's two."""
    return {100_000: 3, 10_000: 4, 5_000: 5, 2_500: 6, 1_000: 5}.get(tick_e6, 6)


def limit_price_e6(order: NewOrder, tick_e6: int) -> tuple[int, bool]:
    """(worst acceptable price on the grid, whether the implied price lies exactly on it).

    A BUY's implied price is maker/taker, a SELL's taker/maker. Off the grid a BUY is read down and a SELL up: the order
    never pays more, never takes less, than was signed.
    """
    usd, shares = (order.maker_e6, order.taker_e6) if order.side == "BUY" else (order.taker_e6, order.maker_e6)
    steps, rest = divmod(usd * E6, shares * tick_e6)
    if rest and order.side == "SELL":
        steps += 1
    return steps * tick_e6, rest == 0


def shape_error(order: NewOrder, market: Market, now_ns: int, switches: Switches) -> str:
    """The first rule the order breaks by itself, "" if none. Book and balance are looked at elsewhere."""
    if order.maker_e6 <= 0 or order.taker_e6 <= 0 or (order.post_only and order.kind in ("FOK", "FAK")):
        return PAYLOAD
    if order.kind == "GTD" and order.expiration_s * 10**9 < now_ns + GTD_AHEAD_S * 10**9:
        return EXPIRATION
    if order.kind != "GTD" and order.expiration_s != 0:
        return EXPIRATION
    return (
        _precision_error(order, market.tick_e6)
        or _price_error(order, market)
        or _size_error(order, market, switches.minimum_size_in_usd)
    )


def _precision_error(order: NewOrder, tick_e6: int) -> str:
    at_once = order.kind in ("FOK", "FAK")
    usd_places = amount_places(tick_e6)
    if order.side == "BUY":
        maker, taker = (2, 4) if at_once else (usd_places, 2)
    else:
        maker, taker = 2, usd_places
    if decimals_ok(order.maker_e6, maker) and decimals_ok(order.taker_e6, taker):
        return ""
    style = "market" if at_once else "limit"
    return (
        f"invalid amounts, the {style} {order.side.lower()} orders maker amount supports a max accuracy of {maker}"
        f" decimals, taker amount a max of {taker} decimals"
    )


def _price_error(order: NewOrder, market: Market) -> str:
    price, exact = limit_price_e6(order, market.tick_e6)
    # market amounts are floored to the cent and to 4 decimals, so their implied price may lie a hair off the grid
    if market.tick_e6 <= price <= E6 - market.tick_e6 and (exact or order.kind in ("FOK", "FAK")):
        return ""
    usd, shares = (order.maker_e6, order.taker_e6) if order.side == "BUY" else (order.taker_e6, order.maker_e6)
    implied = text((usd * E6 + shares // 2) // shares)
    tick = text(market.tick_e6)
    return f"order {order.order_id} is invalid. Price ({implied}) breaks minimum tick size rule: {tick}"


def _size_error(order: NewOrder, market: Market, in_usd: bool) -> str:
    if order.kind in ("FOK", "FAK"):
        return ""
    shares_first = (order.side == "BUY") != in_usd
    size = order.taker_e6 if shares_first else order.maker_e6
    if size >= market.min_size_e6:
        return ""
    return f"order {order.order_id} is invalid. Size ({text(size)}) lower than the minimum: {text(market.min_size_e6)}"


def marketable_error(order: NewOrder, market: Market, price_e6: int, counts_fee: bool) -> str:
    """The $1 rule of a BUY that takes."""
    fee = fee_e6(order.taker_e6, price_e6, market.fee_rate_e6, market.fee_exponent) if counts_fee else 0
    if order.side == "SELL" or order.maker_e6 + fee >= MIN_MARKETABLE_E6:
        return ""
    return f"invalid amount for a marketable BUY order (${text(order.maker_e6)}), min size: $1"


def funds_error(account: VenueAccount, asset: str, need_e6: int, is_cash: bool) -> str:
    """Whether the wallet can stand for `need_e6` of an asset beside what it has promised already."""
    have = account.available_e6(asset)
    if have < need_e6:
        return BALANCE.format(what="balance", have=have, need=need_e6)
    if is_cash and account.allowance_e6 - account.reserved_e6.get(asset, 0) < need_e6:
        return BALANCE.format(what="allowance", have=account.allowance_e6, need=need_e6)
    if not is_cash and not account.tokens_approved:
        return BALANCE.format(what="allowance", have=0, need=need_e6)
    return ""
