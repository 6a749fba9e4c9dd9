"""Functions as names: `module:qualname` on the wire, and back to a function only in modules its operator allowed."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from naq.errors import ConfigurationError, FunctionReferenceError

_REFERENCE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(\.\*)?")


class ModuleAllowList:
    """The modules whose functions may run: `pkg.mod` is exactly that one, `pkg.*` is pkg and all below it."""

    def __init__(self, modules: Iterable[str]) -> None:
        """Raises ConfigurationError for what can't be a module's name."""
        self._exact: set[str] = set()
        self._packages: set[str] = set()
        for module in modules:
            if not _MODULE.fullmatch(module):
                raise ConfigurationError(
                    f"module {module!r} is not valid: expected a name like 'myapp.tasks' or 'myapp.*'"
                )
            (self._packages if module.endswith(".*") else self._exact).add(module.removesuffix(".*"))

    def allows(self, module: str) -> bool:
        if module in self._exact or module in self._packages:
            return True
        parts = module.split(".")
        return any(".".join(parts[:end]) in self._packages for end in range(1, len(parts)))

    def __str__(self) -> str:
        return ", ".join(sorted(self._exact | {f"{name}.*" for name in self._packages}))


@functools.cache
def module_name_of_main() -> str | None:
    """The importable name of the script run as `__main__`; None in an interactive session."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        return str(spec.name.removesuffix(".__main__") if spec.name == "__main__" else spec.name)
    file = getattr(main, "__file__", None)
    if not file or not Path(file).stem.isidentifier():
        return None
    return Path(file).stem


def reference_of(function: Callable[..., Any]) -> str:
    """`module:qualname` of a function that others can import.

    Raises:
        FunctionReferenceError: a lambda, closure, method, partial, … ; the message says what to do instead.
    """
    if isinstance(function, functools.partial):
        raise FunctionReferenceError("a functools.partial can't be enqueued: enqueue its function with all arguments")
    if isinstance(function, MethodType):
        raise FunctionReferenceError(
            f"{function.__qualname__} is bound to an object, which can't travel: enqueue a plain function"
        )
    qualname = getattr(function, "__qualname__", None)
    if isinstance(function, type) or qualname is None or not callable(function):
        raise FunctionReferenceError(
            f"{function!r:.100} is no function: enqueue a function defined at the top of a module"
        )
    if function.__name__ == "<lambda>":
        raise FunctionReferenceError("a lambda can't be enqueued: give it a name with def at the top of a module")
    if "<locals>" in qualname:
        raise FunctionReferenceError(
            f"{qualname} is defined inside a function, so nobody else can import it: move it to the top of a module"
        )
    module_name = function.__module__
    module = sys.modules.get(module_name)
    if module_name == "__main__":
        name = module_name_of_main()
        if name is None:
            raise FunctionReferenceError(f"{qualname} lives in an interactive session: put it into a module")
        module_name = name
    if module is None or _walk(module, qualname) is not function:
        raise FunctionReferenceError(
            f"{module_name}:{qualname} leads to another object than the one given (was it decorated or replaced?): "
            "enqueue the function under its own name"
        )
    return f"{module_name}:{qualname}"


def check_reference(reference: str) -> str:
    """Return `reference` if it has the form `module:qualname`. Raises FunctionReferenceError."""
    if not isinstance(reference, str) or not _REFERENCE.fullmatch(reference) or len(reference) > 300:
        raise FunctionReferenceError(f"{reference!r:.120} is no function reference: expected 'module:function'")
    if any(part.startswith("__") for part in re.split(r"[.:]", reference)):
        raise FunctionReferenceError(f"{reference!r} names a private part (__…), which is never run")
    return reference


def resolve(reference: str, allowed: ModuleAllowList) -> Callable[..., Any]:
    """The function a job names, where its module is allowed.

    Raises:
        FunctionReferenceError: not allowed, not importable, or no function defined there.
    """
    module_name = check_reference(reference).partition(":")[0]
    if not allowed.allows(module_name):
        raise FunctionReferenceError(
            f"module {module_name!r} is not one this worker was started for ({allowed}): start one with -m"
        )
    return import_function(reference)


def import_function(reference: str) -> Callable[..., Any]:
    """The function of this reference, imported if need be. Raises FunctionReferenceError."""
    module_name, _, qualname = check_reference(reference).partition(":")
    module = _import(module_name)
    function = _walk(module, qualname)
    if function is None:
        raise FunctionReferenceError(f"module {module_name!r} has no function {qualname!r}")
    own_names = {module.__name__, module_name}
    if (
        not isinstance(function, FunctionType | BuiltinFunctionType)
        or getattr(function, "__module__", None) not in own_names
    ):
        home = getattr(function, "__module__", None)
        raise FunctionReferenceError(
            f"{reference} is no function defined in that module" + (f" (it comes from {home!r})" if home else "")
        )
    return function


def check_arguments(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Raises FunctionReferenceError where `function` can't be called with these arguments."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return  # some builtins tell nothing of their arguments
    try:
        signature.bind(*args, **kwargs)
    except TypeError as exc:
        raise FunctionReferenceError(f"{function.__qualname__}{signature} can't be called so: {exc}") from None


def _import(module_name: str) -> ModuleType:
    if module_name == module_name_of_main():
        return sys.modules["__main__"]
    try:
        return import_module(module_name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and (module_name == exc.name or module_name.startswith(f"{exc.name}.")):
            raise FunctionReferenceError(f"module {module_name!r} was not found") from None
        raise FunctionReferenceError(f"module {module_name!r} can't be imported: {exc}") from exc
    except Exception as exc:
        raise FunctionReferenceError(f"module {module_name!r} can't be imported: {type(exc).__name__}: {exc}") from exc


def _walk(module: ModuleType, qualname: str) -> Any:
    """Follow `qualname` through classes only; None where it leads nowhere."""
    *classes, last = qualname.split(".")
    found: Any = module
    for name in classes:
        found = vars(found).get(name)
        if not isinstance(found, type):
            return None
    return getattr(found, last, None) if last in vars(found) else None
