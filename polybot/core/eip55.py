"""EIP-55: the upper and lower case of an address's letters is its checksum. Pure: who asks brings Ethereum's hash."""


def with_case(digits: str, hashed: str) -> str:
    """The address of these 40 lower-case hex digits as people write it; hashed: hex of keccak-256 of the digits as text."""
    return "0x" + "".join(c.upper() if int(h, 16) >= 8 else c for c, h in zip(digits, hashed, strict=False))
