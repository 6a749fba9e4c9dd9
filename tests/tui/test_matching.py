"""All that match: what is found is what a list that held everything would show, frozen, and small in memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from naq.errors import NaqConnectionError
from naq.models.result import JobResult
from naq_tui.acting import matching
from naq_tui.acting.matching import Frozen, Matching, of_causes, of_list
from naq_tui.acting.targets import SAMPLE, Target, breakdown, sample
from naq_tui.app import NaqConsole
from naq_tui.feed.fake import FakeCommands, FakeFeed, first_batch
from naq_tui.feed.sample import RESULTS_STORED, T0
from naq_tui.feed.sample_failures import waiting_jobs
from naq_tui.feed.sample_results import stored_result
from naq_tui.screens.bulk import BulkScreen
from naq_tui.screens.collect import CollectScreen
from naq_tui.store.failures import groups
from naq_tui.store.fold import apply
from naq_tui.store.rows import result_row
from naq_tui.store.state import EMPTY, State
from naq_tui.text import width
from naq_tui.views.arranging import Arrangement, arranged
from naq_tui.views.jobs import JobsView
from naq_tui.views.results import ResultsView
from naq_tui.views.search import Needle
from naq_tui.views.table import Lens
from tests.tui.conftest import LOOKS, fake_console, gone, in_look, settle, shown, text_on, until

BOTH = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
LENS = Lens(T0, T0)
ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
OPEN = frozenset({"PENDING", "RUNNING", "RETRY", "SCHEDULED", "PAUSED"})


def state_of() -> State:
    return apply(EMPTY, first_batch())


def target(number: int, status: str = "FAILED") -> Target:
    return Target(f"job-{number:06}", f"{number:06}", status, "build", "reports", "TimeoutError", "text of its own")


async def found(search: Matching) -> list[str]:
    steps: list[int] = []
    await search.run(FakeFeed(first_batch()), lambda: steps.append(search.looked_at))
    assert steps == sorted(steps)
    assert all(step <= search.whole for step in steps)
    return [each.key for each in search.targets]


def test_frozen_targets_are_what_was_added_once_each() -> None:
    frozen = Frozen()
    made = [target(number, ("FAILED", "CANCELLED")[number % 2]) for number in range(40)]
    for each in made:
        frozen.add(each)
    plain = [each._replace(text="") if place >= SAMPLE else each for place, each in enumerate(made)]
    assert [each._replace(name="") for each in frozen] == [each._replace(name="") for each in plain]
    assert frozen[-1].key == made[-1].key
    assert [each.key for each in frozen[2:5]] == [each.key for each in made[2:5]]
    assert sample(frozen) == sample(made)
    assert breakdown(frozen) == breakdown(made)
    assert frozen.has("job-000007")
    assert not frozen.has("job-000077")
    with pytest.raises(IndexError):
        frozen[40]


def test_a_breakdown_names_as_many_as_there_is_room_for() -> None:
    made = [target(number)._replace(queue=f"queue-of-some-length-{number % 5}") for number in range(50)]
    assert breakdown(made)[0] == ("queues", "queue-of-some-length-0 10 · 4 more")
    assert all(width(values) <= 47 for _, values in breakdown(made))


FILTERS = ("", "status:failed", "queue:mail !fn:send_receipt", "arg.width:=1200", "nothing-like-it")


@pytest.mark.parametrize("text", FILTERS)
async def test_of_results_it_finds_what_a_list_of_all_would_show(text: str) -> None:
    view, state = ResultsView(), state_of()
    needle = Needle(text, view.field_names())
    every = [result_row(stored_result(seq)) for seq in range(1, RESULTS_STORED + 1)]
    asked_of_all, _ = arranged(view, every, LENS, Arrangement("", needle, "", False))
    search = of_list(view, "", needle, LENS, lambda: state, tuple, ENDED)
    assert await found(search) == [row.job_id for row in asked_of_all]
    assert bool(search.targets) == (text != FILTERS[-1])
    assert search.looked_at == RESULTS_STORED
    assert search.left_out == search.unjudged == 0


async def test_of_jobs_the_state_knows_better_than_a_record() -> None:
    view, state = JobsView(), state_of()
    again = next(row.job_id for row in state.results.values() if row.status == "FAILED")
    state = replace(state, jobs={**state.jobs, again: state.jobs[again]._replace(status="PENDING")})
    held = [row for row in state.jobs.values() if row.status == "FAILED"]
    search = of_list(view, "FAILED", Needle(""), LENS, lambda: state, lambda: held, ENDED)
    keys = await found(search)
    assert again not in keys
    assert set(keys) >= {row.job_id for row in held}
    assert {each.status for each in search.targets} == {"FAILED"}


async def test_what_waits_in_the_queues_is_found_as_well() -> None:
    view, state = JobsView(), replace(state_of(), jobs={})
    search = of_list(view, "PENDING", Needle("queue:mail", view.field_names()), LENS, lambda: state, tuple, OPEN)
    keys = await found(search)
    assert keys == [job.job_id for job in waiting_jobs() if job.queue_name == "mail"]
    search = of_list(view, "", Needle(""), LENS, lambda: state, tuple, OPEN)
    assert await found(search) == [job.job_id for job in waiting_jobs()]
    assert search.left_out == RESULTS_STORED, "what has ended matches, and can't be cancelled"


async def test_a_job_that_is_to_run_again_is_not_taken_for_one_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    feed, job = FakeFeed(), waiting_jobs()[0]
    retried = JobResult(job_id=job.job_id, status="RETRY", function=job.function, queue=job.queue_name, revision=1)
    monkeypatch.setattr("naq_tui.feed.fake.stored_result", lambda seq: replace(retried, revision=seq))
    state = replace(state_of(), jobs={})
    for facet, wanted in (("PENDING", False), ("RETRY", True)):
        search = of_list(JobsView(), facet, Needle(""), LENS, lambda: state, tuple, OPEN)
        await search.run(feed, lambda: None)
        assert search.targets.has(job.job_id) == wanted


async def test_of_causes_it_finds_all_that_stand_failed() -> None:
    state = state_of()
    slow = next(group for group in groups(state.failures) if group.type == "TimeoutError")
    keys = await found(of_causes([slow], state, frozenset({"FAILED"})))
    assert len(keys) == slow.count
    assert set(keys) == set(slow.job_ids)
    without = replace(slow, key="TimeoutError", has_fingerprint=False)
    assert await found(of_causes([without], state, frozenset({"FAILED"}))) == keys


async def test_there_is_a_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MOST", 120)
    search = of_list(ResultsView(), "", Needle(""), LENS, state_of, tuple, ENDED)
    keys = await found(search)
    assert len(keys) == 120
    assert search.is_cut
    assert search.looked_at < RESULTS_STORED, "it goes no further"


# on the screen


def heard(console: NaqConsole) -> list[str]:
    """What the console says from now on."""
    said: list[str] = []
    console.say = lambda text, **_: said.append(text)  # type: ignore[method-assign]
    return said


async def test_all_that_match_are_acted_on_and_the_rest_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = FakeCommands()
    console = fake_console(commands=commands)
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("7", "slash", *"status:failed", "enter", "a", "a", "R")
        await shown(pilot, BulkScreen)
        await until(pilot, lambda: "Retry 134 jobs?" in text_on(pilot))
        await pilot.press(*"134", "enter", "y")
        await gone(pilot, BulkScreen)
    assert commands.calls[0] == ("begin retry jobs", "134")
    acted = {key for verb, key in commands.calls if verb == "retry"}
    assert len(acted) == 134
    failed = {each.job_id for seq in range(1, RESULTS_STORED + 1) if (each := stored_result(seq)).status == "FAILED"}
    assert acted == failed
    assert not console.main.tables["results"].takes_all, "what was chosen has been dealt with"


async def test_a_list_that_shows_none_can_take_all_that_match() -> None:
    console = fake_console()
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("7", "slash", *"error:KeyError", "enter", "a")
        await until(pilot, lambda: "all that match" in text_on(pilot))
        await pilot.press("D")
        await shown(pilot, BulkScreen)
        await until(pilot, lambda: "Delete 2 jobs?" in text_on(pilot))
        await pilot.press("n")
        await gone(pilot, BulkScreen)
        await pilot.press("escape")
        await until(pilot, lambda: "all that match" not in text_on(pilot))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (("7", "slash", *"nothing-like-it", "enter", "a", "D"), "Nothing that is stored now matches."),
        (("7", "slash", *"status:done", "enter", "a", "a", "R"), "Only failed and cancelled jobs can be retried"),
    ],
)
async def test_where_there_is_nothing_to_act_on_it_says_so(keys: tuple[str, ...], told: str) -> None:
    console = fake_console()
    said = heard(console)
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press(*keys)
        async with asyncio.timeout(10):
            while not said:
                await pilot.pause(0.02)
        assert said[0].startswith(told)
        assert console.screen is console.main


async def test_the_search_can_be_given_up_and_fails_without_harm() -> None:
    commands = FakeCommands()
    console = fake_console(commands=commands)
    said = heard(console)
    async with console.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert isinstance(console.feed, FakeFeed)
        console.feed.results_stall = True
        await pilot.press("7", "a", "a", "D")
        await shown(pilot, CollectScreen)
        await pilot.press("escape")
        await gone(pilot, CollectScreen)
        assert console.screen is console.main
        console.feed.results_stall = False
        console.feed.results_fail = NaqConnectionError("no answer from local")
        await pilot.press("D")
        async with asyncio.timeout(10):
            while not said:
                await pilot.pause(0.02)
        assert said == ["Nothing was done: no answer from local"]
        await gone(pilot, CollectScreen)
        assert console.screen is console.main
    assert commands.calls == []


def searching(*keys: str) -> Any:
    """For `run_before`: the keys, and then a search that waits half-way."""

    async def run(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        app = pilot.app
        assert isinstance(app, NaqConsole)
        feed = app.feed
        assert isinstance(feed, FakeFeed)
        read = feed.stored_results

        async def half(start: int, step: int) -> Any:
            async for piece in read(start, step):
                yield piece
                if piece.reached >= RESULTS_STORED // 2:
                    await asyncio.Event().wait()

        feed.stored_results = half  # type: ignore[method-assign]
        await pilot.press(*keys)
        await shown(pilot, CollectScreen)
        screen: Any = app.screen
        while screen._matching.looked_at < RESULTS_STORED // 2:
            await pilot.pause(0.02)
        await pilot.pause()

    return run


def asked(*keys: str) -> Any:
    """For `run_before`: the keys, until the question stands."""

    async def run(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await pilot.press(*keys)
        await shown(pilot, BulkScreen)
        await pilot.pause()

    return run


FAILED = ("7", "slash", *"status:failed", "enter", "a", "a")


@BOTH
def test_chosen(snap_compare: Any, size: tuple[int, int]) -> None:
    """The frame says that more than what is shown is meant."""

    async def run(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await pilot.press(*FAILED)
        await pilot.pause()

    assert snap_compare(fake_console(), terminal_size=size, run_before=run)


@BOTH
def test_looking(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(fake_console(), terminal_size=size, run_before=searching(*FAILED, "R"))


@LOOKS
def test_looking_in_other_looks(snap_compare: Any, monkeypatch: pytest.MonkeyPatch, look: str) -> None:
    console = in_look(look, monkeypatch)
    assert snap_compare(console, terminal_size=(120, 40), run_before=searching(*FAILED, "R"))


@BOTH
def test_question(snap_compare: Any, size: tuple[int, int]) -> None:
    """Of everything: nothing is cut off, and no line is broken."""
    assert snap_compare(fake_console(), terminal_size=size, run_before=asked("3", "a", "a", "D"))
