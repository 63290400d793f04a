"""Making key pairs and signing with them. Public halves are read in `engine.package.keys`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import PackageRefused, ScansideError
from engine.package.keys import key_id, signature_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def new_key() -> "Ed25519PrivateKey":
    """A fresh key, in memory only."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate()


def public_half(key: "Ed25519PrivateKey") -> bytes:
    """The raw 32 bytes that others check signatures with."""
    return key.public_key().public_bytes_raw()


def sign(key: "Ed25519PrivateKey", data: bytes) -> bytes:
    """The text of a `signature` file over `data`."""
    return signature_text(public_half(key), key.sign(data))


def write_key_pair(folder: Path) -> tuple[Path, Path]:
    """A new pair in `folder`, named by its id: (private, readable by the owner only; public).

    Raises ScansideError when the folder cannot be written.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = new_key()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    private, public = (folder / f"{key_id(public_half(key))}{suffix}" for suffix in (".key", ".pub"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(text)
        write_public_half(key, public)
    except OSError as error:
        raise ScansideError(f"cannot be written ({error.strerror})", str(folder), "choose another folder") from error
    return private, public


def write_public_half(key: "Ed25519PrivateKey", file: Path) -> None:
    """The PEM file for a folder of trusted keys; raises FileExistsError rather than replace one."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    with file.open("xb") as stream:
        stream.write(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def read_private_key(file: Path) -> "Ed25519PrivateKey":
    """The key in a PEM file (PKCS 8, no password); raises PackageRefused."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    mend = "make one with `scanside models keygen DIR`"
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise PackageRefused(f"cannot be read ({error.strerror})", str(file), mend, reason="key") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PackageRefused("not a private key in PEM form without password", str(file), mend, reason="key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise PackageRefused("not an Ed25519 key", str(file), mend, reason="key")
    return key
