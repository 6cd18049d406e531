"""What risk refused, in lines for people."""


def refusals_text(refused_by: dict[str, dict[str, int]]) -> list[str]:
    """A line a strategy: its rules, the most frequent first."""
    return [
        f"{strategy} refused: "
        + ", ".join(f"{n} {code}" for code, n in sorted(codes.items(), key=lambda c: (-c[1], c[0])))
        for strategy, codes in sorted(refused_by.items())
    ]
