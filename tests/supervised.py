"""A real supervisord in a folder of its own, with stand-ins where the bot's programs would be."""

import os
import subprocess
import sys
from pathlib import Path

from polybot.runtime.base.paths import ROOT, Paths
from polybot.runtime.safety import halt, locks
from polybot.runtime.supervision import supervisord
from polybot.topology import BY_NAME
from tests.waiting import wait_for


def environment(paths: Paths) -> dict[str, str]:
    """For a program of ours in that folder, whatever POLYBOT_… says here."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("POLYBOT_")}
    return kept | {"POLYBOT_STATE": str(paths.state), "PYTHONPATH": str(ROOT)}


class Supervised:
    """Running once it is made. `program` stands where bin/polybot stands and may name {root}, {python} and {folder}, where
    stub.py holds `stub`.
    """

    def __init__(self, folder: Path, actors: tuple[str, ...], program: str, stub: str) -> None:
        self.folder, self.paths, self.actors = folder, Paths(folder / "state"), actors
        halt.prepare(self.paths)
        (folder / "bin").mkdir()
        (folder / "stub.py").write_text(stub)
        script = folder / "bin" / "polybot"
        script.write_text(program.format(root=ROOT, folder=folder, python=sys.executable))
        script.chmod(0o700)
        rows = tuple(BY_NAME[name] for name in actors)
        conf = supervisord.render(str(folder), str(self.paths.state), str(self.paths.sockets), rows)
        (folder / "supervisor.conf").write_text(conf)
        self.supervisord = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        conf = str(self.folder / "supervisor.conf")
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "supervisor.supervisord", "-n", "-c", conf],
            env=environment(self.paths),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end(self) -> None:
        self.supervisord.kill()
        self.supervisord.wait()
        wait_for(lambda: not any(locks.holder(self.paths, name) for name in self.actors), "everyone to be gone")
