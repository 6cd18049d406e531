"""Programs of a running house that supervisord leaves down (given up by the watchdog, stopped by hand) are started again."""

import time
import xmlrpc.client
from dataclasses import dataclass, field
from typing import Any

from messages import Heartbeat
from polybot.runtime.base.paths import Paths
from polybot.runtime.loop.bus import Subscriber
from polybot.runtime.supervision import supervisord
from polybot.topology import BY_NAME

AGAIN_S = 20.0
TRIES = 3  # of one program; a lone executor may hold the lock for a few seconds
APART_S = 2.0


@dataclass
class Restarted:
    """Whose heart was heard after we had them started, and whose was not."""

    started: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def needed(self) -> list[str]:
        """Those of the missing without which there is no trading."""
        return [name for name in self.missing if BY_NAME[name].on_crash == "halt"]


def start_again(paths: Paths, within_s: float = AGAIN_S) -> Restarted:
    """Start what is down and wait until its heart is heard. Nothing is done where no supervisord answers."""
    supervisor = supervisord.Supervisor.of(paths)
    try:
        down = [str(info["name"]) for info in supervisor.processes() if _is_down(info)]
    except supervisord.Unreachable:
        return Restarted()
    if not down:
        return Restarted()
    hearts = Subscriber(paths.sockets, down, (Heartbeat,))
    try:
        return _wait(supervisor, hearts, down, time.monotonic() + within_s)
    finally:
        hearts.close()


def _is_down(info: dict[str, Any]) -> bool:
    """Code 0 is how a program leaves that this profile does not need."""
    left_well = info["statename"] == "EXITED" and info["exitstatus"] == 0
    return info["name"] in BY_NAME and supervisord.is_given_up(info) and not left_well


def _wait(supervisor: supervisord.Supervisor, hearts: Subscriber, down: list[str], deadline: float) -> Restarted:
    found = Restarted(missing=list(down))
    tries = dict.fromkeys(down, 0)
    next_s = 0.0
    while found.missing and (now_s := time.monotonic()) < deadline:
        if now_s >= next_s:
            next_s = now_s + APART_S
            if not _start(supervisor, found.missing, tries):
                break
        envelope = hearts.recv(100)
        name = envelope.body.actor if envelope is not None and isinstance(envelope.body, Heartbeat) else ""
        if name in found.missing:
            found.missing.remove(name)
            found.started.append(name)
    return found


def _start(supervisor: supervisord.Supervisor, missing: list[str], tries: dict[str, int]) -> bool:
    """Start those of the missing that are down; False once every one of them has had its tries."""
    hopeful = False
    try:
        for info in supervisor.processes():
            name = str(info["name"])
            if name not in missing:
                continue
            if not _is_down(info):
                hopeful = True
            elif tries[name] < TRIES:
                tries[name] += 1
                hopeful = True
                _start_one(supervisor, supervisord.program_of(name, BY_NAME[name].group))
    except supervisord.Unreachable:
        return False
    return hopeful


def _start_one(supervisor: supervisord.Supervisor, program: str) -> None:
    try:
        supervisor.start(program)
    except xmlrpc.client.Fault:
        return  # somebody was faster, or it cannot be started: its heart tells which
