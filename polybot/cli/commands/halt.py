"""`polybot-ctl halt`: the switch first, then the cancels, then the proof.

This module imports only what moving the switch needs; the rest is imported once the file is on disk.
"""

import sys
import time

from polybot.runtime.base.paths import Paths
from polybot.runtime.safety import halt

USAGE = "usage: polybot-ctl halt [--reason TEXT] [--json]"


def main(argv: list[str]) -> int:
    """The exit code: 0 proven, 1 not proven, 4 nothing runs here. An option it does not know is told after the halt."""
    began = time.monotonic()
    reason, as_json, unknown = _parse(argv)
    paths = Paths.of()
    if not paths.state.is_dir():
        sys.stderr.write(f"{paths.state} does not exist: nothing was halted. Is POLYBOT_STATE right?\n")
        return 4
    try:
        standing = halt.write(paths, by=halt.USER, reason_code="KILL_SWITCH", reason=reason)
        written = ""
    except halt.HaltNotWritten as exc:
        standing, written = None, str(exc)
    wrote_ms = (time.monotonic() - began) * 1000
    sys.stderr.write(f"halted {paths.state} ({wrote_ms:.0f} ms)\n" if standing else f"{written}\n")
    sys.stderr.flush()
    if unknown:
        sys.stderr.write(f"not understood: {' '.join(unknown)}; {USAGE}\n")
    from polybot.cli.session import halt_proof

    return halt_proof.prove(paths, standing, reason, not_written=written, as_json=as_json, began_s=began)


def _parse(argv: list[str]) -> tuple[str, bool, list[str]]:
    reason, as_json, unknown = "halted by hand", False, []
    rest = iter(argv)
    for word in rest:
        if word == "--json":
            as_json = True
        elif word == "--reason":
            reason = next(rest, reason)
        elif word.startswith("--reason="):
            reason = word.partition("=")[2]
        else:
            unknown.append(word)
    return reason, as_json, unknown
