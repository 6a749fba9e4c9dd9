"""How this process identifies itself to a server, and what the server's refusal of it means.

Files (credentials, nkey seeds, certificates) are read again at each attempt to connect, so that what is rotated on disk
is used without a restart. What is in them, and passwords and tokens, stands in no message made here.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nats.errors

from naq.errors import ConfigurationError

if TYPE_CHECKING:
    from naq.settings import Settings

_JWT = b"-----BEGIN NATS USER JWT-----"
_SEED = b"-----BEGIN USER NKEY SEED-----"
_REFUSALS = ("authorization violation", "authentication", "user credentials")
_CREDENTIALS = {
    "user": "NAQ_NATS_USER",
    "password": "NAQ_NATS_PASSWORD",
    "token": "NAQ_NATS_TOKEN",
    "creds": "NAQ_NATS_CREDS",
    "nkey": "NAQ_NATS_NKEY",
}
CERTIFICATE_REFUSED = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "CERTIFICATE_UNKNOWN", "ACCESS_DENIED")


class UnreadableCredentialsError(nats.errors.Error):
    """A file can't be used now; an error of the client's own kind, so that it tries again later."""


def access_options(settings: Settings) -> dict[str, Any]:
    """What `settings` say of identity and encryption, as options of the nats-py client.

    Raises:
        ConfigurationError: a file is missing or holds something else, or the package for keys is not installed.
    """
    for name in ("creds", "nkey", "tls_ca", "tls_cert", "tls_key"):
        path = getattr(settings, name)
        if path is not None and not Path(path).is_file():
            raise ConfigurationError(f"{name} file {path!r} does not exist")
    options: dict[str, Any] = {
        name: getattr(settings, name) for name in ("user", "password", "token") if getattr(settings, name) is not None
    }
    try:
        if settings.creds is not None:
            options |= _from_creds(settings.creds)
        elif settings.nkey is not None:
            options |= _from_nkey(settings.nkey)
    except UnreadableCredentialsError as exc:
        raise ConfigurationError(str(exc)) from None
    if settings.tls_ca or settings.tls_cert:
        try:
            context = ssl.create_default_context(cafile=settings.tls_ca)
            if settings.tls_cert:
                context.load_cert_chain(settings.tls_cert, settings.tls_key)
        except (ssl.SSLError, OSError) as exc:
            named = ", ".join(path for path in (settings.tls_ca, settings.tls_cert, settings.tls_key) if path)
            raise ConfigurationError(f"TLS files {named} can't be used: {exc}") from exc
        options["tls"] = context
    return options


def public_nkey(settings: Settings) -> str | None:
    """The public key of the nkey file; None where no such file is set, or a credentials file goes before it."""
    if settings.nkey is None or settings.creds is not None:
        return None
    pair = _key_pair(_seed_of(settings.nkey), settings.nkey)
    return str(pair.public_key.decode())


def wants_tls(settings: Settings) -> bool:
    """Whether these settings ask for an encrypted link: then nothing is said to a server that offers none."""
    return bool(settings.tls_ca or settings.tls_cert) or any(
        url.startswith(("tls://", "wss://")) for url in settings.servers
    )


def is_refusal(error: BaseException) -> bool:
    """Whether these credentials were turned down, or could not be read: the same need not be tried again at once."""
    text = str(error).lower()
    is_told = isinstance(error, nats.errors.AuthorizationError | UnreadableCredentialsError)
    return is_told or any(words in text for words in _REFUSALS)


def refusal_text(settings: Settings, server: Mapping[str, Any], error: BaseException) -> str:
    """One line on what was refused where; `server` is what it said of itself (its INFO)."""
    if isinstance(error, UnreadableCredentialsError):
        return f"no credentials for {settings.server_label}: {error}"
    used = [variable for name, variable in _CREDENTIALS.items() if getattr(settings, name) is not None]
    if any("@" in url for url in settings.servers):
        used.append("the address")
    what = f"check what {', '.join(used)} holds" if used else f"it wants some: set {', '.join(_CREDENTIALS.values())}"
    if server.get("tls_verify") and not settings.tls_cert:
        what += ", or NAQ_NATS_TLS_CERT and NAQ_NATS_TLS_KEY"
    if settings.creds is not None:
        what += " (it may have expired or be revoked)"
    return f"{settings.server_label} refused the credentials: {what}"


def tls_text(settings: Settings, server: Mapping[str, Any], error: BaseException) -> str | None:
    """One line on why no encrypted link came about; None where that was not the reason."""
    label, text = settings.server_label, str(error)
    if isinstance(error, NoEncryptionError):
        return f"{label} offers no TLS, which these settings ask for: nothing was sent to it"
    if isinstance(error, ssl.SSLCertVerificationError):
        which = "the CA in NAQ_NATS_TLS_CA" if settings.tls_ca else "this machine's CAs (set NAQ_NATS_TLS_CA?)"
        return f"the certificate of {label} is not one that {which} vouches for: {error.verify_message}"
    refused = any(word in text for word in CERTIFICATE_REFUSED)
    if refused or (server.get("tls_verify") and not settings.tls_cert and not is_refusal(error)):
        if settings.tls_cert is None:
            return f"{label} wants a client certificate: set NAQ_NATS_TLS_CERT and NAQ_NATS_TLS_KEY"
        return f"{label} does not accept the client certificate {settings.tls_cert} (NAQ_NATS_TLS_CERT)"
    return None


class NoEncryptionError(nats.errors.Error):
    """TLS is asked for and the server has none."""


def _from_creds(path: str) -> dict[str, Any]:
    def token() -> bytes:
        return _line_after(path, _JWT)

    def signature(nonce: str) -> bytes:
        return _signed(_key_pair(_line_after(path, _SEED), path), nonce)

    token()
    _key_pair(_line_after(path, _SEED), path)
    return {"user_jwt_cb": token, "signature_cb": signature}


def _from_nkey(path: str) -> dict[str, Any]:
    def signature(nonce: str) -> bytes:
        return _signed(_key_pair(_seed_of(path), path), nonce)

    _key_pair(_seed_of(path), path)
    return {"signature_cb": signature}


def _signed(pair: Any, nonce: str) -> bytes:
    return base64.b64encode(pair.sign(nonce.encode()))


def _key_pair(seed: bytes, path: str) -> Any:
    try:
        import nkeys
    except ImportError:
        raise ConfigurationError(
            f"{path}: credentials files and nkeys need the package nkeys: pip install 'naq[nkeys]'"
        ) from None
    try:
        return nkeys.from_seed(bytearray(seed))
    except Exception:  # of several libraries; their texts may quote what they read
        raise UnreadableCredentialsError(f"{path} holds no nkey seed that can be used") from None


def _seed_of(path: str) -> bytes:
    lines = [line.strip() for line in _read(path).splitlines() if line.strip().startswith(b"S")]
    return lines[0] if lines else b""


def _line_after(path: str, title: bytes) -> bytes:
    lines = iter(_read(path).splitlines())
    for line in lines:
        if line.strip() == title:
            return next(lines, b"").strip()
    raise UnreadableCredentialsError(f"{path} is no credentials file: it has no line {title.decode()}")


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as exc:
        raise UnreadableCredentialsError(f"{path} can't be read: {exc.strerror}") from None
