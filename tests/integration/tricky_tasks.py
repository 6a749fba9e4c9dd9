"""A module of tasks full of what must never be run by its name. Whatever is run leaves a line in $NAQ_TEST_MARK."""

from __future__ import annotations

import functools
import os
import os as alias
import os.path as path
import subprocess
from os import popen, system
from pathlib import Path
from subprocess import Popen
from subprocess import run as spawn
from types import FunctionType
from typing import Any

__all__ = ["Popen", "alias", "path", "popen", "spawn", "subprocess", "system"]


def _mark(what: object = "run") -> None:
    with Path(os.environ["NAQ_TEST_MARK"]).open("a") as file:
        file.write(f"{what}\n")


def fine() -> str:
    return "fine"


evaluate = eval
part = functools.partial(_mark, "partial")
bound = Path("x").touch
cached = functools.lru_cache(fine)


class Commands:
    run = popen
    shell = staticmethod(system)
    open = staticmethod(popen)
    made = classmethod(popen)  # type: ignore[arg-type, var-annotated]
    module = os

    @property
    def looked_at(self) -> str:
        _mark("property")
        return ""

    @classmethod
    def of_class(cls) -> None:
        _mark("class method")

    def __call__(self) -> None:
        _mark("call")


class Meta(type):
    @property
    def __dict__(cls) -> Any:  # type: ignore[override]
        _mark("metaclass")
        return {"trick": fine}

    def __getattr__(cls, name: str) -> Any:
        _mark("metaclass")
        return fine


class Answering(metaclass=Meta):
    pass


class Liar:
    """Says that it is a function of this module."""

    @property
    def __class__(self) -> Any:
        _mark("__class__")
        return FunctionType

    def __getattr__(self, name: str) -> Any:
        _mark(name)
        return fine

    def __call__(self) -> None:
        _mark("call")


liar = Liar()
commands = Commands()


def __getattr__(name: str) -> Any:
    _mark(f"module {name}")
    return fine
