"""Variables of a process: as they are typed, and as they are shown."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from naq.settings import mask_url

MASK = "***"
_SECRET = re.compile(r"passw|secret|token|api_?key|private|credential|creds|nkey|_key$|^key$|auth", re.IGNORECASE)


def parse_environment(text: str) -> dict[str, str]:
    """`LANG=C GREETING="good day"` as a mapping.

    Raises:
        ValueError: something in it is not KEY=VALUE; the message says which.
    """
    try:
        words = shlex.split(text)
    except ValueError:
        raise ValueError("a quote is opened and not closed") from None
    variables: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ValueError(f"write KEY=VALUE, not {word!r}; a value with spaces in quotes")
        variables[name] = value
    return variables


def format_environment(variables: Mapping[str, str]) -> str:
    """What `parse_environment` reads."""
    return " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())


def is_secret(name: str) -> bool:
    """Whether a variable of this name is likely to hold a secret."""
    return _SECRET.search(name) is not None


def shown_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables fit to be shown: secrets by their name, and those within addresses, are masked."""
    return {name: MASK if is_secret(name) else mask_url(value) for name, value in variables.items()}
