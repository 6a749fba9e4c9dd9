"""Import the modules a worker may run functions of."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from naq.errors import ConfigurationError


def import_modules(modules: Iterable[str]) -> None:
    """Import each; "pkg.*" imports pkg.

    Raises:
        ConfigurationError: one is not found, or fails as it is imported.
    """
    for module in modules:
        _import(module)


def _import(module: str) -> None:
    name = module.removesuffix(".*")
    try:
        import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and (name == exc.name or name.startswith(f"{exc.name}.")):
            raise ConfigurationError(
                f"module {name!r} was not found from {Path.cwd()}: check its name, or start in the folder it is in"
            ) from None
        raise ConfigurationError(f"module {name!r} can't be imported: {exc}") from exc
    except Exception as exc:
        raise ConfigurationError(f"module {name!r} can't be imported: {type(exc).__name__}: {exc}") from exc
