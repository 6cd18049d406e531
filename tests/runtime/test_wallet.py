"""One wallet, one executor on this host, whatever folder it trades from."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polybot.runtime.paths import ROOT, Paths

KEY = "0x" + "33" * 32
ADDRESS = "0x5CbDd86a2FA8Dc4bDdd8a8f69dBa48572EeC07FB"


def an_executor(tmp_path: Path, name: str) -> "subprocess.Popen[str]":
    """A real one in a state folder of its own, with the one key. It waits for a venue, and holds the wallet meanwhile."""
    paths = Paths(tmp_path / name)
    paths.prepare()
    paths.key.parent.mkdir(mode=0o700, exist_ok=True)
    paths.key.write_text(KEY)
    paths.key.chmod(0o600)
    env = {k: v for k, v in os.environ.items() if not k.startswith("POLYBOT")}
    env |= {"POLYBOT_STATE": str(paths.state), "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "actors.executor"],
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Any]:
    process = an_executor(tmp_path, "first")
    lock = tmp_path / f"polybot-wallets-{os.getuid()}" / f"{ADDRESS.lower()}.lock"
    deadline = time.monotonic() + 30
    while not (lock.exists() and lock.read_text()):
        assert process.poll() is None and time.monotonic() < deadline, "the first executor holds the wallet"
        time.sleep(0.02)
    yield process
    process.kill()
    process.communicate()


def test_a_second_executor_with_the_same_key_leaves_with_75_and_names_the_first(first: Any, tmp_path: Path) -> None:
    second = an_executor(tmp_path, "second")
    _, said = second.communicate(timeout=30)
    assert second.returncode == 75
    assert f"the executor with pid {first.pid} of {tmp_path / 'first'} on this machine trades with {ADDRESS}" in said
    assert first.poll() is None, "the first is undisturbed"
    first.kill()
    first.wait()
    third = an_executor(tmp_path, "third")
    deadline = time.monotonic() + 30
    while (
        str(tmp_path / "third")
        not in (tmp_path / f"polybot-wallets-{os.getuid()}" / f"{ADDRESS.lower()}.lock").read_text()
    ):
        assert third.poll() is None and time.monotonic() < deadline, "a dead holder's wallet is free"
        time.sleep(0.02)
    third.kill()
    third.communicate()
