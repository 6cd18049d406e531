"""After the switch: ask executor and risk, fence an executor that does not move, and print what is proven.

1. risk and executor are asked at once; any sign of life of the executor within 500 ms, and its proof is awaited
2. none: the verified holder of its lock is killed, and supervisord's fresh executor cancels and proves
3. supervisord is dead, or holds the executor stopped: `python -m actors.executor --cancel-only` under the same lock
"""

import json
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import msgspec

from messages import CancelAll, CancelProof, Halt, Heartbeat, Request, Snapshot
from polybot.runtime.base.paths import Paths
from polybot.runtime.loop.bus import Subscriber, ask
from polybot.runtime.safety import locks
from polybot.runtime.safety.halt import USER, Standing
from polybot.runtime.supervision import lone_executor, supervisord
from polybot.topology import TABLE

ALIVE_S = 0.5
PROOF_S = 5.0
LOOK_S = 0.1
SILENT = "did not answer"


@dataclass
class _Answers:
    """What came back so far; threads write, the caller waits."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    proof: CancelProof | None = None
    is_alive: bool = False
    risk: str = SILENT

    def wait(self, ready: Any, timeout_s: float) -> bool:
        with self.changed:
            return bool(self.changed.wait_for(ready, timeout_s))

    def set(self, **facts: Any) -> None:
        with self.changed:
            for name, value in facts.items():
                setattr(self, name, value)
            self.changed.notify_all()


def prove(
    paths: Paths, standing: Standing | None, reason: str, *, not_written: str, as_json: bool, began_s: float
) -> int:
    """Steps 1 to 3, then the proof on stdout; the exit code."""
    runs = [a.name for a in TABLE if locks.holder(paths, a.name)]
    proof, how, risk = _cancel(paths, reason, runs)
    result = {
        "v": 1,
        "state": str(paths.state),
        "halt": standing._asdict() if standing else None,
        "not_written": not_written,
        "running": runs,
        "how": how,
        "risk": risk,
        **_facts(proof),
        "took_ms": round((time.monotonic() - began_s) * 1000, 1),
    }
    sys.stdout.write(json.dumps(result) + "\n" if as_json else _text(result))
    if proof is None and not runs:
        sys.stderr.write(
            f"no bot runs in {paths.state}: is it the right folder? It will not trade there until resumed.\n"
        )
        return 4
    return 0 if result["proven"] and not not_written else 1


def _cancel(paths: Paths, reason: str, runs: list[str]) -> tuple[CancelProof | None, str, str]:
    if not runs and not paths.journal.exists():
        return None, "nothing runs here, and nothing ever traded here", "not running"
    answers = _Answers()
    if runs and "executor" not in runs and _is_given_up(paths):
        threading.Thread(target=_ask_risk, args=(paths, reason, answers), daemon=True).start()
        proof, how = _cancel_only(paths, "supervisord holds the executor stopped")
        return proof, how, answers.risk
    if runs:
        _ask_all(paths, reason, answers)
        if answers.wait(lambda: answers.is_alive or answers.proof, ALIVE_S) and answers.wait(
            lambda: answers.proof, PROOF_S
        ):
            answers.wait(lambda: answers.risk != SILENT, 0.3)
            return answers.proof, "the executor answered", answers.risk
    return (*_fence(paths, reason), answers.risk)


def _ask_all(paths: Paths, reason: str, answers: _Answers) -> None:
    def cancel() -> None:
        reply = ask(paths.sockets, "executor", CancelAll(id=_id("cancel"), reason=reason), PROOF_S)
        if isinstance(reply, CancelProof):
            answers.set(proof=reply)

    def look() -> None:
        if type(_ask_executor(paths, Snapshot(id=_id("alive")), ALIVE_S)).__name__ != "NoReply":
            answers.set(is_alive=True)

    def listen() -> None:
        heart = Subscriber(paths.sockets, ["executor"], (Heartbeat,))
        if heart.recv(int(ALIVE_S * 1000)) is not None:
            answers.set(is_alive=True)
        heart.close()

    def risk() -> None:
        _ask_risk(paths, reason, answers)

    for step in (cancel, risk, look, listen):
        threading.Thread(target=step, daemon=True).start()


def _ask_risk(paths: Paths, reason: str, answers: _Answers) -> None:
    reply = ask(paths.sockets, "risk", Halt(id=_id("halt"), by=USER, reason_code="KILL_SWITCH", reason=reason), 1.0)
    answers.set(risk=getattr(reply, "trading_state", SILENT))


def _is_given_up(paths: Paths) -> bool:
    """Does supervisord say that it does not start the executor again?"""
    try:
        infos = supervisord.Supervisor.of(paths, 1.0).processes()
    except supervisord.Unreachable:
        return False
    return any(info["name"] == "executor" and supervisord.is_given_up(info) for info in infos)


def _ask_executor(paths: Paths, request: Request, deadline_s: float) -> object:
    return ask(paths.sockets, "executor", request, deadline_s)


def _fence(paths: Paths, reason: str) -> tuple[CancelProof | None, str]:
    """Kill what holds the executor's lock and does not move, then have a fresh one cancel and prove."""
    found = locks.holder(paths, "executor")
    fenced = ""
    if found is not None:
        try:
            os.kill(found.pid, signal.SIGKILL)
            fenced = f"the executor (process {found.pid}) did not answer and was killed; "
        except ProcessLookupError:
            fenced = "the executor had just died; "
    try:
        supervisord.Supervisor.of(paths).processes()  # wakes it: it starts the executor again
    except supervisord.Unreachable:
        return _cancel_only(paths, f"{fenced}supervisord is dead")
    answers = _Answers()

    def cancel() -> None:
        reply = _ask_executor(paths, CancelAll(id=_id("cancel"), reason=reason), PROOF_S)
        if isinstance(reply, CancelProof):
            answers.set(proof=reply)

    threading.Thread(target=cancel, daemon=True).start()
    deadline = time.monotonic() + PROOF_S
    while time.monotonic() < deadline:
        if answers.wait(lambda: answers.proof, LOOK_S):
            return answers.proof, f"{fenced}the restarted executor answered"
        if _is_given_up(paths):
            return _cancel_only(paths, f"{fenced}supervisord holds the executor stopped")
    return None, f"{fenced}the restarted executor did not answer within {PROOF_S:.0f} s"


def _cancel_only(paths: Paths, because: str) -> tuple[CancelProof | None, str]:
    proof, why = lone_executor.cancel(paths, PROOF_S)
    return proof, f"{because}: a lone executor cancelled" if proof else f"{because}, and {why}"


_LISTS = ("cancelled", "unknown", "pending_posts", "fills_after", "held")


def _facts(proof: CancelProof | None) -> dict[str, Any]:
    """open -1 and null for a list = nobody could say. proven: no order is open and none is in doubt."""
    if proof is None:
        return {"proven": False, "open": -1} | dict.fromkeys(_LISTS)
    facts = msgspec.to_builtins(proof)
    proven = proof.open == 0 and not proof.unknown and not proof.pending_posts
    return {"proven": proven, "open": proof.open} | {name: facts[name] for name in _LISTS}


def _text(result: dict[str, Any]) -> str:
    halted, held = result["halt"], result["held"]
    lines = [
        f"halt        {halted['id']} by {halted['by']}: {halted['reason']}" if halted else "halt        NOT WRITTEN",
        f"how         {result['how']}",
        f"risk        {result['risk']}",
        f"cancelled   {_listed(result['cancelled'])}",
        f"open        {'the venue did not say' if result['open'] < 0 else result['open']}",
        f"unknown     {_listed(result['unknown'])}",
        f"pending     {_listed(result['pending_posts'])}",
        f"fills after {_listed(result['fills_after'])}",
        f"held        {'not known' if held is None else f'{len(held)} positions'}; halt does not sell",
        f"took        {result['took_ms']:.0f} ms",
        "proven: nothing is open, nothing is in doubt" if result["proven"] else "NOT PROVEN",
    ]
    return "\n".join(lines) + "\n"


def _listed(ids: list[str] | None) -> str:
    return "not known" if ids is None else f"{len(ids)} {' '.join(ids)}".rstrip()


def _id(what: str) -> str:
    return f"ctl/{what}/{os.getpid()}/{time.time_ns()}"
