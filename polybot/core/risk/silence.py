"""How long somebody has not been heard (rule 5 of core.py)."""


class Silence:
    """Machine seconds since something was heard: measured from tick to tick."""

    def __init__(self, mono_s: float) -> None:
        self._last_s = mono_s
        self._heard = False
        self.age_s = 0.0

    def heard(self) -> None:
        self._heard = True
        self.age_s = 0.0

    def tick(self, mono_s: float) -> None:
        if self._heard:
            self._last_s, self._heard = mono_s, False
        self.age_s = mono_s - self._last_s
