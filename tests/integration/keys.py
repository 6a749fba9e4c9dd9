"""Certificates and key material made for one test run: a private CA, and the keys and tokens of a NATS operator."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

import nkeys
import pytest

_PREFIXES = {"O": 14 << 3, "A": 0, "U": 20 << 3}


class Certificates(NamedTuple):
    """Paths of PEM files."""

    ca: str
    cert: str
    key: str


def certificates(folder: Path, name: str, *, ca: str = "ca") -> Certificates:
    """A certificate for 127.0.0.1 and for clients, of a private CA in `folder` that is made where it is missing."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("certificates are made by openssl, which is not installed")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], check=True, capture_output=True, timeout=30)

    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    ca_cert, ca_key = folder / f"{ca}.pem", folder / f"{ca}.key"
    if not ca_cert.exists():
        is_ca = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
        out = ("-keyout", str(ca_key), "-out", str(ca_cert))
        run(*new, "-x509", "-days", "2", "-subj", f"/CN=naq test {ca}", *is_ca, *out)
    cert, key, request, extra = (folder / f"{name}.{kind}" for kind in ("pem", "key", "csr", "ext"))
    extra.write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
    run(*new, "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(request))
    signing = ("-CA", str(ca_cert), "-CAkey", str(ca_key), "-CAcreateserial", "-days", "2", "-extfile", str(extra))
    run("x509", "-req", "-in", str(request), "-out", str(cert), *signing)
    return Certificates(str(ca_cert), str(cert), str(key))


class Key(NamedTuple):
    """An nkey: its seed, which is secret, and its public key."""

    seed: str
    public: str

    @classmethod
    def make(cls, kind: str) -> Key:
        """`kind` is O (operator), A (account) or U (user)."""
        seed = nkeys.encode_seed(os.urandom(32), _PREFIXES[kind]).decode()
        return cls(seed, nkeys.from_seed(bytearray(seed.encode())).public_key.decode())


def jwt(issuer: Key, subject: Key, kind: str, nats: dict[str, Any], *, lives_s: float | None = None) -> str:
    """A token of the NATS kind, signed by `issuer`."""
    claims: dict[str, Any] = {
        "iat": int(time.time()),
        "iss": issuer.public,
        "sub": subject.public,
        "name": kind,
        "nats": {"type": kind, "version": 2, **nats},
    }
    if lives_s is not None:
        claims["exp"] = int(time.time() + lives_s)
    claims["jti"] = base64.b32encode(hashlib.sha256(json.dumps(claims).encode()).digest()).decode().rstrip("=")
    head = _packed({"typ": "JWT", "alg": "ed25519-nkey"})
    text = f"{head}.{_packed(claims)}"
    signature = nkeys.from_seed(bytearray(issuer.seed.encode())).sign(text.encode())
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _packed(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


class Operator:
    """An operator with one account, whose users get credentials files."""

    def __init__(self) -> None:
        self._operator, self._account, self._system = Key.make("O"), Key.make("A"), Key.make("A")

    def configuration(self) -> str:
        """The part of a server's configuration that trusts it: operator mode with tokens in memory."""
        limits = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": True, "conn": -1}
        stored = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
        account = jwt(self._operator, self._account, "account", {"limits": {**limits, "leaf": -1, **stored}})
        system = jwt(self._operator, self._system, "account", {"limits": {**limits, "leaf": -1}})
        return (
            f"operator: {jwt(self._operator, self._operator, 'operator', {})}\n"
            f"system_account: {self._system.public}\n"
            f"resolver: MEMORY\n"
            f"resolver_preload: {{ {self._account.public}: {account}, {self._system.public}: {system} }}\n"
        )

    def creds(self, *, lives_s: float | None = None) -> str:
        """The content of a credentials file for a new user of the account."""
        user = Key.make("U")
        token = jwt(self._account, user, "user", {"subs": -1, "data": -1, "payload": -1}, lives_s=lives_s)
        return (
            f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
        )
