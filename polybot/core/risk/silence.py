"""How long somebody has not been heard (rule 5 of core.py)."""


class Silence:
    """Machine seconds since something was heard: measured from tick to tick."""

    def __init__(self, mono_s: float) -> None:
        self._last_s = mono_s
        self._heard = False
        self.age_s = 0.0

    def heard(self) -> None:
        """It was heard: its age is 0 until the next tick."""
        self._heard = True
        self.age_s = 0.0

    def tick(self, mono_s: float) -> None:
        """Measure its age in machine seconds; a word since the last tick counts as now."""
        if self._heard:
            self._last_s, self._heard = mono_s, False
        self.age_s = mono_s - self._last_s
