"""The text trail: lines stay in order, the newest files are kept, nothing is torn between two files."""

from pathlib import Path

from polybot.runtime.store.window_log import Trail


def test_lines_are_appended_over_restarts(tmp_path: Path) -> None:
    for line in (b"one", b"two"):
        trail = Trail(tmp_path / "logs" / "windows.jsonl")
        trail.append(line)
        trail.close()
    file = tmp_path / "logs" / "windows.jsonl"
    assert file.read_bytes() == b"one\ntwo\n"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_full_file_steps_aside_and_only_the_newest_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "windows.jsonl"
    trail = Trail(path, max_bytes=12, files=3)
    for n in range(9):
        trail.append(b"line%d" % n)
    trail.close()
    kept = [tmp_path / name for name in ("windows.jsonl.2", "windows.jsonl.1", "windows.jsonl")]
    assert [f.read_text().split() for f in kept] == [["line4", "line5"], ["line6", "line7"], ["line8"]]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_is_filled_to_its_bound_and_not_over_it(tmp_path: Path) -> None:
    path = tmp_path / "windows.jsonl"
    trail = Trail(path, max_bytes=12, files=2)
    trail.append(b"12345")
    trail.append(b"12345")
    assert path.stat().st_size == 12
    trail.append(b"1")
    assert path.stat().st_size == 2
    trail.close()


def test_a_line_longer_than_a_file_is_still_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "windows.jsonl"
    trail = Trail(path, max_bytes=4, files=2)
    trail.append(b"longer than four")
    assert path.read_bytes() == b"longer than four\n"
    trail.close()
