"""The relayer (facts §13): submit a gasless transaction, poll it until confirmed. Of all calls it knows `redeemPositions`.

Nothing can be stolen here: a redemption pays the wallet that holds the shares, whoever submits it. Beside the real relayer's
types it takes "EOA", which stands for a transaction the owner would have sent to the chain: signed by that owner, or refused.
What was submitted and not mined yet dies with the venue, as in a real pool: its id is not known afterwards.
"""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polybot.adapters.polymarket import eip712
from polybot.venue.accounts.engine_service import House
from polybot.venue.net.responses import HttpRefusal, as_json, parsed, wanted
from polybot.venue.wire.clob_objects import transaction_hash

REDEEM = "01b7037c"  # redeemPositions(address,bytes32,bytes32,uint256[])
WORD = 64  # hex digits of one argument
MINED_NS, CONFIRMED_NS = 2_000_000_000, 5_000_000_000
State = Literal["STATE_NEW", "STATE_EXECUTED", "STATE_MINED", "STATE_CONFIRMED", "STATE_FAILED"]


@dataclass
class Transaction:
    """What was submitted, and what became of it; `error` says why it failed."""

    id: str
    kind: str
    wallet: str
    submitted_ns: int
    conditions: tuple[str, ...] = ()
    error: str = ""
    is_mined: bool = False


@dataclass
class RelayerRoutes:
    """`due` moves what was submitted on to the chain, in order; whoever steps the world calls it."""

    house: House
    transactions: dict[str, Transaction] = field(default_factory=dict)
    nonces: dict[str, int] = field(default_factory=dict)
    pending: list[Transaction] = field(default_factory=list)

    def routes(self) -> list[Route]:
        """The paths that are served, each with its handler."""
        return [
            Route("/v1/account/transactions/params", self.params),
            Route("/relay-payload", self.params),
            Route("/nonce", self.params),
            Route("/deployed", self.deployed),
            Route("/submit", self.submit, methods=["POST"]),
            Route("/v1/account/transactions/{id}", self.poll),
            Route("/transaction", self.poll_by_query),
        ]

    def due(self, now_ns: int) -> None:
        """Mine what is old enough: shares become cash, committed before anyone hears of it."""
        for done in [t for t in self.pending if now_ns - t.submitted_ns >= MINED_NS]:
            self.pending.remove(done)
            done.is_mined = True
            done.error = done.error or self._redeem_all(done.wallet, done.conditions)

    async def params(self, request: Request) -> Response:
        """Answers what to sign with: the next nonce of a wallet."""
        address = wanted(request, "address", "address is required").lower()
        return as_json({"address": address, "nonce": str(self.nonces.get(address, 0))})

    async def deployed(self, request: Request) -> Response:
        """Answers whether a wallet is deployed: here every one is."""
        wanted(request, "address", "address is required")
        return as_json({"deployed": True})

    async def submit(self, request: Request) -> Response:
        """Answers `/submit`: the transaction is taken, and carried out once it is mined."""
        body = parsed(await request.body())
        if not isinstance(body, dict) or not isinstance(body.get("from"), str):
            raise HttpRefusal(400, "invalid transaction request")
        signer = body["from"].lower()
        if body.get("type") == "EOA":
            self._check_owner(body, signer)
        params = body.get("depositWalletParams")
        inner = params.get("depositWallet") if isinstance(params, dict) else None
        wallet = str(inner or body.get("proxyWallet") or body["from"]).lower()
        done = Transaction(str(uuid.uuid4()), str(body.get("type", "")), wallet, self.house.now_ns())
        done.conditions = tuple(conditions_in(json.dumps(body)))
        self.nonces[signer] = self.nonces.get(signer, 0) + 1
        self.transactions[done.id] = done
        self.pending.append(done)
        return as_json(
            {"transactionID": done.id, "state": "STATE_NEW", "hash": "", "transactionHash": transaction_hash(done.id)}
        )

    def _check_owner(self, body: dict[str, Any], signer: str) -> None:
        """The next nonce, and the owner's own signature over what is asked."""
        nonce = self.nonces.get(signer, 0)
        try:
            data = bytes.fromhex(str(body["data"]).removeprefix("0x"))
            asked = eip712.keccak256(
                eip712.address_word(str(body["to"])) + eip712.keccak256(data) + eip712.word(int(body["nonce"]))
            )
            signed = bytes.fromhex(str(body["signature"]).removeprefix("0x"))
            owner = eip712.recover_address(eip712.personal(asked), signed)
        except (KeyError, ValueError, OverflowError) as exc:
            raise HttpRefusal(400, "invalid signature") from exc
        if int(body["nonce"]) != nonce:
            raise HttpRefusal(400, f"batch nonce {body['nonce']} does not match on-chain nonce {nonce}")
        if owner.lower() != signer:
            raise HttpRefusal(400, "invalid signature")

    def _redeem_all(self, wallet: str, conditions: tuple[str, ...]) -> str:
        for condition_id in conditions:
            if self.house.engine.market(condition_id) is None:
                return f"condition {condition_id} is not known"
            paid = self.house.engine.redeem(wallet, condition_id, self.house.now_ns())
            if paid is None:
                return "result for condition not received yet"
            self.house.cached.paid(wallet, paid)
        self.house.flush(durable=True)
        return ""

    async def poll(self, request: Request) -> Response:
        """Answers how far one transaction is, in this route's snake_case."""
        done = self._found(request.path_params["id"])
        return as_json(
            {
                "transaction_id": done.id,
                "transaction_hash": transaction_hash(done.id),
                "type": done.kind,
                "proxy_address": done.wallet,
                "state": state_of(done, self.house.now_ns()),
                "error_msg": done.error or None,
            }
        )

    async def poll_by_query(self, request: Request) -> Response:
        """The older route: a list of one, in camelCase."""
        done = self._found(wanted(request, "id", "id is required"))
        shown = {
            "transactionID": done.id,
            "transactionHash": transaction_hash(done.id),
            "type": done.kind,
            "proxyAddress": done.wallet,
            "state": state_of(done, self.house.now_ns()),
        }
        return as_json([shown])

    def _found(self, id_: str) -> Transaction:
        found = self.transactions.get(id_)
        if found is None:
            raise HttpRefusal(404, "transaction not found")
        return found


def state_of(done: Transaction, now_ns: int) -> State:
    """On its way, mined, confirmed as the chain would; failed once it could have been mined."""
    if not done.is_mined:
        return "STATE_EXECUTED"
    if done.error:
        return "STATE_FAILED"
    return "STATE_MINED" if now_ns - done.submitted_ns < CONFIRMED_NS else "STATE_CONFIRMED"


def conditions_in(text: str) -> list[str]:
    """The condition ids of every redemption in a transaction, however it is wrapped: bare, proxy, Safe or deposit wallet."""
    found: list[str] = []
    lower, at = text.lower(), 0
    while (at := lower.find(REDEEM, at)) >= 0:
        at += len(REDEEM)
        word = lower[at + 2 * WORD : at + 3 * WORD]
        if len(word) == WORD and all(c in "0123456789abcdef" for c in word):
            found.append("0x" + word)
    return list(dict.fromkeys(found))
