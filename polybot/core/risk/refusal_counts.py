"""What was refused and approved since risk's boot: by rule, and by strategy and rule."""


class RefusalCounts:
    """How many wishes risk approved, and how often each rule refused, in all and by strategy."""

    def __init__(self) -> None:
        self.approved = 0
        self.by_rule: dict[str, int] = {}
        self.by_strategy: dict[str, dict[str, int]] = {}

    def approve(self) -> None:
        """One wish was handed on."""
        self.approved += 1

    def refused(self, strategy: str, code: str) -> None:
        """Count one refusal of this strategy's wish by the rule with this code."""
        self.by_rule[code] = self.by_rule.get(code, 0) + 1
        of_strategy = self.by_strategy.setdefault(strategy, {})
        of_strategy[code] = of_strategy.get(code, 0) + 1
