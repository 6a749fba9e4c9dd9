"""Variables of a process, as they are typed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from naq_tui import masking

MOST = 20_000
"""Characters; more would be a file pasted by mistake, and slow to take apart."""


def parse_environment(text: str) -> dict[str, str]:
    """`LANG=C GREETING="good day"` as a mapping.

    Raises:
        ValueError: something in it is not KEY=VALUE; the message says which.
    """
    if len(text) > MOST:
        raise ValueError(f"that is too long: {MOST:,} characters are read")
    try:
        words = shlex.split(text)
    except ValueError:
        raise ValueError("a quote is opened and not closed") from None
    variables: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name or name != "".join(name.split()):
            raise ValueError(f"write KEY=VALUE, not {word!r}")
        variables[name] = value
    return variables


def format_environment(variables: Mapping[str, str]) -> str:
    """What `parse_environment` reads."""
    return " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())


def without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that hold no secret, as far as the rules of masking can tell."""
    rules = masking.active()
    return {name: value for name, value in variables.items() if rules.under(name, value) == value}
