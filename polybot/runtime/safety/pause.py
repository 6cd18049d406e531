"""`state/pause.json`: exits only, by hand, until resume. A file, so that no restart forgets it; unreadable is paused too."""

import json

from polybot.runtime.base.paths import Paths, replace_synced, sync_folder


def look(paths: Paths) -> str:
    """Why it is paused; "" when it is not."""
    try:
        return str(json.loads(paths.pause.read_text())["why"]) or "paused, and the file does not say why"
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError) as exc:
        return f"{paths.pause} is not readable as a pause: {type(exc).__name__}: {exc}"


def write(paths: Paths, why: str) -> None:
    """Write the pause file; why "" takes it away. Raises OSError."""
    if why:
        replace_synced(paths.pause, json.dumps({"why": why}) + "\n")
        return
    paths.pause.unlink(missing_ok=True)
    sync_folder(paths.state)
