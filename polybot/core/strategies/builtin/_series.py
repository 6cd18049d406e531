"""What the indicator strategies share: is this series fit to be judged at all?"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from polybot.core.reasons import Reason


def unfit(values: Sequence[float | None], needed: int, missing_per_60: int, what: str) -> Reason | None:
    """INSUFFICIENT_DATA: fewer than `needed`, or more than missing_per_60 of 60 missing. FLAT_FEED: more than half of the
    samples repeat the one before, which no traded market does.
    """
    missing = sum(value is None for value in values)
    if len(values) < needed:
        return Reason("INSUFFICIENT_DATA", f"{len(values)} {what}, {needed} needed")
    if missing * 60 > missing_per_60 * len(values):
        return Reason(
            "INSUFFICIENT_DATA", f"{missing} of {len(values)} {what} missing, at most {missing_per_60} of 60 may be"
        )
    known = [value for value in values if value is not None]
    unchanged = sum(a == b for a, b in pairwise(known))
    if unchanged * 2 > len(values):
        return Reason("FLAT_FEED", f"{unchanged} of {len(values)} {what} unchanged, at most half may be")
    return None


def filled(values: Sequence[float | None]) -> list[float]:
    """Each missing value takes the one before it (what was last traded); a missing beginning takes the first known."""
    last = next(value for value in values if value is not None)
    out = []
    for value in values:
        last = last if value is None else value
        out.append(last)
    return out


def known_or_none(column: Iterable[float]) -> list[float | None]:
    """A column of candles as the rules read it: NaN, nobody traded, is None."""
    return [None if value != value else float(value) for value in column]
