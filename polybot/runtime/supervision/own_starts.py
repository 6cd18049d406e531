"""Who counts the watchdog's own ends: itself, by its starts under the same supervisord, noted in a file of the run."""

import json
import os
import time

from polybot.core.watchdog.core import MINUTE_S, MOST_EXITS
from polybot.runtime.base import log
from polybot.runtime.base.paths import Paths, replace_synced
from polybot.runtime.safety import halt


def note(paths: Paths) -> int:
    """Note this start, and halt when it follows the sixth end within 60 s; how many starts there were within them."""
    now_s, parent = time.monotonic(), os.getppid()
    recent = [at_s for at_s in _read(paths, parent) if 0 <= now_s - at_s < MINUTE_S]
    starts = [*recent[-MOST_EXITS - 1 :], now_s]
    try:
        replace_synced(paths.run / "watchdog.starts", json.dumps({"parent": parent, "starts": starts}) + "\n")
    except OSError as exc:
        log.event("starts_not_noted", error=exc)
    ends = len(starts) - 1
    if ends > MOST_EXITS:
        reason = f"watchdog ended {ends} times within {MINUTE_S:.0f} s, more than {MOST_EXITS}"
        try:
            halt.write(paths, by="watchdog", reason_code="CRASH_LOOP", reason=reason)
        except halt.HaltNotWritten as exc:
            log.event("halt_not_written", error=exc)
    return len(starts)


def _read(paths: Paths, parent: int) -> list[float]:
    """Machine time of the starts under this parent; none where nothing, or nothing readable, is noted."""
    try:
        noted = json.loads((paths.run / "watchdog.starts").read_text())
        return [float(at_s) for at_s in noted["starts"]] if noted["parent"] == parent else []
    except (OSError, ValueError, KeyError, TypeError):
        return []
