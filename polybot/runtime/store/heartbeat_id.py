"""The newest dead-man heartbeat id, kept over restarts: a venue that expects another one after a start is only ahead of us."""

from messages.inner import HeartbeatSent, SendHeartbeat
from polybot.runtime.base.paths import Paths, replace_synced

LONGEST = 200  # characters; what is longer is no id of the venue's


def kept(paths: Paths) -> str:
    """ "" when there is none that can be read: then the venue tells us which one it expects."""
    try:
        text = paths.heartbeat.read_text().strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
    return text if len(text) <= LONGEST else ""


def with_kept(paths: Paths, word: SendHeartbeat) -> str:
    """The heartbeat id to send: the one in the word, else the one kept on disk."""
    return word.heartbeat_id or kept(paths)


def keep(paths: Paths, answer: HeartbeatSent) -> None:
    """Keep the newest heartbeat id; it is on disk before anyone acts on it."""
    if answer.outcome == "acked":
        replace_synced(paths.heartbeat, answer.heartbeat_id + "\n")
