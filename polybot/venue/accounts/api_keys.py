"""API credentials: who may speak for which address (facts §2). L1 is a wallet's signature, L2 an HMAC under the key.

Credentials are a function of (venue secret, address, nonce), so `derive` gives the same ones for ever; what has been
created is remembered in the store.
"""

import base64
import hashlib
import hmac
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from polybot.venue.accounts.signatures import recover_clob_auth

L2_FAILED = "Unauthorized/Invalid api key"
L1_FAILED = "Invalid L1 Request headers"
SKEW_S = 30


@dataclass(frozen=True)
class IssuedKey:
    """address is checksummed or not, as first shown; compare lower-case."""

    api_key: str
    secret: str
    passphrase: str
    address: str
    nonce: int

    def body(self) -> dict[str, str]:
        """What the client is told: API key, secret and passphrase."""
        return {"apiKey": self.api_key, "secret": self.secret, "passphrase": self.passphrase}


@dataclass
class Keys:
    """skew_s: how far a signed stamp may be from world time; the caller widens it with the world's speed."""

    venue_secret: bytes
    skew_s: float = SKEW_S
    by_key: dict[str, IssuedKey] = field(default_factory=dict)
    by_owner: dict[tuple[str, int], IssuedKey] = field(default_factory=dict)

    def restore(self, credentials: IssuedKey) -> None:
        """Take in credentials known from the store, or just created."""
        self.by_key[credentials.api_key] = credentials
        self.by_owner[(credentials.address.lower(), credentials.nonce)] = credentials

    def forget(self, credentials: IssuedKey) -> None:
        """Forget credentials that their owner has deleted."""
        self.by_key.pop(credentials.api_key, None)
        self.by_owner.pop((credentials.address.lower(), credentials.nonce), None)

    def of(self, address: str, nonce: int) -> IssuedKey | None:
        """The credentials that were created for this wallet, None when there are none."""
        return self.by_owner.get((address.lower(), nonce))

    def made(self, address: str, nonce: int) -> IssuedKey:
        """The credentials this wallet would get; not yet remembered."""
        seed = hmac.digest(self.venue_secret, f"{address.lower()}/{nonce}".encode(), "sha256")
        return IssuedKey(
            api_key=str(uuid.UUID(bytes=seed[:16], version=4)),
            secret=base64.urlsafe_b64encode(hashlib.sha256(b"secret" + seed).digest()).decode(),
            passphrase=hashlib.sha256(b"passphrase" + seed).hexdigest(),
            address=address,
            nonce=nonce,
        )

    def l1(self, headers: Mapping[str, str], now_s: float) -> tuple[str, int] | None:
        """(address, nonce) when the ClobAuth signature in the headers is that address's own."""
        try:
            address = headers["poly_address"]
            stamp = headers["poly_timestamp"]
            nonce = int(headers.get("poly_nonce", "0"))
            fresh = abs(now_s - int(stamp)) <= self.skew_s
            signer = recover_clob_auth(address, stamp, nonce, headers["poly_signature"])
        except (KeyError, ValueError):
            return None
        return (address, nonce) if fresh and signer is not None and signer.lower() == address.lower() else None

    def l2(self, headers: Mapping[str, str], method: str, path: str, body: bytes, now_s: float) -> IssuedKey | None:
        """Whose request this is; None = 401. `path` without the query string."""
        try:
            known = self.by_key[headers["poly_api_key"]]
            stamp = headers["poly_timestamp"]
            shown = headers["poly_signature"]
            same = hmac.compare_digest(headers["poly_passphrase"].encode(), known.passphrase.encode())
            mine = headers["poly_address"].lower() == known.address.lower()
            fresh = abs(now_s - int(stamp)) <= self.skew_s
        except (KeyError, ValueError):
            return None
        signed = l2_signature(known.secret, stamp, method, path, body)
        return known if same and mine and fresh and hmac.compare_digest(signed.encode(), shown.encode()) else None

    def knows(self, api_key: str, secret: str, passphrase: str) -> bool:
        """Whether these three were issued together, as the user channel's first frame shows them."""
        known = self.by_key.get(api_key)
        return known is not None and hmac.compare_digest(
            f"{known.secret}/{known.passphrase}".encode(), f"{secret}/{passphrase}".encode()
        )


def l2_signature(secret: str, stamp: str, method: str, path: str, body: bytes) -> str:
    """urlsafe base64 of the HMAC-SHA256 over stamp, method, path and body."""
    key = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    message = stamp.encode() + method.upper().encode() + path.encode() + body
    return base64.urlsafe_b64encode(hmac.digest(key, message, "sha256")).decode()
