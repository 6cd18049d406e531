"""supervisord, configured from THE TABLE and spoken to over a unix socket.

Facts, each found by trial:
- with startsecs > 0 an early exit 78 is restarted anyway, and repeated kills end in FATAL for ever: startsecs=0, and the
  watchdog counts
- left alone it restarts a dead child after 1 to 2 s (its poll is not interrupted by SIGCHLD); any RPC wakes it at once
- what refuses once refuses again: 75 (a lock is held), 77 (a safety rule), 78 (bad configuration) are left alone
- an unset %(ENV_X)s is a fatal configuration error; the environment reaches the children anyway, so nothing names it
- higher priorities stop first, one group after another, the members of a group together
"""

import http.client
import json
import os
import socket
import xmlrpc.client
from pathlib import Path
from typing import Any

from polybot.runtime.base.paths import ROOT, Paths, replace_synced
from polybot.settings import Settings
from polybot.topology import Actor, actors_of, needed

# Stop order: the edge together, then the executor with its last cancels, then the venue that must hear them. The
# watchdog keeps supervisord's default for listeners, -1: first up, last down.
_PRIORITY = {"world": 10, "money": 20, "edge": 30}

_HEAD = """\
; Rendered from polybot/topology.py: change the table, then run `bin/polybot config supervisor > supervisor.conf`.
; `supervisord -c supervisor.conf` runs everything, virtual environment activated or not. POLYBOT_PROFILE, POLYBOT_STATE
; and POLYBOT__… in its environment reach every program; a program that a profile does not need leaves at once.

[unix_http_server]
file={sockets}/supervisor.sock
chmod=0700

[supervisorctl]
serverurl=unix://{sockets}/supervisor.sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisord]
logfile={state}/logs/supervisord.log
logfile_maxbytes=10MB
logfile_backups=3
pidfile={state}/run/supervisord.pid
childlogdir={state}/logs
directory={root}
umask=077
identifier=polybot
environment=OPENBLAS_NUM_THREADS="1"
"""

_COMMON = """\
command={program} actor {name}
startsecs=0
autorestart=unexpected
exitcodes=0,75,77,78
stopwaitsecs=3
"""

_PROGRAM = """
[program:{name}]
{common}stopasgroup=true
umask=077
redirect_stderr=true
stdout_logfile={state}/logs/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=5
{priority}"""

_LISTENER = """
[eventlistener:{name}]
{common}events=PROCESS_STATE,SUPERVISOR_STATE_CHANGE
buffer_size=1000
stopasgroup=true
umask=077
stderr_logfile={state}/logs/{name}.log
stderr_logfile_maxbytes=10MB
stderr_logfile_backups=5
"""

_GROUP = """
[group:edge]
programs={names}
priority={priority}
"""


def render(root: str, state: str, sockets: str, actors: tuple[Actor, ...]) -> str:
    """supervisor.conf for these paths and rows of the table."""
    parts = [_HEAD.format(root=root, state=state, sockets=sockets)]
    for actor in actors:
        # the line is split like a shell's: a folder with a blank in its name is quoted
        program = f'"{root}/bin/polybot"' if " " in root else f"{root}/bin/polybot"
        common = _COMMON.format(program=program, name=actor.name)
        if actor.group == "watch":
            parts.append(_LISTENER.format(name=actor.name, common=common, state=state))
            continue
        priority = "" if actor.group == "edge" else f"priority={_PRIORITY[actor.group]}\n"
        parts.append(_PROGRAM.format(name=actor.name, common=common, state=state, priority=priority))
    edge = ",".join(a.name for a in actors if a.group == "edge")
    parts.append(_GROUP.format(names=edge, priority=_PRIORITY["edge"]))
    return "".join(parts)


def render_default() -> str:
    """The one that is checked in: default paths, all programs."""
    here = "%(here)s"
    every = tuple(dict.fromkeys(a for profile in ("demo", "paper", "live") for a in actors_of(profile)))
    return render(here, f"{here}/state", f"{here}/state/run", every)


def render_for(paths: Paths, settings: Settings) -> Path:
    """Render for this state folder and these knobs; the file `up` starts supervisord with. No path may hold a % (preflight)."""
    text = render(str(ROOT), str(paths.state), str(paths.sockets), needed(settings))
    replace_synced(paths.supervisor_conf, text)
    return paths.supervisor_conf


# --- speaking to it


class Unreachable(Exception):
    """No supervisord answers for this state folder."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__()
        self._path, self._timeout_s = path, timeout_s

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _UnixConnection(self._path, self._timeout_s)


class Supervisor:
    """RPC to one supervisord. Every call raises Unreachable when nobody answers."""

    def __init__(self, socket_path: str, timeout_s: float = 3.0) -> None:
        self._proxy = xmlrpc.client.ServerProxy("http://localhost", transport=_UnixTransport(socket_path, timeout_s))

    @classmethod
    def of(cls, paths: Paths, timeout_s: float = 3.0) -> "Supervisor":
        """The one that runs this state folder, wherever its own socket lies."""
        return cls(socket_path_of(paths), timeout_s)

    def processes(self) -> list[dict[str, Any]]:
        """name, group, pid, statename, exitstatus, … of every program. The cheapest call that wakes it, too."""
        found: list[dict[str, Any]] = self._call("getAllProcessInfo")
        return found

    def pid(self) -> int:
        """The process id of supervisord itself."""
        found: int = self._call("getPID")
        return found

    def stop(self, program: str) -> None:
        """Stop one program and do not wait; it stays down until started."""
        self._call("stopProcess", program, False)

    def start(self, program: str) -> None:
        """Start one program and do not wait. Raises xmlrpc's Fault when it runs already."""
        self._call("startProcess", program, False)

    def shutdown(self) -> None:
        """The clean stop of everything, in the table's order."""
        self._call("shutdown")

    def _call(self, method: str, *args: object) -> Any:
        try:
            return getattr(self._proxy.supervisor, method)(*args)
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as exc:
            raise Unreachable(f"supervisord does not answer: {exc}") from exc


def socket_path_of(paths: Paths) -> str:
    """What the watchdog noted of the supervisord above it, else the place `up` gives it."""
    try:
        noted = str(json.loads(paths.supervisor_note.read_text())["socket"])
    except (OSError, ValueError, KeyError, TypeError):
        noted = ""
    return noted if noted and os.path.exists(noted) else str(paths.sockets / "supervisor.sock")


def note_supervisor(paths: Paths) -> str:
    """Called by the watchdog: supervisord gives its children its address; written where the command line finds it."""
    url = os.environ.get("SUPERVISOR_SERVER_URL", "")
    path = url.removeprefix("unix://") if url.startswith("unix://") else socket_path_of(paths)
    replace_synced(paths.supervisor_note, json.dumps({"socket": path, "pid": os.getppid()}) + "\n")
    return path


LEFT_ALONE = (0, 75, 77, 78)  # exit codes after which a program is not started again


def is_given_up(info: dict[str, Any]) -> bool:
    """Will supervisord leave this program down until somebody says otherwise?"""
    return info["statename"] in ("STOPPED", "FATAL") or (
        info["statename"] == "EXITED" and info["exitstatus"] in LEFT_ALONE
    )


def program_of(actor: str, group: str) -> str:
    """supervisord's full name: the edge's members carry their group."""
    return f"edge:{actor}" if group == "edge" else actor
