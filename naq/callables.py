"""Functions as names: `module:qualname` on the wire, and back to a function only in modules its operator allowed."""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import FunctionType, MethodType, ModuleType
from typing import Any

from naq.errors import ConfigurationError, FunctionReferenceError

_DOTTED = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_REFERENCE = re.compile(rf"{_DOTTED}:{_DOTTED}")
_MODULE = re.compile(rf"{_DOTTED}(?:\.\*)?")
MAIN_NAMES = ("__main__", "__mp_main__")
"""What the script that is run calls itself, here and in processes started by multiprocessing."""


class ModuleAllowList:
    """The modules whose functions may run: `pkg.mod` is exactly that one, `pkg.*` is pkg and all below it."""

    def __init__(self, modules: Iterable[str]) -> None:
        """Raises ConfigurationError for what can't be a module's name."""
        self._exact: set[str] = set()
        self._packages: set[str] = set()
        for module in modules:
            if not isinstance(module, str) or not _MODULE.fullmatch(module):
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
        return ", ".join(sorted(self._exact | {f"{name}.*" for name in self._packages})) or "none"


def module_name_of_main() -> str | None:
    """The name by which others import the script run as `__main__`; None where it has none.

    `python -m pkg.mod` gives `pkg.mod`, `python path/tasks.py` gives `tasks`; an interactive session, `python -c`
    and an installed command have none.
    """
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    name = getattr(spec, "name", None)
    if isinstance(name, str) and name not in MAIN_NAMES:
        return name
    file = getattr(main, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py"):
        return None
    stem = os.path.basename(file)[:-3]  # noqa: PTH119  (asked for each class that is packed; Path is slow)
    return stem if stem.isidentifier() else None


def reference_of(function: Callable[..., Any]) -> str:
    """`module:qualname` of a function that others can import.

    Raises:
        FunctionReferenceError: a lambda, closure, method, partial, … ; the message says what to do instead.
    """
    qualname = getattr(function, "__qualname__", None)
    if isinstance(function, MethodType):
        raise FunctionReferenceError(
            f"{qualname} is bound to an object, which can't travel: enqueue a plain function that takes what it needs"
        )
    if type(function) is not FunctionType:
        raise _not_a_function(function)
    if function.__name__ == "<lambda>":
        raise FunctionReferenceError("a lambda can't be enqueued: give it a name with def at the top of a module")
    if "<locals>" in function.__qualname__:
        raise FunctionReferenceError(
            f"{qualname} is defined inside a function, so nobody else can import it: move it to the top of a module"
        )
    module_name = function.__module__
    module = sys.modules.get(module_name)
    if module_name in MAIN_NAMES:
        module_name = _importable_main(function.__qualname__)
    if module is None or _walk(module, function.__qualname__) is not function:
        raise FunctionReferenceError(
            f"{module_name}:{qualname} leads to another object than the one given (was it decorated or replaced?): "
            "enqueue the function that has this name"
        )
    return check_reference(f"{module_name}:{qualname}")


def check_reference(reference: str) -> str:
    """Return `reference` if it has the form `module:function` or `module:Class.function`.

    Raises:
        FunctionReferenceError: it has not, or a part of it starts with two underscores.
    """
    if not isinstance(reference, str) or len(reference) > 300 or not _REFERENCE.fullmatch(reference):
        raise FunctionReferenceError(
            f"{reference!r:.120} is no function reference: expected 'module:function', like 'myapp.tasks:send'"
        )
    if reference.startswith("__") or ".__" in reference or ":__" in reference:
        raise FunctionReferenceError(
            f"{reference!r} has a part that starts with '__', which is never run: move the function to a public name"
        )
    return reference


def resolve(reference: str, allowed: ModuleAllowList) -> Callable[..., Any]:
    """The function a job names, imported if need be, where its module is allowed.

    Raises:
        FunctionReferenceError: not allowed, not importable, or no function defined there.
    """
    module_name = check_reference(reference).partition(":")[0]
    if not allowed.allows(module_name):
        raise FunctionReferenceError(
            f"module {module_name!r} is not one this worker was started for ({allowed}): start it with -m {module_name}"
        )
    return import_function(reference)


def import_function(reference: str) -> Callable[..., Any]:
    """The function of this reference, imported if need be: for producers, who name their own code.

    Raises:
        FunctionReferenceError: not importable, or no Python function defined in that very module.
    """
    module_name, _, qualname = check_reference(reference).partition(":")
    found = _walk(_import(module_name), qualname)
    if found is None:
        raise FunctionReferenceError(f"module {module_name!r} has no function {qualname!r}: check the name")
    if type(found) is not FunctionType:  # what only says that it is one, by its __class__, is none
        raise FunctionReferenceError(
            f"{reference} is a {type(found).__name__}, not a function: name one defined with def"
        )
    home = found.__module__
    if home != module_name and not (home in MAIN_NAMES and module_name == module_name_of_main()):
        raise FunctionReferenceError(
            f"{reference} is not defined in that module: it comes from {home!r}, name it as {home}:{found.__qualname__}"
        )
    return found


def check_arguments(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Raises FunctionReferenceError where `function` can't be called with these arguments."""
    _check_shape(function, len(args), *kwargs)


@functools.lru_cache(maxsize=1024)
def _check_shape(function: Callable[..., Any], count: int, *names: str) -> None:
    """No value matters to whether a function can be called: only how many are given by position, and which by name."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return  # its arguments are known when it is called
    try:
        signature.bind(*range(count), **dict.fromkeys(names))
    except TypeError as exc:
        shape = " ".join(f"{function.__qualname__}{signature}".split())
        raise FunctionReferenceError(f"{shape:.300} can't be called so: {exc}") from None


def _not_a_function(given: Any) -> FunctionReferenceError:
    if isinstance(given, functools.partial):
        return FunctionReferenceError("a functools.partial can't be enqueued: enqueue its function with all arguments")
    if isinstance(given, type):
        return FunctionReferenceError(f"{given.__qualname__} is a class: enqueue a function that makes the object")
    name = getattr(given, "__qualname__", None)
    if callable(given) and not isinstance(name, str):
        return FunctionReferenceError(
            f"an object of class {type(given).__qualname__} can't be enqueued: enqueue a function defined with def"
        )
    told = f"{name} is a {type(given).__name__}" if isinstance(name, str) else f"{given!r:.100}"
    return FunctionReferenceError(f"{told}, not a Python function: enqueue one defined with def at the top of a module")


def _importable_main(qualname: str) -> str:
    name = module_name_of_main()
    if name is None:
        raise FunctionReferenceError(
            f"{qualname} is not in a file that workers can import (an interactive session?): put it into a module"
        )
    if name.endswith(".__main__"):
        raise FunctionReferenceError(f"{qualname} is in {name}, which workers don't run: move it into another module")
    return name


def _import(module_name: str) -> ModuleType:
    if module_name == module_name_of_main():
        return sys.modules["__main__"]
    try:
        return import_module(module_name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and (module_name == exc.name or module_name.startswith(f"{exc.name}.")):
            raise FunctionReferenceError(
                f"module {module_name!r} was not found: is its folder on PYTHONPATH, or its package installed?"
            ) from None
        raise FunctionReferenceError(f"module {module_name!r} can't be imported: {exc}") from exc
    except (Exception, SystemExit) as exc:
        reason = " ".join(f"{type(exc).__name__}: {exc}".split())
        raise FunctionReferenceError(f"module {module_name!r} can't be imported: {reason:.300}") from exc


def _walk(module: ModuleType, qualname: str) -> Any:
    """What `qualname` names below `module`, through classes only and without running any code; None where nothing."""
    *classes, last = qualname.split(".")
    names: Mapping[str, Any] = _names_of_module(module) if issubclass(type(module), ModuleType) else {}
    for name in classes:
        found = names.get(name)
        if not issubclass(type(found), type):
            return None
        names = _names_of_class(found)
    found = names.get(last)
    return found.__func__ if type(found) is staticmethod else found


# past whatever a module's or a metaclass's own code would answer
_names_of_module: Callable[[Any], Mapping[str, Any]] = vars(ModuleType)["__dict__"].__get__
_names_of_class: Callable[[Any], Mapping[str, Any]] = vars(type)["__dict__"].__get__
