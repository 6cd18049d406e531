"""Logs: stdout, one line an event, `event key=value`, past tense. supervisord keeps and rotates them.

A program whose stdout is data for somebody talks on stderr instead.
"""

import sys
import time

_stdout_is_data = False


def talk_on_stderr() -> None:
    """Log to stderr from here on; for the command line, whose stdout is the answer."""
    global _stdout_is_data
    _stdout_is_data = True


def event(name: str, **facts: object) -> None:
    """One line, at once; `log.event("order_refused", id=…, reason="…")`. Text with blanks is quoted."""
    now = time.time()
    at = time.strftime("%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}"
    line = " ".join([name, f"at={at}", *(f"{key}={_text(value)}" for key, value in facts.items())])
    out = sys.stderr if _stdout_is_data else sys.stdout
    out.write(line + "\n")
    out.flush()


def _text(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if text and not any(c.isspace() or c in '"=' for c in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
