"""What was refused and approved since risk's boot: by rule, and by strategy and rule."""


class RefusalCounts:
    """Counts."""

    def __init__(self) -> None:
        self.approved = 0
        self.by_rule: dict[str, int] = {}
        self.by_strategy: dict[str, dict[str, int]] = {}

    def approve(self) -> None:
        """One wish was handed on."""
        self.approved += 1

    def refused(self, strategy: str, code: str) -> None:
        """One verdict against a strategy's wish."""
        self.by_rule[code] = self.by_rule.get(code, 0) + 1
        of_strategy = self.by_strategy.setdefault(strategy, {})
        of_strategy[code] = of_strategy.get(code, 0) + 1
