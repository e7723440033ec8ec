"""A browser with a passkey authenticator in software, as WebAuthn describes both: real keys, COSE, CBOR, signatures."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import cbor2
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PRESENT, VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, WITH_KEY = 0x01, 0x04, 0x08, 0x10, 0x40


def encoded(content: bytes) -> str:
    """Return bytes as WebAuthn's JSON writes them."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Return the bytes of such a text."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Kept(msgspec.Struct):
    """A passkey in the authenticator."""

    id: bytes
    user: bytes
    rp_id: str
    key: Any
    count: int = 0


class Authenticator:
    """Makes and uses passkeys at one origin.

    Args:
        origin: Of the page that asks; `tenant.url("")`.
        flags: What it says of its owner: present and verified by default.
        counts: Whether it keeps a counter; synchronised ones do not.
        algorithm: -7 for ES256, -8 for EdDSA.
    """

    def __init__(
        self, origin: str, *, flags: int = PRESENT | VERIFIED, counts: bool = True, algorithm: int = -7
    ) -> None:
        self.origin, self.flags, self.counts, self.algorithm = origin, flags, counts, algorithm
        self.kept: list[Kept] = []

    def make(self, options: dict[str, Any], *, rp_id: str | None = None, credential_id: bytes = b"") -> dict[str, Any]:
        """Return what `navigator.credentials.create` gives for these options."""
        kept = Kept(
            id=credential_id or secrets.token_bytes(32),
            user=decoded(options["user"]["id"]),
            rp_id=rp_id or options["rp"]["id"],
            key=generate_private_key(SECP256R1()) if self.algorithm == -7 else Ed25519PrivateKey.generate(),
        )
        self.kept.append(kept)
        described = bytes(16) + len(kept.id).to_bytes(2, "big") + kept.id + cbor2.dumps(self._cose(kept.key))
        data = self._data(kept, self.flags | WITH_KEY) + described
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        response = {
            "clientDataJSON": encoded(self._client_data("webauthn.create", options["challenge"])),
            "attestationObject": encoded(attestation),
            "transports": ["internal"],
        }
        return self._credential(kept, response)

    def use(self, options: dict[str, Any], kept: Kept | None = None) -> dict[str, Any]:
        """Return what `navigator.credentials.get` gives for these options."""
        allowed = [decoded(each["id"]) for each in options.get("allowCredentials", [])]
        chosen = kept or next(each for each in self.kept if not allowed or each.id in allowed)
        client_data = self._client_data("webauthn.get", options["challenge"])
        data = self._data(chosen, self.flags)
        response = {
            "clientDataJSON": encoded(client_data),
            "authenticatorData": encoded(data),
            "signature": encoded(self._sign(chosen.key, data + hashlib.sha256(client_data).digest())),
            "userHandle": encoded(chosen.user),
        }
        return self._credential(chosen, response)

    def _client_data(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _data(self, kept: Kept, flags: int) -> bytes:
        kept.count += self.counts
        return hashlib.sha256(kept.rp_id.encode()).digest() + bytes([flags]) + kept.count.to_bytes(4, "big")

    def _cose(self, key: Any) -> dict[int, Any]:
        if isinstance(key, EllipticCurvePrivateKey):
            numbers = key.public_key().public_numbers()
            return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        return {1: 1, 3: -8, -1: 6, -2: key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)}

    def _sign(self, key: Any, content: bytes) -> bytes:
        if isinstance(key, EllipticCurvePrivateKey):
            return key.sign(content, ECDSA(SHA256()))
        signature: bytes = key.sign(content)
        return signature

    def _credential(self, kept: Kept, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": encoded(kept.id),
            "rawId": encoded(kept.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }
