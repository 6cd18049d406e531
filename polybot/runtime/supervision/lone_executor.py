"""An executor without a bus, started to cancel everything while the real one cannot: it holds the same lock, proves, leaves."""

import os
import subprocess
import sys

import msgspec

from messages import CancelProof
from polybot.runtime.base.paths import ROOT, Paths


def cancel(paths: Paths, within_s: float) -> tuple[CancelProof | None, str]:
    """Its proof; or None and why there is none. Takes no longer than within_s machine seconds."""
    command = [sys.executable, "-P", "-m", "actors.executor", "--cancel-only"]
    environment = os.environ | {"POLYBOT_STATE": str(paths.state)}
    environment.pop("POLYBOT_PARENT", None)  # whose child it is is told by the kernel: its parent is no supervisord
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=within_s,
            check=False,
            text=True,
        )
        return msgspec.json.decode(done.stdout.strip().rpartition("\n")[2], type=CancelProof), ""
    except subprocess.TimeoutExpired:
        return None, f"a lone executor could not prove anything in {within_s:.0f} s"
    except (msgspec.MsgspecError, UnicodeDecodeError):
        why = (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
        return None, f"a lone executor failed: {why or f'code {done.returncode}'}"
    except OSError as exc:
        return None, f"a lone executor could not be started: {exc}"
