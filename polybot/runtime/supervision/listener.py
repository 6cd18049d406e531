"""The watchdog's eyes and hands: supervisord's event protocol on stdin and stdout, pidfds, SIGKILL and one RPC."""

import os
import select
import signal
import threading
import time
import xmlrpc.client

from messages.inner import (
    CancelAlone,
    KillActor,
    ProcessGone,
    ProcessState,
    StartProgram,
    StopProgram,
    WakeSupervisor,
    WatchPid,
)
from polybot.runtime.base import log
from polybot.runtime.base.clock import mono_s
from polybot.runtime.base.paths import Paths
from polybot.runtime.loop.inbox import Inbox
from polybot.runtime.safety import locks
from polybot.runtime.supervision import lone_executor, supervisord
from polybot.topology import BY_NAME

CANCEL_S = 6.0  # machine time for one lone executor: it proves within 4.6 s
CANCEL_TRIES = 5


def post_sentinel() -> None:
    """Who watches the watchdog: a child that only waits for our end, then wakes supervisord, and is gone. Without it we
    alone would be missing for 1 to 2 s. Called first of all: it must hold no lock, no socket, no pipe of the protocol.
    """
    own = os.pidfd_open(os.getpid())
    if os.fork() != 0:
        os.close(own)
        return
    url = os.environ.get("SUPERVISOR_SERVER_URL", "")
    os.closerange(0, own)
    os.closerange(own + 1, 1024)
    waiting = select.poll()
    waiting.register(own, select.POLLIN)
    waiting.poll()
    for _ in range(5):
        try:
            supervisord.Supervisor(url.removeprefix("unix://")).processes()
        except (supervisord.Unreachable, xmlrpc.client.Fault):
            break
        time.sleep(0.02)
    os._exit(0)


class Eyes:
    """One thread: reads supervisord's events, answers them, and sees watched processes end.

    events_fd is our stdin; answers_fd the true stdout, which belongs to the protocol alone.
    """

    def __init__(self, inbox: Inbox, supervisor: supervisord.Supervisor, events_fd: int, answers_fd: int) -> None:
        self._inbox, self._supervisor = inbox, supervisor
        self._events_fd, self._answers_fd = events_fd, answers_fd
        self._poll = select.poll()
        self._watched: dict[int, WatchPid] = {}
        self._buffer = b""
        self._stopping = threading.Event()

    def start(self) -> None:
        """Watch supervisord and pidfds on a thread of its own; returns at once."""
        threading.Thread(target=self._run, name="eyes", daemon=True).start()

    def stop(self) -> None:
        """Let the thread end at its next wake-up."""
        self._stopping.set()

    def watch(self, wish: WatchPid) -> ProcessGone | None:
        """Open the process's pidfd; it may be gone already. Called by the loop, while our thread polls."""
        try:
            fd = os.pidfd_open(wish.pid)
        except ProcessLookupError:
            return ProcessGone(actor=wish.actor, pid=wish.pid, mono_s=mono_s())
        self._watched[fd] = wish
        self._poll.register(fd, select.POLLIN)  # seen at the next poll, at most 50 ms on
        return None

    def _run(self) -> None:
        self._answer("READY\n")
        self._tell_what_runs()
        self._poll.register(self._events_fd, select.POLLIN | select.POLLHUP)
        while not self._stopping.is_set():
            for fd, _ in self._poll.poll(50):
                if fd == self._events_fd:
                    self._read_events()
                else:
                    self._saw_end(fd)

    def _saw_end(self, fd: int) -> None:
        self._poll.unregister(fd)
        os.close(fd)
        wish = self._watched.pop(fd)
        self._inbox.put(ProcessGone(actor=wish.actor, pid=wish.pid, mono_s=mono_s()))

    def _tell_what_runs(self) -> None:
        """We may be a second life: what happened before our first event."""
        try:
            for info in self._supervisor.processes():
                self._put_state(info["name"], info["statename"], info["pid"], expected=True)
        except supervisord.Unreachable as exc:
            log.event("supervisord_unreachable", error=exc)

    def _put_state(self, actor: str, state: str, pid: int, expected: bool) -> None:
        self._inbox.put(ProcessState(actor=actor, state=state, pid=pid, expected=expected, mono_s=mono_s()))

    # --- the protocol: "key:value …" header line, then `len` bytes of the same; answered by RESULT 2\nOK and READY

    def _read_events(self) -> None:
        data = os.read(self._events_fd, 65536)
        if not data:  # no supervisord above us: started by hand, or it died and the kernel ends us
            self._poll.unregister(self._events_fd)
            return
        self._buffer += data
        while b"\n" in self._buffer:
            line, _, rest = self._buffer.partition(b"\n")
            header = _tokens(line.decode())
            size = int(header["len"])
            if len(rest) < size:
                return
            self._buffer = rest[size:]
            self._on_event(header["eventname"], _tokens(rest[:size].decode()))
            self._answer("RESULT 2\nOK")
            self._answer("READY\n")

    def _on_event(self, name: str, facts: dict[str, str]) -> None:
        if name.startswith("SUPERVISOR_STATE_CHANGE_"):
            self._put_state("", name.rpartition("_")[2], 0, expected=True)
        elif name.startswith("PROCESS_STATE_"):
            pid, expected = int(facts.get("pid", 0)), facts.get("expected", "1") == "1"
            self._put_state(facts["processname"], name.rpartition("_")[2], pid, expected)

    def _answer(self, text: str) -> None:
        os.write(self._answers_fd, text.encode())


def _tokens(line: str) -> dict[str, str]:
    return dict(token.split(":", 1) for token in line.split())


class Hands:
    """What the watchdog does to others. Runs on lanes."""

    def __init__(self, paths: Paths, supervisor: supervisord.Supervisor) -> None:
        self._paths, self._supervisor = paths, supervisor

    def kill(self, wish: KillActor) -> None:
        """Only the verified holder of the actor's lock; through a pidfd, so that a pid used anew is never hit."""
        try:
            fd = os.pidfd_open(wish.pid)
        except ProcessLookupError:
            return
        try:
            found = locks.holder(self._paths, wish.actor)
            if found is None or found.pid != wish.pid:
                log.event("kill_refused", actor=wish.actor, pid=wish.pid, holder=found)
                return
            log.event("actor_killed", actor=wish.actor, pid=wish.pid, why=wish.why)
            signal.pidfd_send_signal(fd, signal.SIGKILL)
        except ProcessLookupError:
            log.event("kill_too_late", actor=wish.actor, pid=wish.pid)
        finally:
            os.close(fd)

    def wake(self, wish: WakeSupervisor) -> None:
        """Any call makes supervisord's loop turn: one turn reaps, the next starts it again."""
        try:
            for _ in range(20):
                info = next((p for p in self._supervisor.processes() if p["name"] == wish.actor), None)
                if info is None or info["pid"] not in (0, wish.pid) or supervisord.is_given_up(info):
                    return
                time.sleep(0.005)
        except supervisord.Unreachable as exc:
            log.event("supervisord_unreachable", error=exc)

    def stop(self, wish: StopProgram) -> None:
        """supervisord refuses to stop what is dead at the moment, and then starts it again: ask until it is stopped."""
        program = supervisord.program_of(wish.actor, BY_NAME[wish.actor].group)
        for _ in range(250):
            try:
                self._supervisor.stop(program)
            except xmlrpc.client.Fault:
                time.sleep(0.02)
                continue
            except supervisord.Unreachable as exc:
                log.event("supervisord_unreachable", error=exc)
                return
            log.event("program_stopped", program=program)
            return

    def start(self, wish: StartProgram) -> None:
        """Start what has rested; a person may have been faster."""
        program = supervisord.program_of(wish.actor, BY_NAME[wish.actor].group)
        try:
            self._supervisor.start(program)
        except (supervisord.Unreachable, xmlrpc.client.Fault) as exc:
            log.event("program_not_started", program=program, error=exc)
            return
        log.event("program_started", program=program)

    def cancel(self, wish: CancelAlone) -> None:
        """Have a lone executor cancel everything, again until it has proven that nothing is open."""
        for _ in range(CANCEL_TRIES):
            proof, why = lone_executor.cancel(self._paths, CANCEL_S)
            if proof is not None:
                log.event("cancelled_alone", why=wish.why, cancelled=len(proof.cancelled), open=proof.open)
                if proof.open == 0 and not proof.unknown and not proof.pending_posts:
                    return
            else:
                log.event("not_cancelled_alone", why=wish.why, error=why)
            if locks.holder(self._paths, "executor") is not None:
                return  # it was started again, and does this itself
