"""The venue's other words: what users have seen for the same refusal elsewhere (facts §4.2, §5.6, §14). Pure."""

import re

OTHER: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), other)
    for pattern, other in (
        (r"^not enough balance / allowance: .*", "not enough balance / allowance"),
        (r"^order (\S+) is invalid\. Price \((.+)\) breaks minimum tick size rule: .*", r"Invalid price \2, order \1"),
        (r"^invalid post-only order: order crosses book$", "order crosses the book"),
        (r"^invalid amounts, the .*", "invalid amounts, max accuracy exceeded"),
        (r"^invalid signature$", "Invalid order: invalid signature"),
        (r"^order couldn't be fully filled\. .*", "FOK orders are filled or killed"),
        (r"^no orders found to match with FAK order\. .*", "no match is found for the FAK order"),
        (r"^already canceled or matched$", "order already matched"),
        (r"^order not found$", "the order can't be found"),
    )
)


def reworded(text: str) -> str:
    """The text in the other recorded wording, where one is known."""
    for pattern, other in OTHER:
        if pattern.search(text):
            return pattern.sub(other, text)
    return text
