"""One order, from the market frame's bytes to the request's bytes; and building, signing and serialising it beside the
official client in the same run.

    POLYBOT_CLIENTS_PYTHON=…/bin/python python -m bench.order_path [--rounds 9] [--orders 300]

The official client lives in an environment of its own (tests/venue/clients/requirements.lock); named, it is measured in one
process with ours, turn by turn, with coincurve for both. Without it only our side is measured, and the run says so.

    ours      SignOrder → digest, signature, body of POST /order, HMAC headers
    official  polymarket-client: typed data, signature, payload, JSON, HMAC
    one call  a single secp256k1 sign_recoverable of a ready digest: the floor
    path      market frame as text → parsed → a taker's intent → signed body and headers → bytes of the HTTP request

Only ratios of one run mean anything. Medians of 9 rounds on 2 cores shared with much else (CPython 3.11): ours 38 µs,
1.49 of one secp256k1 call; the official client 762 µs, 19.9 times ours; the path 71 µs.
"""

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.tick_to_order import KEY, MARKET, a_frame, first_frame
from messages.inner import OrderFields, SignOrder
from polybot.adapters.net.http import HttpConnection
from polybot.adapters.polymarket.market_frames import MarketFrames
from polybot.adapters.polymarket.signing import Credentials, OrderSigner, RequestSigner, Wallet
from polybot.core.executor.books.order_state import metadata_of, salt_of
from polybot.core.sizing.amounts import BuyAmounts, fak_buy, limit_e6

ROOT = Path(__file__).parents[1]
OWNER = "5b1f0e0a-2c53-7b1e-9d0c-0a4d5e3a91f7"
SECRET = base64.urlsafe_b64encode(bytes(range(32))).decode()
NS_PER_US = 1_000


class Ours:
    """Everything that is kept between orders, as the executor keeps it."""

    def __init__(self) -> None:
        self.wallet = Wallet(KEY)
        self.signer = OrderSigner(self.wallet, OWNER)
        self.l2 = RequestSigner(self.wallet.address, Credentials(OWNER, SECRET, "p"))
        self.http = HttpConnection("http://127.0.0.1:1", 1.0)
        self.frames = MarketFrames()
        self.frames.add(MARKET)
        self.frames.hear(first_frame(), 0)

    def fields(self, n: int, amounts: BuyAmounts) -> OrderFields:
        intent_id = f"main/coin/{MARKET.slug}/{n}"
        return OrderFields(
            salt=salt_of(intent_id),
            token_id=MARKET.up_token,
            maker_e6=amounts.maker_e6,
            taker_e6=amounts.taker_e6,
            side="BUY",
            timestamp_ms=1_795_132_800_123 + n,
            metadata=metadata_of(intent_id),
            neg_risk=False,
            order_type="FAK",
            post_only=False,
            expiration_s=0,
        )

    def order(self, word: SignOrder) -> tuple[bytes, dict[str, str]]:
        """Signed body and headers."""
        signed = self.signer.sign(word)
        return signed.body, self.l2.headers(1_795_132_800, "POST", "/order", signed.body)

    def path(self, n: int, frame: str) -> bytes:
        """From the frame to the bytes of the request."""
        heard = self.frames.hear(frame, n)
        book = self.frames.builders[next(iter(heard.books))].book_word(n)
        assert book is not None
        amounts = fak_buy(5_000_000, limit_e6(book.up_asks[0][0], 20_000, 650_000), MARKET.fee)
        assert isinstance(amounts, BuyAmounts)
        body, headers = self.order(SignOrder(intent_id=str(n), fields=self.fields(n, amounts)))
        return self.http.request("POST", "/order", headers, body)


def official() -> Callable[[SignOrder], bytes]:
    """The same by polymarket-client; ImportError where it is not installed."""
    from eth_account import Account
    from polymarket._internal.actions.orders.orders import create_signed_order
    from polymarket._internal.actions.orders.post import build_post_order_request
    from polymarket._internal.actions.orders.typed_data import build_order_signature, build_order_typed_data
    from polymarket._internal.actions.orders.types import UnsignedOrder
    from polymarket._internal.hmac import build_hmac_signature
    from polymarket.environments import PRODUCTION

    signer, config = Account.from_key("0x" + KEY), PRODUCTION._config

    def order(word: SignOrder) -> bytes:
        f = word.fields
        unsigned = UnsignedOrder(
            builder="0x" + "00" * 32,
            chain_id=config.chain_id,
            exchange_address=config.standard_exchange,
            expiration=f.expiration_s,
            maker=signer.address,
            maker_amount=f.maker_e6,
            metadata=f.metadata,
            order_type=f.order_type,
            salt=f.salt,
            side=f.side,
            signature_type=0,
            signer=signer.address,
            taker_amount=f.taker_e6,
            timestamp=f.timestamp_ms,
            token_id=f.token_id,
            protocol_version="2",
        )
        plain = signer.sign_typed_data(full_message=build_order_typed_data(unsigned)).signature.hex()
        signed = create_signed_order(unsigned, build_order_signature(unsigned, "0x" + plain.removeprefix("0x")))
        path, payload = build_post_order_request(signed, owner_api_key=OWNER)
        body = json.dumps(payload, separators=(",", ":"))
        build_hmac_signature(secret=SECRET, timestamp=1_795_132_800, method="POST", path=path, body=body)
        return body.encode()

    return order


def timed_us(work: Callable[[int], object], count: int) -> list[float]:
    """Each call by itself, µs."""
    took = []
    for n in range(count):
        began = time.perf_counter_ns()
        work(n)
        took.append((time.perf_counter_ns() - began) / NS_PER_US)
    return took


def measure(rounds: int, orders: int) -> dict[str, Any]:
    """Turn by turn, the medians of the rounds' medians; for the path all calls together."""
    ours, amounts = Ours(), BuyAmounts(520_000, 5_000_000, 9_615_300, 5_350_000)
    words = [SignOrder(intent_id=str(n), fields=ours.fields(n, amounts)) for n in range(orders)]
    digests = [n.to_bytes(32, "big") for n in range(1, orders + 1)]
    frames = [a_frame(n) for n in range(orders)]
    sides: dict[str, Callable[[int], object]] = {
        "ours": lambda n: ours.order(words[n]),
        "one call": lambda n: ours.wallet.key.sign_recoverable(digests[n], hasher=None),
        "path": lambda n: ours.path(n, frames[n]),
    }
    try:
        theirs = official()
        sides["official"] = lambda n: theirs(words[n])
        assert json.loads(ours.order(words[0])[0]) == json.loads(theirs(words[0])), "both say the same order"
    except ImportError:
        pass
    taken: dict[str, list[list[float]]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, work in sides.items():
            taken[name].append(timed_us(work, orders))
    medians = {name: statistics.median(statistics.median(r) for r in runs) for name, runs in taken.items()}
    every = sorted(t for run in taken["path"] for t in run)
    return {
        "us": {name: round(value, 1) for name, value in medians.items()},
        "path_p99_us": round(every[int(len(every) * 0.99)], 1),
        "ours / one call": round(medians["ours"] / medians["one call"], 2),
        "official / ours": round(medians["official"] / medians["ours"], 1) if "official" in medians else None,
    }


def main() -> None:
    """Measure, here or in the clients' interpreter."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    wishes = parser.parse_args()
    clients = os.environ.pop("POLYBOT_CLIENTS_PYTHON", "")
    if clients:
        own = os.pathsep.join([str(ROOT), sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]])
        sys.exit(
            subprocess.run(
                [clients, "-m", "bench.order_path", *sys.argv[1:]], env=os.environ | {"PYTHONPATH": own}, check=False
            ).returncode
        )
    told = measure(wishes.rounds, wishes.orders)
    if wishes.json:
        print(json.dumps({"v": 1} | told))
        return
    for name, value in told["us"].items():
        print(f"{name:<10} {value:8.1f} µs")
    print(f"path p99   {told['path_p99_us']:8.1f} µs")
    print(f"ours / one secp256k1 call  {told['ours / one call']}")
    if told["official / ours"] is None:
        print("the official client is not installed here: name an interpreter that has it, POLYBOT_CLIENTS_PYTHON=…")
    else:
        print(f"official / ours            {told['official / ours']}")


if __name__ == "__main__":
    main()
