"""Classes as names: `module:qualname` of dataclasses, enums and named tuples, and back without any import."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable
from enum import Enum
from typing import Any

from naq.callables import MAIN_NAMES, module_name_of_main
from naq.display import cut
from naq.errors import SerializationError

ClassResolver = Callable[[str], type]
"""Finds a class by its reference `module:qualname`; raises SerializationError where there is none."""


def loaded_class(reference: str) -> type:
    """The class of this reference among the modules imported already; no import is made.

    Raises:
        SerializationError: its module is not imported here, or it is no class defined there.
    """
    module_name, _, qualname = reference.partition(":")
    is_main = module_name != "" and module_name == module_name_of_main()
    found: Any = sys.modules.get("__main__" if is_main else module_name)
    shown = cut(repr(reference), 200)
    if found is None or not qualname or module_name.startswith("__"):
        raise SerializationError(f"class {shown} is not known here: import its module first")
    for part in qualname.split("."):
        found = None if part.startswith("__") else getattr(found, "__dict__", {}).get(part)
        if not isinstance(found, type):
            break
    homes = (module_name, *MAIN_NAMES) if is_main else (module_name,)
    if not isinstance(found, type) or found.__module__ not in homes:
        raise SerializationError(f"class {shown} is not defined in that module: import its module first")
    return found


@functools.lru_cache(maxsize=1024)
def reference_of_class(kind: type) -> str:
    """`module:qualname` of a class; raises LookupError where that name does not lead back to it."""
    module = kind.__module__
    if module in MAIN_NAMES:
        module = module_name_of_main() or ""
    reference = f"{module}:{kind.__qualname__}"
    try:
        found = loaded_class(reference)
    except SerializationError as exc:
        raise LookupError(str(exc)) from None
    if found is not kind:
        raise LookupError(f"{reference} is another class")
    return reference


@functools.lru_cache(maxsize=1024)
def namedtuple_fields(kind: type) -> tuple[str, ...] | None:
    """Its field names in order; None for what is no named tuple."""
    names = getattr(kind, "_fields", None)
    return names if issubclass(kind, tuple) and not issubclass(kind, Enum) and isinstance(names, tuple) else None


@functools.lru_cache(maxsize=1024)
def dataclass_fields(kind: type) -> tuple[str, ...] | None:
    """Its field names in order; None for what is no dataclass, or one that is also a dict, an exception, an enum, …"""
    if not dataclasses.is_dataclass(kind) or issubclass(kind, Enum):
        return None
    if any(base.__module__ == "builtins" for base in kind.__mro__[:-1]):
        return None
    return tuple(field.name for field in dataclasses.fields(kind))


def class_text(kind: type) -> str:
    """How errors name a class: `dict`, `myapp.models.Invoice`."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
