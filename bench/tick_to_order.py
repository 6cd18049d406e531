"""Market frame in → signed order's first byte out: through five processes with bus, flight recorder and journal, and the
same thinking, signing and journal in one process beside it. Open loop: frames come at their own times, so that a late
hearer cannot hide its delay. What the cores decide is kept trivial here: this measures the house, not the strategy.

    python -m bench.tick_to_order [--rate 50] [--rate 500] [--decisions 400] [--rounds 3]
"""

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from messages import (
    Accepted,
    Allocation,
    ApprovedOrder,
    Book,
    FeeSchedule,
    Judged,
    MarketListed,
    OrderIntent,
    Prediction,
    RiskVerdict,
    Signal,
    Word,
    encode,
)
from messages.inner import OrderFields, OrderSigned, Persist, PostOrder, SignOrder
from polybot.adapters.polymarket.market_frames import MarketFrames
from polybot.adapters.polymarket.signing import OrderSigner, Wallet
from polybot.core.executor.books.order_state import metadata_of, salt_of
from polybot.runtime.loop.context import Context
from polybot.runtime.loop.inbox import Effect, Inbox
from polybot.runtime.loop.loop import run
from polybot.runtime.loop.wiring import Wiring
from polybot.runtime.store.journal import Journal

KEY = "11" * 32
ACTORS = ("signal", "allocator", "risk", "executor", "market_feed")
MARKET = MarketListed(
    slug="btc-updown-5m-1795132800",
    condition_id="0x" + "74" * 32,
    up_token="91348881789320432298294780669777877709298835272408462781006302171545019022093",
    down_token="76631234789320432298294780669777877709298835272408462781006302171545019022093",
    start_s=1795132800,
    end_s=1795133100,
    tick_e6=10_000,
    min_size_e6=5_000_000,
    fee=FeeSchedule(rate_e6=70_000, exponent=1, taker_only=True),
    neg_risk=False,
    rule="twap60",
    rule_why="",
    synthetic_books=True,
)


def a_frame(n: int) -> str:
    """A price change as the market channel sends it: both tokens, the best ask moving between two prices."""
    up, down = (("0.52", "0.48"), ("0.53", "0.47"))[n % 2]
    other = (("0.53", "0.47"), ("0.52", "0.48"))[n % 2]
    changes = [
        (MARKET.up_token, up, "120", "SELL", "0.50", up),
        (MARKET.down_token, down, "120", "BUY", down, "0.50"),
        (MARKET.up_token, other[0], "0", "SELL", "0.50", up),
        (MARKET.down_token, other[1], "0", "BUY", down, "0.50"),
    ]
    keys = ("asset_id", "price", "size", "side", "best_bid", "best_ask")
    items = [dict(zip(keys, c, strict=True)) | {"hash": "0" * 40} for c in changes]
    frame = {"event_type": "price_change", "market": MARKET.condition_id, "timestamp": "1795132800456"}
    return json.dumps(frame | {"price_changes": items})


def first_frame() -> str:
    """The snapshots that open the two books."""
    books = []
    for token, bid, ask in ((MARKET.up_token, "0.5", "0.55"), (MARKET.down_token, "0.45", "0.5")):
        book = {"event_type": "book", "market": MARKET.condition_id, "asset_id": token, "timestamp": "1795132800123"}
        books.append(
            book | {"hash": "", "bids": [{"price": bid, "size": "100"}], "asks": [{"price": ask, "size": "80"}]}
        )
    return json.dumps(books)


# --- five thin cores, over the real words. The instant a frame came in travels in the book's own stamp.


class Feed:
    """Says every book."""

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        if isinstance(word, Book):
            yield word


class Thinking:
    """A signal from every book."""

    def __init__(self) -> None:
        self.n = 0

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        if isinstance(word, Book):
            self.n += 1
            prediction = a_prediction(self.n, word)
            yield prediction
            yield Signal(
                prediction=prediction, outcome="UP", token_id=MARKET.up_token, good_until_ns=2**62, cancel_at_ns=2**62
            )


class Sizing:
    """Five dollars."""

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        if isinstance(word, Signal):
            intent = an_intent(word.prediction)
            yield an_allocation(intent)
            yield intent


class Judging:
    """Yes."""

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        if isinstance(word, OrderIntent):
            verdict = RiskVerdict(
                intent_id=word.id,
                account="main",
                strategy="bench",
                slug=word.slug,
                approved=True,
                reason_code="",
                reason="",
                judged_ns=now_ns,
            )
            yield Judged(id=word.id, verdict=verdict)
            yield verdict
            yield ApprovedOrder(
                id=word.id, intent=word, risk_boot=1, good_until_ns=2**62, cancel_at_ns=2**62, reduce_only=False
            )


class Executing:
    """Sign, journal, answer, post."""

    def __init__(self) -> None:
        self.open: dict[str, OrderIntent] = {}
        self.seq = 0

    def handle(self, word: Word, now_ns: int) -> Iterable[Word]:
        match word:
            case ApprovedOrder():
                self.open[word.id] = word.intent
                yield SignOrder(intent_id=word.id, fields=fields_of(word.intent, now_ns))
            case OrderSigned():
                intent = self.open.pop(word.intent_id)
                self.seq += 1
                yield Persist(record=encode(intent) + word.body, seq=self.seq)
                yield Accepted(id=word.intent_id, order_id=word.order_id)
                yield PostOrder(
                    order_id=word.order_id, body=word.body, good_until_ns=intent.prediction.book_ns, attempt=1
                )


def a_prediction(n: int, book: Book) -> Prediction:
    return Prediction(
        account="main", strategy="bench", slug=book.slug, condition_id=book.condition_id, n=n, start_s=MARKET.start_s,
        end_s=MARKET.end_s, signal_type="bench", label="high", prediction="UP", probability=None, indicators={"rsi": 28.0},
        btc_price=65_000.0, strike=65_000.0, strike_source="rtds_twap60", up_ask_e6=book.up_asks[0][0], down_ask_e6=None,
        reason_code="", reason="", decided_ns=0, good_until_ns=2**62, book_ns=book.received_ns,
    )  # fmt: skip


def an_intent(p: Prediction) -> OrderIntent:
    return OrderIntent(
        id=f"main/bench/{p.slug}/{p.n}", account="main", strategy="bench", slug=p.slug, condition_id=p.condition_id,
        token_id=MARKET.up_token, outcome="UP", side="BUY", order_type="FAK", stake_e6=5_000_000, limit_e6=540_000,
        maker_e6=5_000_000, taker_e6=9_259_200, worst_e6=5_350_000, fee_rate_e6=70_000, fee_exponent=1, neg_risk=False,
        start_s=p.start_s, end_s=p.end_s, good_until_ns=2**62, cancel_at_ns=2**62, win_streak=0, prediction=p,
    )  # fmt: skip


def an_allocation(i: OrderIntent) -> Allocation:
    return Allocation(
        account="main", strategy="bench", slug=i.slug, intent_id=i.id, stake_e6=i.stake_e6, limit_e6=i.limit_e6,
        size_e6=i.taker_e6, win_streak=0, sizing="fixed", reason_code="", reason="",
    )  # fmt: skip


def fields_of(i: OrderIntent, now_ns: int) -> OrderFields:
    return OrderFields(
        salt=salt_of(i.id), token_id=i.token_id, maker_e6=i.maker_e6, taker_e6=i.taker_e6, side="BUY",
        timestamp_ms=now_ns // 1_000_000, metadata=metadata_of(i.id), neg_risk=False, order_type="FAK", post_only=False,
        expiration_s=0,
    )  # fmt: skip


class Post:
    """The POST on a kept-alive connection. Notes how long after its frame the first byte went out."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.took_us: list[float] = []

    def __call__(self, word: PostOrder) -> None:
        self.took_us.append((time.monotonic_ns() - word.good_until_ns) / 1000)
        self.connection.request("POST", "/order", word.body, {"Content-Type": "application/json"})
        self.connection.getresponse().read()


class Frames:
    """Frames at their own times: the source thread of the feed."""

    def __init__(self, inbox: Inbox, rate: float, decisions: int, go: Path) -> None:
        self._inbox, self._rate, self._decisions, self._go = inbox, rate, decisions, go

    def start(self) -> None:
        threading.Thread(target=self._work, daemon=True).start()

    def stop(self) -> None:
        return

    def _work(self) -> None:
        frames = a_reader()
        while not self._go.exists():
            time.sleep(0.01)
        for n, arrived_ns in on_time(self._rate, self._decisions):
            for word in heard(frames, a_frame(n), arrived_ns):
                self._inbox.put(word)


def a_reader() -> MarketFrames:
    """The adapter's parser with both books open."""
    frames = MarketFrames()
    frames.add(MARKET)
    frames.hear(first_frame(), 0)
    return frames


def heard(frames: MarketFrames, text: str, arrived_ns: int) -> list[Word]:
    """The words of one frame, books made from it."""
    found = frames.hear(text, arrived_ns)
    books = [frames.builders[slug].book_word(arrived_ns) for slug in found.books]
    return [*found.words, *(book for book in books if book is not None)]


def on_time(rate: float, decisions: int) -> Iterator[tuple[int, int]]:
    """(n, the machine time it came in) at an even rate, whatever the hearers do."""
    begun = time.monotonic_ns()
    for n in range(decisions):
        due = begun + int(n / rate * 1e9)
        while (left := due - time.monotonic_ns()) > 0:
            time.sleep(left / 1e9)
        yield n, time.monotonic_ns()


# --- the five processes


def act(name: str) -> None:
    """One actor of the bench, over the real loop."""
    facts = json.loads(os.environ["BENCH"])
    cores: dict[str, Callable[[], Any]] = {
        "market_feed": Feed, "signal": Thinking, "allocator": Sizing, "risk": Judging, "executor": Executing,
    }  # fmt: skip

    def wire(context: Context, inbox: Inbox) -> Wiring:
        if name == "market_feed":
            return Wiring(sources=[Frames(inbox, facts["rate"], facts["decisions"], context.paths.state / "go")])
        if name == "executor":
            post = Post(facts["port"])
            signer = OrderSigner(Wallet(KEY), "bench")

            def note() -> None:
                (context.paths.state / "took.json.new").write_text(json.dumps(post.took_us))
                (context.paths.state / "took.json.new").replace(context.paths.state / "took.json")

            return Wiring(
                effects={PostOrder: Effect(post, "orders")},
                sync={SignOrder: signer.sign},
                every=note,
                every_s=1.0,
            )
        return Wiring()

    run(name, cores[name](), wire)


def through_processes(rate: float, decisions: int, port: int) -> list[float]:
    """Latencies in µs through five processes."""
    with tempfile.TemporaryDirectory(prefix="pb-") as folder:
        facts = json.dumps({"rate": rate, "decisions": decisions, "port": port})
        env = {**os.environ, "POLYBOT_STATE": folder, "BENCH": facts}
        command = [sys.executable, "-m", "bench.tick_to_order", "--actor"]
        children = [subprocess.Popen([*command, a], env=env, stdout=subprocess.DEVNULL) for a in ACTORS]
        try:
            time.sleep(2.0)  # connections: not part of the measure
            (Path(folder) / "go").touch()
            return _wait_for(Path(folder) / "took.json", decisions, 30 + decisions / rate)
        finally:
            for child in children:
                child.send_signal(signal.SIGTERM)
            for child in children:
                child.wait(10)


def _wait_for(path: Path, count: int, patience_s: float) -> list[float]:
    end = time.monotonic() + patience_s
    took: list[float] = []
    while time.monotonic() < end:
        took = json.loads(path.read_text()) if path.exists() else []
        if len(took) >= count:
            break
        time.sleep(0.2)
    if len(took) < count:
        print(f"only {len(took)} of {count} frames became orders", file=sys.stderr)
    return took


def in_one_process(rate: float, decisions: int, port: int) -> list[float]:
    """The same cores called one after the other, same signing, same journal, same POST."""
    with tempfile.TemporaryDirectory(prefix="pb-") as folder:
        journal, signer, post, frames = Journal(Path(folder)), OrderSigner(Wallet(KEY), "bench"), Post(port), a_reader()
        cores = (Feed(), Thinking(), Sizing(), Judging(), Executing())
        for n, arrived_ns in on_time(rate, decisions):
            words: list[Word] = heard(frames, a_frame(n), arrived_ns)
            while words:
                word = words.pop(0)
                match word:
                    case SignOrder():
                        words.insert(0, signer.sign(word))
                    case Persist():
                        journal.append(word.record, word.seq)
                    case PostOrder():
                        post(word)
                    case _:
                        hears = _CHAIN.get(type(word))
                        words += cores[hears].handle(word, time.time_ns()) if hears is not None else ()
        journal.close()
        return post.took_us


_CHAIN: dict[type[Word], int] = {Book: 1, Signal: 2, OrderIntent: 3, ApprovedOrder: 4, OrderSigned: 4}


class Sink:
    """A venue that says yes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            peer, _ = self._listener.accept()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    @staticmethod
    def _serve(peer: socket.socket) -> None:
        data = b""
        while chunk := peer.recv(65536):
            data += chunk
            while b"\r\n\r\n" in data:
                head, _, rest = data.partition(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                if len(rest) < length:
                    break
                data = rest[length:]
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def line(name: str, took: list[float]) -> tuple[float, float]:
    """Print and return p50 and p99 in µs."""
    ordered = sorted(took)
    p50, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99) - 1]
    print(f"  {name:<28} p50 {p50:8.0f} µs   p99 {p99:8.0f} µs   n {len(took)}")
    return p50, p99


def main() -> None:
    """Interleaved rounds; the ratio of one run is what survives another machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actor")
    parser.add_argument("--rate", type=float, action="append")
    parser.add_argument("--decisions", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if args.actor:
        act(args.actor)
    sink = Sink()
    for rate in args.rate or [50.0, 500.0]:
        many: list[float] = []
        one: list[float] = []
        for _ in range(args.rounds):
            many += through_processes(rate, args.decisions, sink.port)
            one += in_one_process(rate, args.decisions, sink.port)
        print(f"frame in → order's first byte out, journaled, {rate:g} decisions/s")
        p50, _ = line("five processes", many)
        alone, _ = line("one process", one)
        print(f"  ratio of p50: {p50 / alone:.2f}")


if __name__ == "__main__":
    main()
