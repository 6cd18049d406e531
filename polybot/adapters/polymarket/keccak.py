"""Ethereum's hash (not NIST's SHA-3), twice in every order's path.

pycryptodome's object makes five calls into C and allocates a state: 5.9 µs for an order. Its C library also has a function
that does it in one: 2.5 µs. That is used where this version declares it exactly as we call it and it hashes a known text
right; else the object is.
"""

import ctypes
from collections.abc import Callable

from Crypto.Hash import keccak

_DECLARED = (
    "int keccak_oneshot(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len, "
    "size_t capacity_bytes, uint8_t rounds, uint8_t padding);"
)
_KNOWN_TEXT, _KNOWN_HASH = b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def by_object(data: bytes) -> bytes:
    """The hash by pycryptodome's documented object: the fallback, and what the other is tested against."""
    digest: bytes = keccak.new(digest_bits=256, data=data).digest()
    return digest


def by_one_call() -> Callable[[bytes], bytes] | None:
    """The hash by one call of the C library, None where this version does not have it as expected."""
    declared = " ".join(str(getattr(keccak, "_keccak_cdecl", "")).split())
    library = getattr(keccak, "_raw_keccak_lib", None)
    if _DECLARED not in declared or not isinstance(library, ctypes.CDLL):
        return None
    size, byte, text = ctypes.c_size_t, ctypes.c_ubyte, ctypes.c_char_p
    oneshot = ctypes.CFUNCTYPE(ctypes.c_int, text, size, text, size, size, byte, byte)(("keccak_oneshot", library))
    buffer = ctypes.create_string_buffer

    def hashed(data: bytes) -> bytes:
        out = buffer(32)
        if oneshot(data, len(data), out, 32, 64, 24, 1):
            raise MemoryError("keccak could not be computed")
        return out.raw

    return hashed if hashed(_KNOWN_TEXT).hex() == _KNOWN_HASH else None


keccak256: Callable[[bytes], bytes] = by_one_call() or by_object
