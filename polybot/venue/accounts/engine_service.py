"""The venue's inside: its engine, who may speak for which wallet, what survives, and telling the sockets what happened.

The order is always: change → commit (when a wallet is concerned) → tell → answer. What concerns only the world's own
makers and takers is committed with the next wallet's change or within a second: rows are a whole state each time.
"""

import os
import sqlite3
from collections.abc import Callable
from typing import Protocol

import msgspec

from polybot.runtime.base import log
from polybot.sim.venue import (
    BalanceChanged,
    EngineEvent,
    Market,
    MarketEnded,
    OrderChanged,
    Switches,
    TradeChanged,
    VenueEngine,
)
from polybot.venue.accounts.api_keys import IssuedKey, Keys
from polybot.venue.accounts.balance_cache import Cached
from polybot.venue.accounts.funders import funder_of
from polybot.venue.accounts.signatures import BadOrder
from polybot.venue.accounts.store import Doc, VenueStore
from polybot.venue.channels.publisher import ChannelPublisher
from polybot.venue.channels.user import UserChannel
from polybot.venue.wire import clob_frames, clob_objects, gamma_objects

DROPPED = b"{}"  # a key its owner deleted
EXCHANGE_KINDS = ("market", "account", "order", "trade")


class Catalogue(Protocol):
    """The windows' markets as the world lists them."""

    def listing(self, slug: str) -> gamma_objects.Listing | None:
        """The listing of this slug; None: no such market, or not listed yet."""
        ...

    def open_listing(self, condition_id: str = "", token: str = "") -> gamma_objects.Listing | None:
        """The listing of this condition or token, None when it is not listed by now."""
        ...


class House:
    """grant_usd_e6: play money for a wallet never seen before. unknown(token): why nobody can say what its book is now, ""
    where it is known: a world knows its own books, a mirror may lose the real ones."""

    def __init__(
        self,
        store: VenueStore,
        keys: Keys,
        catalogue: Catalogue,
        now_ns: Callable[[], int],
        grant_usd_e6: int,
        switches: Switches | None = None,
        engine: VenueEngine | None = None,
        unknown: Callable[[str], str] = lambda _token: "",
    ) -> None:
        self.store, self.keys, self.catalogue = store, keys, catalogue
        self.now_ns, self.grant_usd_e6 = now_ns, grant_usd_e6
        self.engine, self.unknown = engine or VenueEngine(switches), unknown
        self.cached = Cached(self.engine.account_balance)
        self.user_channel = UserChannel(keys.knows)
        self.teller = ChannelPublisher(self.engine, self.user_channel, now_ns, self.key_of, self._gamma_id_of, unknown)
        self.market_channel = self.teller.market_channel
        self.flaws: Callable[[int], tuple[str, ...]] = lambda _start_s: ()  # of a window's market as it is listed
        self._key_of_wallet: dict[str, str] = {}
        self._type_of_wallet: dict[str, int] = {}
        self.withdrawals: list[tuple[str, int, int]] = []  # (wallet, pUSD millionths, second)
        self._docs: list[Doc] = []
        self.on_step: list[Callable[[int], None]] = []  # what else time carries on, called with each step of the world
        self.wiped = 0

    def restore(self, wipe: bool = True) -> None:
        """What was committed before; resting orders and held takers do not survive unless `wipe` is off."""
        for _, body in self.store.all("key"):
            if body != DROPPED:
                self.keys.restore(_credentials(body))
        for wallet, body in self.store.all("wallet"):
            self._key_of_wallet[wallet] = body.decode()
        for wallet, body in self.store.all("funder"):
            self._type_of_wallet[wallet] = int(body)
        self.withdrawals = [tuple(msgspec.json.decode(body)) for _, body in sorted(self.store.all("withdrawal"))]
        self.engine.restore((kind, id_, body) for kind in EXCHANGE_KINDS for id_, body in self.store.all(kind))
        if wipe:
            self.wiped = self.engine.wipe(self.now_ns())
        self.flush()

    # --- wallets

    def key_of(self, wallet: str) -> str:
        """The API key a wallet's events go to; "" for the world's own."""
        return self._key_of_wallet.get(wallet, "")

    def wallets_of(self, me: IssuedKey) -> list[str]:
        """The key's own wallet and every funder its owner has ordered for, under whichever key."""
        return [w for w, key in self._key_of_wallet.items() if self._owner_of(key) == me.address.lower()]

    def _owner_of(self, api_key: str) -> str:
        known = self.keys.by_key.get(api_key)
        return "" if known is None else known.address.lower()

    def funder(self, me: IssuedKey, signature_type: int | None) -> str:
        """The wallet that orders of this type are paid from: the one its owner ordered with, else the factories' address.

        None: the client does not say: the newest wallet of all.
        """
        mine = self.wallets_of(me)
        if signature_type is None:
            return mine[-1] if mine else me.address.lower()
        known = [w for w in mine if self._type_of_wallet.get(w, 0) == signature_type]
        return known[-1] if known and signature_type else funder_of(me.address, signature_type).lower()

    def admit(self, wallet: str, me: IssuedKey, signature_type: int = 0) -> None:
        """First sight of a wallet: play money and full allowances; and from now on it is this key's.

        Raises BadOrder when it is another owner's: no one orders from someone else's funder.
        """
        wallet = wallet.lower()
        if self._owner_of(self.key_of(wallet)) not in ("", me.address.lower()):
            raise BadOrder("the order signer address has to be the address of the API KEY")
        if self._key_of_wallet.get(wallet) != me.api_key:
            self._key_of_wallet[wallet] = me.api_key
            self._docs.append(("wallet", wallet, me.api_key.encode()))
        if self._type_of_wallet.get(wallet, 0) != signature_type:
            self._type_of_wallet[wallet] = signature_type
            self._docs.append(("funder", wallet, str(signature_type).encode()))
        if not self.engine.knows(wallet):
            self.engine.grant(wallet, self.grant_usd_e6, self.now_ns())

    def withdraw(self, wallet: str, usd_e6: int) -> None:
        """Money leaves a wallet, by its owner's hand: the Data API tells of it."""
        taken = self.engine.withdraw(wallet, usd_e6, self.now_ns())
        if taken:
            self.withdrawals.append((wallet, taken, self.now_ns() // 1_000_000_000))
            name = f"{len(self.withdrawals):09d}"
            self._docs.append(("withdrawal", name, clob_frames.encode(self.withdrawals[-1])))

    def wallets(self) -> list[str]:
        """All wallets that were ever admitted, in that order."""
        return list(self._key_of_wallet)

    def remember_key(self, made: IssuedKey) -> None:
        """Take in new credentials, to be committed with the next flush."""
        self.keys.restore(made)
        self._docs.append(("key", f"{made.address.lower()}/{made.nonce}", _key_body(made)))

    def forget_key(self, me: IssuedKey) -> None:
        """Deleted by its owner; to be committed with the next flush."""
        self.keys.forget(me)
        self._docs.append(("key", f"{me.address.lower()}/{me.nonce}", DROPPED))

    # --- markets

    def market(self, condition_id: str) -> Market | None:
        """An open or resolved market, or one that is listed and not opened yet."""
        found = self.engine.market(condition_id)
        if found is not None:
            return found
        listing = self.catalogue.open_listing(condition_id=condition_id)
        return None if listing is None else self._unopened(listing)

    def market_of(self, token: str) -> Market | None:
        """The market to which this token belongs, also when it is only listed; None when there is none."""
        found = self.engine.market_of(token)
        if found is not None:
            return found
        listing = self.catalogue.open_listing(token=token)
        return None if listing is None else self._unopened(listing)

    def market_of_listing(self, listing: gamma_objects.Listing) -> Market:
        """The market of this listing: open, resolved, or as it will open."""
        return self.engine.market(listing.condition_id) or self._unopened(listing)

    def _unopened(self, listing: gamma_objects.Listing) -> Market:
        return market_from(listing, self.engine.switches.taker_delay_ms)

    def announced(self) -> list[Market]:
        """Markets whose winner was announced and has no final word yet."""
        return [m for m in self.engine.state.markets.values() if m.winner is not None and not m.is_final]

    def unresolved(self) -> list[Market]:
        """Markets that were opened and not resolved yet, by their start."""
        return sorted((m for m in self.engine.state.markets.values() if m.winner is None), key=lambda m: m.start_s)

    def gamma_now(self, market: Market) -> gamma_objects.Now:
        """What Gamma may say of a market at this moment."""
        resolved = market.winner is not None
        opened = self.engine.market(market.condition_id) is not None and not resolved
        bid, ask = self.engine.best(market.condition_id) if opened else (None, None)
        last = self.teller.last_trade(market.up_token)
        return gamma_objects.Now(
            tick_e6=market.tick_e6,
            best_bid_e6=bid,
            best_ask_e6=ask,
            last_e6=last[0] if last else None,
            volume_e6=self.teller.volume.get(market.condition_id, 0),
            accepting=market.accepting,
            resolved_s=market.resolved_ns // 1_000_000_000 if resolved else None,
            winner=market.winner,
            flaws=self.flaws(market.start_s),
        )

    def listing_of(self, market: Market) -> gamma_objects.Listing | None:
        """What Gamma knows of this market, None when it is not listed."""
        return self.catalogue.listing(market.slug)

    def _gamma_id_of(self, condition_id: str) -> str:
        listing = self.catalogue.open_listing(condition_id=condition_id)
        return "" if listing is None else listing.gamma_id

    # --- commit, then tell

    def _commit(self, docs: list[Doc]) -> None:
        """What memory holds and the disk does not must never be told: without the disk the venue dies."""
        try:
            self.store.commit(docs)
        except sqlite3.Error as exc:
            log.event("store_failed", error=str(exc))
            os._exit(70)

    def flush(self, durable: bool = False) -> None:
        """Commit what a wallet is concerned with (or everything, when durable), then tell the sockets."""
        events = self.engine.take_events()
        if durable or self._docs or any(_concerns_a_wallet(e) for e in events):
            docs, self._docs = self._docs, []
            self._commit([*docs, *self.engine.take_changed_rows()])
        self.teller.tell(events)


def _concerns_a_wallet(event: EngineEvent) -> bool:
    match event:
        case OrderChanged() | BalanceChanged() | MarketEnded():
            return True
        case TradeChanged():
            return any(w.startswith("0x") for w in clob_objects.wallets_in(event.trade))
    return False


def market_from(listing: gamma_objects.Listing, taker_delay_ms: int) -> Market:
    """The engine's market of a listing, as it opens."""
    return Market(
        condition_id=listing.condition_id,
        slug=listing.slug,
        up_token=listing.up_token,
        down_token=listing.down_token,
        start_s=listing.start_s,
        end_s=listing.end_s,
        min_size_e6=listing.min_size_e6,
        fee_rate_e6=listing.fee_rate_e6,
        fee_exponent=listing.fee_exponent,
        taker_delay_ns=taker_delay_ms * 1_000_000,
    )


def _key_body(made: IssuedKey) -> bytes:
    return clob_frames.encode(
        {
            "api_key": made.api_key,
            "secret": made.secret,
            "passphrase": made.passphrase,
            "address": made.address,
            "nonce": made.nonce,
        }
    )


def _credentials(body: bytes) -> IssuedKey:
    return IssuedKey(**msgspec.json.decode(body))
