"""A job names its function, and whoever writes jobs names what he likes: nothing but functions of the module is run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from naq import callables
from naq.callables import ModuleAllowList
from naq.client import AsyncClient
from naq.errors import FunctionReferenceError
from tests.conftest import WorkerFactory
from tests.integration.log import event_when

HERE = "tests.integration.tricky_tasks"
NAMES = (
    "system",
    "popen",
    "spawn",
    "Popen",
    "evaluate",
    "part",
    "bound",
    "cached",
    "alias.system",
    "path.join",
    "subprocess.run",
    "Commands",
    "Commands.run",
    "Commands.shell",
    "Commands.open",
    "Commands.made",
    "Commands.of_class",
    "Commands.looked_at",
    "Commands.looked_at.fget",
    "Commands.module.system",
    "Commands.__call__",
    "Commands.__init_subclass__",
    "Commands.mro",
    "commands",
    "commands.looked_at",
    "Answering.trick",
    "Meta.mro",
    "liar",
    "liar.run",
    "missing",
    "fine.__globals__",
    "fine.__globals__.os",
    "fine.__class__",
    "fine.__code__",
    "__builtins__.eval",
    "__getattr__",
    "__class__",
    "__loader__.load_module",
    "FunctionType",
    "fine()",
    "fine;system",
    "fine\n",
    "fine\0",
    " fine",
    "fine ",
    "fine:fine",
    "ｆine",
    "finе",
    "ｓystem",
    "＿_class__",
    "fine.",
    ".fine",
    "a." * 100 + "fine",
    "f" * 100_000,
    "",
)
REFERENCES = (
    *(f"{HERE}:{name}" for name in NAMES),
    "os:system",
    "posix:system",
    "builtins:eval",
    "subprocess:run",
    "naq.cli.main:main",
    "__main__:fine",
    f"{HERE}.os:system",
    f"{HERE}.Commands:run",
    "tests.integration:tricky_tasks.fine",
    "tests.integration.ｔricky_tasks:fine",
    "tests/integration/tricky_tasks:fine",
    "../tricky_tasks:fine",
    f"{HERE}.__main__:fine",
    "",
    ":",
    "\x1b[2J:fine",
)


@pytest.fixture(autouse=True)
def _nothing_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Not even looking at what a reference leads to runs anything."""
    mark = tmp_path / "mark"
    monkeypatch.setenv("NAQ_TEST_MARK", str(mark))
    yield
    assert not mark.exists(), mark.read_text()


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: repr(reference)[:60])
def test_a_reference_leads_to_no_other_code(reference: str) -> None:
    with pytest.raises(FunctionReferenceError) as refused:
        callables.resolve(reference, ModuleAllowList([HERE]))
    assert len(str(refused.value)) < 1_000


def test_the_functions_themselves_are_found() -> None:
    found = callables.resolve(f"{HERE}:fine", ModuleAllowList(["tests.integration.*"]))
    assert found() == "fine"


@pytest.mark.nats
@pytest.mark.parametrize("isolate", [False, True], ids=["in the worker", "isolated"])
async def test_a_worker_fails_such_jobs_and_runs_nothing_of_them(
    isolate: bool, client: AsyncClient, worker: WorkerFactory
) -> None:
    # one process each is slow: of those isolated a sample
    references = REFERENCES[::8] if isolate else REFERENCES
    subject = client.connection.names.queue_subject("default")
    for number, reference in enumerate(references):
        job = {"job_id": f"evil-{number}", "function": reference, "args": [], "kwargs": {}, "isolate": isolate}
        await client.connection.outbox.publish(subject, json.dumps({"v": 1, **job}).encode())
    async with worker(modules=[HERE]) as w:
        job_id = (await client.enqueue(f"{HERE}:fine", isolate=isolate)).job_id
        await event_when(client, lambda e: e.type == "COMPLETED" and e.job_id == job_id)
        for number in range(len(references)):
            await event_when(client, lambda e, n=number: e.type == "FAILED" and e.job_id == f"evil-{n}")  # type: ignore[misc]
        assert w.status.completed == 1
    for number, reference in enumerate(references):
        record = await client.results.get_record(f"evil-{number}")
        assert record is not None
        assert record.error is not None, reference
        assert record.error.type == "FunctionReferenceError", reference
        assert record.error.message, reference
        assert record.attempt == 1
