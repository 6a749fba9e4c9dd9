"""Functions as names, and what a worker is willing to run."""

from __future__ import annotations

import functools
import os.path
import subprocess
import sys
import types
from collections.abc import Callable
from os import getcwd
from pathlib import Path
from typing import Any

import pytest

from naq import callables
from naq.callables import ModuleAllowList
from naq.errors import ConfigurationError, FunctionReferenceError
from naq.examples import tasks

ROOT = Path(__file__).resolve().parents[2]
HERE = ModuleAllowList([__name__])
borrowed = tasks.add


def double(value: int, *, times: int = 1) -> int:
    return value * 2 * times


async def double_soon(value: int) -> int:
    return value * 2


def kept_name(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


def lost_name(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        return function(*args)

    return call


@kept_name
def wrapped(value: int) -> int:
    return value


@lost_name
def renamed(value: int) -> int:
    return value


@functools.lru_cache
def cached(value: int) -> int:
    return value


class Mailer:
    def send(self) -> None: ...

    def __call__(self) -> None: ...

    @staticmethod
    def check(address: str) -> bool:
        return "@" in address

    @classmethod
    def make(cls) -> Mailer:
        return cls()

    class Inner:
        @staticmethod
        def deep() -> int:
            return 1


def replaced() -> int:
    return 1


original = replaced


def replaced() -> int:  # type: ignore[no-redef]
    return 2


@pytest.mark.parametrize("function", [double, double_soon, wrapped, Mailer.check, Mailer.Inner.deep, Mailer.send])
def test_there_and_back(function: Callable[..., Any]) -> None:
    reference = callables.reference_of(function)
    assert reference == f"{__name__}:{function.__qualname__}"
    assert callables.resolve(reference, HERE) is function
    assert callables.import_function(reference) is function


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: 1, "a lambda can't be enqueued: give it a name"),
        (lost_name(double), "is defined inside a function"),
        (Mailer().send, r"Mailer\.send is bound to an object"),
        (Mailer.make, r"Mailer\.make is bound to an object"),
        (functools.partial(double, 1), r"functools\.partial can't be enqueued"),
        (Mailer(), "an object of class Mailer can't be enqueued"),
        (Mailer, "Mailer is a class"),
        (len, "len is a builtin_function_or_method"),
        (cached, "cached is a _lru_cache_wrapper"),
        (original, "replaced leads to another object"),
        (wrapped.__wrapped__, "wrapped leads to another object"),  # type: ignore[attr-defined]
        (renamed, "is defined inside a function"),
        (17, "17, not a Python function"),
    ],
)
def test_what_cannot_travel(function: Any, message: str) -> None:
    with pytest.raises(FunctionReferenceError, match=message) as caught:
        callables.reference_of(function)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reference", ["a:b", "pkg.mod:func", "pkg.mod:Class.func", "_private:_func", "größe:ändern"])
def test_references(reference: str) -> None:
    assert callables.check_reference(reference) == reference


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "func",
        "mod.func",
        "mod:",
        ":func",
        "mod:func:x",
        "mod: func",
        "mod:func\n",
        "mod..x:func",
        "1mod:func",
        "mod:func()",
        "../mod:func",
        "mod:__class__",
        "mod:Class.__init__",
        "__main__:func",
        "pkg.__main__:func",
        "m:" + "f" * 300,
        None,
        17,
    ],
)
def test_what_is_no_reference(reference: Any) -> None:
    with pytest.raises(FunctionReferenceError):
        callables.check_reference(reference)


def test_allow_list() -> None:
    allowed = ModuleAllowList(["app.tasks", "lib.*"])
    assert [name for name in ("app.tasks", "lib", "lib.a", "lib.a.b") if not allowed.allows(name)] == []
    assert [name for name in ("app", "app.tasks.x", "app.tasksx", "library", "os", "") if allowed.allows(name)] == []
    assert str(allowed) == "app.tasks, lib.*"
    assert not ModuleAllowList([]).allows("os")


@pytest.mark.parametrize("module", ["", "*", "a.*.b", "a:b", "a.", ".a", "a b", "a.**", 3])
def test_what_is_no_module(module: Any) -> None:
    with pytest.raises(ConfigurationError, match="is not valid"):
        ModuleAllowList([module])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("getcwd", "not a function"),
        ("borrowed", "it comes from 'naq.examples.tasks', name it as naq.examples.tasks:add"),
        ("os.path.join", "has no function"),
        ("Mailer", "is a type, not a function"),
        ("Mailer.make", "is a classmethod, not a function"),
        ("cached", "is a _lru_cache_wrapper, not a function"),
        ("HERE.allows", "has no function"),
        ("ROOT", "not a function"),
        ("missing", "has no function 'missing'"),
        ("Mailer.missing", r"has no function 'Mailer\.missing'"),
    ],
)
def test_only_functions_of_the_very_module_are_run(name: str, message: str) -> None:
    assert getcwd
    assert os.path
    with pytest.raises(FunctionReferenceError, match=message):
        callables.resolve(f"{__name__}:{name}", HERE)


def test_a_module_that_is_not_allowed_is_not_imported() -> None:
    assert "antigravity" not in sys.modules
    with pytest.raises(FunctionReferenceError, match="module 'antigravity' is not one this worker was started for"):
        callables.resolve("antigravity:geohash", HERE)
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", "module 'broken_tasks' can't be imported: ZeroDivisionError: division by zero"),
        ("import not_installed_anywhere", "can't be imported: No module named 'not_installed_anywhere'"),
        ("def f(:", "can't be imported: SyntaxError"),
        ("raise SystemExit(3)", "can't be imported: SystemExit: 3"),
        (None, "module 'broken_tasks' was not found"),
    ],
)
def test_modules_that_fail(source: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if source is not None:
        (tmp_path / "broken_tasks.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(FunctionReferenceError, match=message) as caught:
        callables.resolve("broken_tasks:run", ModuleAllowList(["broken_tasks"]))
    assert "\n" not in str(caught.value)


def test_a_submodule_of_what_is_no_package() -> None:
    with pytest.raises(FunctionReferenceError, match="was not found"):
        callables.import_function("naq.errors.more:run")


def test_arguments_that_fit() -> None:
    callables.check_arguments(double, (1,), {"times": 2})


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, r"double\(value: .* can't be called so: missing a required argument: 'value'"),
        ((1, 2), {}, "too many positional arguments"),
        ((1,), {"time": 2}, "got an unexpected keyword argument 'time'"),
        ((1,), {3: 2}, "keywords must be strings"),
    ],
)
def test_arguments_that_do_not_fit(args: tuple[Any, ...], kwargs: dict[Any, Any], message: str) -> None:
    with pytest.raises(FunctionReferenceError, match=message) as caught:
        callables.check_arguments(double, args, kwargs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "spec_name", "name"),
    [
        ("/home/a/tasks.py", None, "tasks"),
        ("tasks.py", "pkg.mod", "pkg.mod"),
        ("/x/pkg/__main__.py", "pkg.__main__", "pkg.__main__"),
        ("/venv/bin/naq", None, None),
        ("/x/my-tasks.py", None, None),
        (None, None, None),
    ],
)
def test_module_name_of_main(
    file: str | None, spec_name: str | None, name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = types.ModuleType("__main__")
    if file is not None:
        main.__file__ = file
    if spec_name is not None:
        main.__spec__ = types.SimpleNamespace(name=spec_name)  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert callables.module_name_of_main() == name


SCRIPT = """
from dataclasses import dataclass

from naq import callables, codec
from naq.errors import FunctionReferenceError

@dataclass
class Bill:
    amount: int

def send(bill):
    return bill

if __name__ == "__main__":
    try:
        reference = callables.reference_of(send)
        assert callables.import_function(reference) is send
        packed = codec.pack(Bill(3))
        assert type(codec.unpack(packed)) is Bill
        print(reference, packed["class"])
    except FunctionReferenceError as exc:
        print(exc)
"""


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["shop/billing.py"], "billing:send billing:Bill"),
        (["-m", "shop.billing"], "shop.billing:send shop.billing:Bill"),
        (["-m", "shop"], "send is in shop.__main__, which workers don't run: move it into another module"),
        (
            ["-c", SCRIPT],
            "send is not in a file that workers can import (an interactive session?): put it into a module",
        ),
    ],
    ids=["script", "module", "package", "command"],
)
def test_a_script_run_as_main(arguments: list[str], answer: str, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    for name in ("__init__.py", "billing.py", "__main__.py"):
        (tmp_path / "shop" / name).write_text("" if name == "__init__.py" else SCRIPT)
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == (answer, "")
