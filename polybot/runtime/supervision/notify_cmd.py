"""`notify_cmd`: the operator's own program, run with one line of JSON on its stdin. No shell, no environment of ours, and a
time to end in: it runs on a lane, so that no loop ever waits for it.
"""

import json
import os
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass

from messages.inner import Notify
from polybot.runtime.base import log
from polybot.runtime.base.paths import Paths

TIMEOUT_S = 20.0
TRIES, PAUSE_S = 3, 5.0
PASSED_ON = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR")  # nothing of ours, and no secret of yours


@dataclass
class Notifier:
    """The effect. command: the knob's text; profile and account stand in every line."""

    command: str
    paths: Paths
    profile: str
    account: str

    def __call__(self, notice: Notify) -> None:
        """Tell it; again when the program fails, and then no more: what happened stands in the log either way."""
        log.event("notice", kind=notice.kind, text=notice.text)
        for attempt in range(1, TRIES + 1):
            why = self._run(self.line(notice))
            if not why:
                return
            log.event("notice_failed", kind=notice.kind, attempt=attempt, why=why)
            if attempt < TRIES:
                time.sleep(PAUSE_S)

    def line(self, notice: Notify) -> bytes:
        """The line of JSON that the program reads on its stdin."""
        seconds = notice.at_ns // 1_000_000_000
        facts = {
            "v": 1,
            "event": notice.kind,
            "text": notice.text,
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)),
            "profile": self.profile,
            "account": self.account,
            "state": str(self.paths.state),
            **notice.facts,
        }
        return json.dumps(facts, ensure_ascii=False).encode() + b"\n"

    def _run(self, line: bytes) -> str:
        """ "" when it ended well, else why not."""
        try:
            argv = shlex.split(self.command)
            argv[0] = os.path.expanduser(argv[0])
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
                cwd=os.path.expanduser("~"),
                start_new_session=True,
            )
        except (OSError, ValueError, IndexError) as exc:
            return f"cannot be run: {exc}"
        try:
            process.communicate(line, TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"did not end within {TIMEOUT_S:g} s and was killed"
        return f"ended with code {process.returncode}" if process.returncode else ""
