"""Redeeming through somebody else's client: whatever it raises is told, and the executor lives on."""

import sys
from types import ModuleType
from typing import Any

import pytest

from messages.inner import PollRedeem, SubmitRedeem
from polybot.adapters.polymarket import chain
from polybot.adapters.polymarket.calldata import Call
from polybot.adapters.polymarket.chain import ChainRedeemer
from polybot.adapters.polymarket.signing import Credentials

WISH = SubmitRedeem(slug="s", attempt=1, condition_id="0x" + "12" * 32, neg_risk=False, shares={"1": 1_000_000})


class Client:
    """Sends, or raises what it was given."""

    def __init__(self, raises: Exception | None = None) -> None:
        self.raises, self.transaction_hash = raises, "0xabc"

    def execute_transaction(self, calls: list[Any]) -> "Client":
        if self.raises is not None:
            raise self.raises
        return self


@pytest.fixture
def redeemer(monkeypatch: pytest.MonkeyPatch) -> ChainRedeemer:
    """With a package of that name whose every error is declared, and none of those it raises."""
    errors = ("PolymarketError", "SigningError", "UserInputError", "TimeoutError", "TransactionFailedError")
    modules = {"polymarket": {}, "polymarket.errors": {name: type(name, (Exception,), {}) for name in errors}}
    modules["polymarket.calls"] = {"TransactionCall": dict}
    for name, content in modules.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(chain, "missing", lambda: "")
    monkeypatch.setattr(chain, "redeem_call", lambda wish: Call(to="0x1", data=b"x"))
    return ChainRedeemer("0x" + "11" * 32, "0x2", Credentials("k", "c2Vj", "p"))


def test_what_it_raises_before_anything_has_left_is_a_failed_attempt(
    redeemer: ChainRedeemer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened() -> Any:
        raise KeyError("a field of an answer")

    monkeypatch.setattr(redeemer, "_opened", opened)
    told = redeemer.submit(WISH)
    assert (told.state, "KeyError" in told.why) == ("failed", True)


def test_what_it_raises_while_sending_leaves_the_attempt_open(redeemer: ChainRedeemer) -> None:
    redeemer._client = Client(RuntimeError("event loop is closed"))
    told = redeemer.submit(WISH)
    assert (told.state, "event loop is closed" in told.why) == ("unknown", True)


def test_what_it_raises_while_looking_is_silence(redeemer: ChainRedeemer) -> None:
    redeemer._client = Client()
    sent = redeemer.submit(WISH)
    assert (sent.state, sent.tx_id) == ("sent", "0xabc")
    look = PollRedeem(slug="s", attempt=1, tx_id=sent.tx_id)
    assert redeemer.poll(look).state == "silent", "the client here is no dataclass: replace() raises a TypeError"
