"""Is this text an address of the chain? Mixed case is a checksum (EIP-55): one wrong digit is found before money is sent."""

import re

from polybot.core.eip55 import with_case

HEX_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


def fault(text: str) -> str:
    """Why it is none, and what would be; "" when it is one."""
    if not HEX_ADDRESS.fullmatch(text):
        return "is no address: expected 0x and 40 hex digits"
    digits = text[2:]
    if digits in (digits.lower(), digits.upper()):
        return ""
    right = checksummed(text)
    return (
        ""
        if text == right
        else f"has a digit or a letter's case wrong: by its checksum {right} is meant, or another address"
    )


def checksummed(text: str) -> str:
    """The address with the upper and lower case that EIP-55 gives its letters."""
    from Crypto.Hash import keccak  # only for an address in mixed case

    plain = text[2:].lower()
    return with_case(plain, keccak.new(digest_bits=256, data=plain.encode()).hexdigest())
