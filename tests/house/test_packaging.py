"""polybot is an application in its own environment: it runs from anywhere, and knows its own files."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from polybot.runtime.base.paths import ROOT
from polybot.topology import TABLE


def python(folder: Path, code: str) -> str:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_everything_is_imported_from_a_temporary_directory(tmp_path: Path) -> None:
    names = ["messages", "polybot", "actors", "polybot.cli.app", *(f"actors.{a.name}" for a in TABLE)]
    code = f"import importlib; [importlib.import_module(n) for n in {names!r}]; print('all')"
    assert python(tmp_path, code) == "all"


def test_no_file_of_ours_shadows_the_standard_library(tmp_path: Path) -> None:
    assert python(tmp_path, "import actors.signal, signal; print(signal.SIGTERM.value)") == "15"


def test_the_script_is_installed() -> None:
    script = Path(sys.executable).with_name("polybot-ctl")
    done = subprocess.run([script, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout, "no escape bytes when piped"


@pytest.mark.parametrize("actor", [a.name for a in TABLE])
def test_every_row_of_the_table_is_a_program_of_one_page(actor: str) -> None:
    source = (ROOT / "actors" / f"{actor}.py").read_text()
    assert "def main() -> None:" in source
    assert source.rstrip().endswith('if __name__ == "__main__":\n    main()')


def test_the_lock_pins_every_package_with_hashes_and_names_no_index() -> None:
    text = (ROOT / "requirements.lock").read_text()
    pins = [line for line in text.splitlines() if line[:1].isalpha()]
    assert all("==" in line for line in pins)
    assert text.count("--hash=sha256:") >= len(pins)
    assert "://" not in text


def test_polybot_without_a_python_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("polybot",):
        (tmp_path / "bin" / name).write_bytes((ROOT / "bin" / name).read_bytes())
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "pyproject.toml").touch()
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "cmp", "flock", "readlink"):
        found = next((Path(d) / tool for d in os.environ["PATH"].split(":") if (Path(d) / tool).exists()), None)
        if found:
            (tools / tool).symlink_to(found)
    done = subprocess.run(
        [tmp_path / "bin" / "polybot", "status"], env={"PATH": str(tools)}, capture_output=True, text=True
    )
    assert done.returncode == 69, done.stderr
    assert "needs Python 3.11" in done.stderr


def test_the_wheel_tells_type_checkers_that_all_three_packages_are_typed(tmp_path: Path) -> None:
    build = "from hatchling.build import build_wheel; import sys; print(build_wheel(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", build, tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        assert {"messages/py.typed", "polybot/py.typed", "actors/py.typed"} <= set(wheel.namelist())
