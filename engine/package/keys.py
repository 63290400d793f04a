"""Ed25519 keys that packages are signed with: named by their hash, trusted by being in a folder."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from engine.errors import PackageRefused

_SIGNATURE = re.compile(rb"ed25519 ([0-9a-f]{16}) ([0-9a-f]{128})\n")
_MAX_KEY_FILE = 4096


def key_id(public: bytes) -> str:
    """Name of a raw 32-byte public key: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def trusted_keys(*folders: Path) -> dict[str, bytes]:
    """Key id -> raw public key, of every `*.pub` (PEM) in the folders; raises PackageRefused for one that is no key."""
    keys = {}
    for folder in folders:
        if not folder.is_dir():
            raise PackageRefused("there is no such folder of keys", str(folder), "create it", reason="key")
        for file in sorted(folder.glob("*.pub")):
            public = public_key(file)
            keys[key_id(public)] = public
    return keys


def public_key(file: Path) -> bytes:
    """The raw 32 bytes of a PEM public key (RFC 8410); raises PackageRefused."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    mend = "keep only public halves made by `scanside models keygen` or openssl in this folder"
    try:
        with file.open("rb") as stream:
            key = load_pem_public_key(stream.read(_MAX_KEY_FILE))
    except OSError as error:
        raise PackageRefused(f"cannot be read ({error.strerror})", str(file), reason="key") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PackageRefused("not a public key in PEM form", str(file), mend, reason="key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise PackageRefused("not an Ed25519 key", str(file), mend, reason="key")
    return key.public_bytes_raw()


def signature_text(public: bytes, signature: bytes) -> bytes:
    """The `signature` file of a 64-byte Ed25519 signature: algorithm, key id, signature in hexadecimal."""
    return f"ed25519 {key_id(public)} {signature.hex()}\n".encode("ascii")


def check_signature(text: bytes, signed: bytes, keys: Mapping[str, bytes], where: str) -> str:
    """The id of the trusted key that signed `signed`; raises PackageRefused naming `where`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    match = _SIGNATURE.fullmatch(text)
    if match is None:
        raise PackageRefused("not a signature", where, "get the package again", reason="tampered")
    name = match[1].decode("ascii")
    if name not in keys:
        mend = "put its public half into the folder of keys if you trust whoever signed it"
        raise PackageRefused(f"signed with key {name}, which is not trusted here", where, mend, reason="unknown-key")
    try:
        Ed25519PublicKey.from_public_bytes(keys[name]).verify(bytes.fromhex(match[2].decode("ascii")), signed)
    except InvalidSignature:
        what = f"key {name} did not sign this list of checksums"
        raise PackageRefused(what, where, "get the package again", reason="tampered") from None
    return name
