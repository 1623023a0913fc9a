"""A certificate authority, and the certificates that it issues, as Kafka reads them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


class Certificates(NamedTuple):
    """PEM files.

    Attributes:
        server: the key and the chain of 127.0.0.1.
        ca: the authority that both sides trust.
        client: the chain of a client.
        client_key: the key of the client.
    """

    server: Path
    ca: Path
    client: Path
    client_key: Path


def write_certificates(folder: Path, host: str = "127.0.0.1") -> Certificates:
    """Creates an authority, and a certificate for the server at `host` and a client each."""
    folder.mkdir(exist_ok=True)
    found = Certificates(
        *(folder / f"{name}.pem" for name in ("server", "ca", "client", "client-key"))
    )
    authority = trustme.CA()
    authority.cert_pem.write_to_path(found.ca)
    server, client = authority.issue_cert(host), authority.issue_cert("client@localhost")
    found.server.write_bytes(_key(server) + _chain(server))
    found.client.write_bytes(_chain(client))
    found.client_key.write_bytes(_key(client))
    return found


def _chain(issued: trustme.LeafCert) -> bytes:
    return b"".join(blob.bytes() for blob in issued.cert_chain_pems)


def _key(issued: trustme.LeafCert) -> bytes:
    key = load_pem_private_key(issued.private_key_pem.bytes(), password=None)
    # Kafka reads PKCS#8 only.
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
