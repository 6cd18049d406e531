"""Logs: stdout, one line an event, `event key=value`, past tense. supervisord keeps and rotates them."""

import sys
import time


def event(name: str, **facts: object) -> None:
    """One line, at once; `log.event("order_refused", id=…, reason="…")`. Text with blanks is quoted."""
    now = time.time()
    at = time.strftime("%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}"
    line = " ".join([name, f"at={at}", *(f"{key}={_text(value)}" for key, value in facts.items())])
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _text(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if text and not any(c.isspace() or c in '"=' for c in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
