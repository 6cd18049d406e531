"""A refusal is a value: the stable code in capitals, and one sentence with the value and the bound."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """code as in docs/rules.md ("PRICE_ABOVE_CAP"); text for people."""

    code: str
    text: str
