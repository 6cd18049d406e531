"""What a wallet may do: open and drop keys, order, cancel, read. Called only for those whose identity was verified."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from messages.units import decimal_text
from polybot.sim.venue import COLLATERAL, EngineOrder, EngineTrade, Held, NewOrder, Placed, Rejected, Result
from polybot.sim.venue.rules import BALANCE
from polybot.venue.accounts.api_keys import IssuedKey
from polybot.venue.accounts.dead_man import Pulses
from polybot.venue.accounts.engine_service import House
from polybot.venue.accounts.signatures import BadOrder, WireOrder

DISABLED = "Trading is currently disabled"  # 503: not taken, may be sent again
DELAYED = "order match delayed due to market conditions"  # 400: ended unfilled

Delay = Callable[[int, str], Awaitable[None]]
"""Returns when world time has reached this nanosecond, the world was stepped to it, and the token's makers have looked."""


class BookUnknown(Exception):
    """Nobody can say now what an order would meet: it is not taken. The text is the venue's `error`."""


class OrderDesk:
    """Carries out what verified wallets ask. `delay` is the pacer's: at high speed the world jumps over the taker delay, at
    speed 1 one waits.
    """

    def __init__(self, house: House, delay: Delay) -> None:
        self.house, self._delay = house, delay
        self._pulses = Pulses()
        self._held: set[asyncio.Future[Result]] = set()  # orders that were answered before they were looked at

    # --- keys

    def open_key(self, address: str, nonce: int) -> IssuedKey:
        """New credentials, and the wallet's grant if it was never seen; on disk before they are told."""
        made = self.house.keys.made(address, nonce)
        self.house.remember_key(made)
        self.house.admit(address, made)
        self.house.flush(durable=True)
        return made

    def drop_key(self, me: IssuedKey) -> None:
        """Delete these credentials: from now on they are nobody's."""
        self.house.forget_key(me)
        self.house.flush(durable=True)

    # --- orders

    async def place(self, wire: WireOrder, me: IssuedKey) -> dict[str, Any]:
        """Through the taker delay to the final answer; raises BadOrder with the venue's words, or Unknown."""
        self.house.admit(wire.maker, me, wire.signature_type)
        engine = self.house.engine
        unknown = self.house.unknown(wire.token_id)
        if unknown:
            raise BookUnknown(f"{DISABLED}: {unknown}")
        new = NewOrder(
            order_id=wire.order_id,
            owner=wire.maker.lower(),
            token=wire.token_id,
            side=wire.side,
            maker_e6=wire.maker_e6,
            taker_e6=wire.taker_e6,
            kind=wire.order_type,
            post_only=wire.post_only,
            expiration_s=wire.expiration_s,
        )
        self._check_cache(new)
        result: Result = engine.submit(new, self.house.now_ns())
        if isinstance(result, Held) and engine.switches.answers_delayed:
            rest = asyncio.ensure_future(self._released(new, result.until_ns))
            self._held.add(rest)
            rest.add_done_callback(self._held.discard)
            result = Placed(new.order_id, "delayed", 0, 0, ())
        elif isinstance(result, Held):
            result = await self._released(new, result.until_ns)
        self.house.flush(durable=True)
        if isinstance(result, Rejected):
            raise BadOrder(result.error)
        assert not isinstance(result, Held), "a released order is final"
        return {
            "success": True,
            "errorMsg": "",
            "orderID": result.order_id,
            "status": result.status,
            "makingAmount": decimal_text(result.making_e6) if result.making_e6 else "",
            "takingAmount": decimal_text(result.taking_e6) if result.taking_e6 else "",
            "transactionsHashes": [],
            "tradeIDs": list(result.trade_ids),
        }

    async def _released(self, new: NewOrder, until_ns: int) -> Result:
        """Wait until until_ns, then let the held order through; returns what became of it."""
        self.house.flush()
        await self._delay(until_ns, new.token)
        unknown, now_ns = self.house.unknown(new.token), max(until_ns, self.house.now_ns())
        if unknown:
            result = self.house.engine.drop(new.order_id, f"{DELAYED}: {unknown}", now_ns)
        else:
            result = self.house.engine.release(new.order_id, now_ns)
        self.house.flush(durable=True)
        return result

    def _check_cache(self, new: NewOrder) -> None:
        """What the engine would allow is refused when the cache has not heard of the money yet."""
        engine, asset = self.house.engine, COLLATERAL if new.side == "BUY" else new.token
        if engine.switches.balance_cache and engine.order(new.order_id) is None:
            reserved = engine.state.balances.account(new.owner).reserved_e6.get(asset, 0)
            have = self.house.cached.shown(new.owner, asset) - reserved
            if have < new.maker_e6:
                raise BadOrder(BALANCE.format(what="balance", have=max(0, have), need=new.maker_e6))

    def cancel(self, me: IssuedKey, ids: list[str]) -> dict[str, Any]:
        """Gone, and why the others are not; committed before it is told."""
        canceled: list[str] = []
        kept: dict[str, str] = {}
        mine = self.house.wallets_of(me)
        for order_id in dict.fromkeys(ids):
            order = self.house.engine.order(order_id)
            owner = order.owner if order is not None and order.owner in mine else ""
            done = self.house.engine.cancel(owner, [order_id], self.house.now_ns())
            canceled += done.canceled
            kept |= done.not_canceled
        self.house.flush(durable=True)
        return {"canceled": canceled, "not_canceled": kept}

    # --- the dead-man switch

    def beat(self, me: IssuedKey, sent: str, mono_s: float) -> tuple[bool, str]:
        """Take one heartbeat of this key: (was it taken, the id to send next). mono_s is machine time."""
        return self._pulses.beat(me.api_key, sent, mono_s)

    def cancel_silent(self, mono_s: float) -> None:
        """Cancel everything of keys that have stopped beating."""
        for api_key in self._pulses.lapsed(mono_s):
            me = self.house.keys.by_key.get(api_key)
            if me is not None:
                self.cancel(me, [order.order_id for order in self.open_orders(me)])

    # --- reads

    def order(self, me: IssuedKey, order_id: str) -> EngineOrder | None:
        """The order of this id in any state if it is this key's, else None."""
        order = self.house.engine.order(order_id)
        return order if order is not None and order.owner in self.house.wallets_of(me) else None

    def open_orders(self, me: IssuedKey) -> list[EngineOrder]:
        """Resting ones, oldest first. A taker that is held is not open yet and cannot be cancelled."""
        found = [o for w in self.house.wallets_of(me) for o in self.house.engine.open_orders(w) if o.is_open]
        return sorted(found, key=lambda o: o.created_ns)

    def trades(self, me: IssuedKey) -> list[tuple[EngineTrade, str]]:
        """This key's trades as (trade, the wallet of its that took part), the newest first."""
        found = [(t, w) for w in self.house.wallets_of(me) for t in self.house.engine.trades(w)]
        return sorted(found, key=lambda row: row[0].matched_ns)[::-1]

    def balance(self, me: IssuedKey, asset: str, signature_type: int | None) -> tuple[int, int]:
        """(balance, allowance) of the wallet that pays for orders of this type, as the cache has it where there is one."""
        wallet = self._funder(me, signature_type)
        engine = self.house.engine
        has_cache = engine.switches.balance_cache
        return (self.house.cached.shown if has_cache else engine.account_balance)(wallet, asset), 2**256 - 1

    def refresh(self, me: IssuedKey, asset: str, signature_type: int | None) -> None:
        """What the cache knows of an asset is again what the chain has."""
        self.house.cached.refresh(self._funder(me, signature_type), asset)

    def _funder(self, me: IssuedKey, signature_type: int | None) -> str:
        wallet = self.house.funder(me, signature_type)
        if not self.house.engine.knows(wallet):
            self.house.admit(wallet, me, signature_type or 0)
            self.house.flush(durable=True)
        return wallet
