"""Contexts of the `nats` command line, so that who can use that tool can use naq with nothing more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from naq.errors import ConfigurationError

_FIELDS = {
    "url": "nats_url",
    "user": "user",
    "password": "password",
    "token": "token",
    "creds": "creds",
    "nkey": "nkey",
    "ca": "tls_ca",
    "cert": "tls_cert",
    "key": "tls_key",
    "inbox_prefix": "inbox_prefix",
}


@dataclass(frozen=True, slots=True)
class NatsContext:
    """One context file; its values may be secret."""

    name: str
    values: Mapping[str, Any] = field(repr=False)

    def settings(self) -> dict[str, str]:
        """The context's values under the names of `naq.settings.Settings`; empty ones left out."""
        return {
            setting: self.values[name]
            for name, setting in _FIELDS.items()
            if isinstance(self.values.get(name), str) and self.values[name]
        }


def context_folder(env: Mapping[str, str]) -> Path:
    """Where the `nats` command line keeps its contexts."""
    config = env.get("XDG_CONFIG_HOME") or str(Path(env.get("HOME") or Path.home()) / ".config")
    return Path(config) / "nats"


def context_names(env: Mapping[str, str]) -> list[str]:
    """Names of the contexts on this machine, sorted."""
    return sorted(path.stem for path in (context_folder(env) / "context").glob("*.json"))


def load_context(name: str | None, env: Mapping[str, str]) -> NatsContext | None:
    """The named context, else the selected one, else None.

    Raises:
        ConfigurationError: a context asked for by name is missing, or its file can't be read.
    """
    folder = context_folder(env)
    selected = name
    if selected is None:
        try:
            selected = (folder / "context.txt").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
        if not selected:
            return None
    if "/" in selected or selected.startswith("."):
        raise ConfigurationError(f"nats context {selected!r} is not a valid name")
    path = folder / "context" / f"{selected}.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if name is None:
            return None
        known = ", ".join(context_names(env)) or "none"
        raise ConfigurationError(f"nats context {name!r} does not exist (known: {known})") from None
    except (OSError, ValueError, RecursionError) as exc:
        raise ConfigurationError(f"nats context {selected!r}: {path} can't be read: {exc}") from None
    if not isinstance(values, dict):
        raise ConfigurationError(f"nats context {selected!r}: {path} is not a JSON object")
    return NatsContext(selected, values)
