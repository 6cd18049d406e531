"""The table of seeded defects fits the code as it is; that the tests notice them is `bin/polybot test --defects`'s to try."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def loaded(name: str) -> Any:
    """A module beside this one: tests are no packages."""
    spec = importlib.util.spec_from_file_location(f"house_{name}", HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DEFECTS = loaded("defects").table()


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda d: d.name)
def test_each_defect_can_be_put_in(defect: Any) -> None:
    assert defect.misfit(ROOT) == "", "bring tests/house/defects.toml up to date with the code"
    assert defect.old != defect.new


def test_the_tests_that_must_notice_are_tests_that_pytest_runs() -> None:
    wanted = {test: defect.name for defect in DEFECTS for test in defect.tests}
    runs = {found.test for found in loaded("collecting").collected(*sorted({t.partition("::")[0] for t in wanted}))}
    assert {test: name for test, name in wanted.items() if test not in runs} == {}


def test_each_guard_of_each_field_failure_has_a_defect_that_it_must_notice() -> None:
    failures = loaded("test_field_failures").FAILURES
    noticed: dict[int, set[str]] = {number: set() for number in failures}
    for defect in DEFECTS:
        if defect.failure:
            noticed[defect.failure].update(defect.tests)
    assert noticed == {number: set(guards) for number, (_, guards) in failures.items()}


def test_names_are_told_apart() -> None:
    names = [defect.name for defect in DEFECTS]
    assert len(set(names)) == len(names)
