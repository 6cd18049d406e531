"""Refusals after which no order of ours makes sense: each halts by its name, with what mends it in the sentence."""

STOPPERS: dict[str, str] = {
    "AUTH": "the venue refuses our credentials",
    "SIGNATURE": "the venue refuses our signature",
    "VERSION": "the venue expects another version of orders",
    "WALLET_TYPE": "the venue wants this account's orders from its deposit wallet",
    "BANNED": "the venue has banned this address",
    "GEOBLOCK": "the venue's firewall refuses us",
    "FORBIDDEN": "the venue forbids us to trade",
    "INSUFFICIENT": "the wallet cannot pay for an order that the books say it can",
}
MENDS: dict[str, str] = {
    "AUTH": "check the machine's clock, live.signature_type and live.funder with `bin/polybot doctor`",
    "SIGNATURE": "make live.signature_type and live.funder fit the account (`bin/polybot doctor` tells)",
    "VERSION": "update polybot to a version that signs the venue's present orders",
    "WALLET_TYPE": "set live.signature_type = 3 and live.funder to the deposit wallet's address, and have the money there",
    "BANNED": "only the venue's support can lift the ban",
    "GEOBLOCK": "run it from where the venue allows trading (`bin/polybot doctor` asks)",
    "FORBIDDEN": "ask the venue's support, or run it from where trading is allowed (`bin/polybot doctor` asks)",
    "INSUFFICIENT": "fund the wallet, or approve the exchange contract (`bin/polybot doctor` tells which)",
}


def halt_text(code: str, why: str) -> str:
    """The sentence of such a halt: what it means, the venue's own words, and what a person has to do."""
    return f"{STOPPERS[code]}: {why}; to mend it: {MENDS[code]}, then `polybot-ctl resume --override`"
