"""Everything about one record, kept up to date while it is open."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual import work
from textual.app import ComposeResult
from textual.screen import Screen

from naq.errors import NaqException
from naq_tui import keys, masking
from naq_tui.acting.jobs import ActingOnJobs
from naq_tui.acting.matching import Matching, of_causes
from naq_tui.acting.targets import Target, targets_of
from naq_tui.feed.kin import STEPS, kin_of
from naq_tui.feed.schedule_runs import job_as_told, older_runs
from naq_tui.messages import Open
from naq_tui.mistakes import TellingMistakes
from naq_tui.screens.comparing import Comparing
from naq_tui.screens.value_reading import ReadingValues
from naq_tui.store.kin import parents_named
from naq_tui.store.rows import event_row, result_row
from naq_tui.store.schedule_runs import ScheduleRuns, newest_of
from naq_tui.text import safe
from naq_tui.views.detail import Kind, detail
from naq_tui.views.extra import FOLD_ALL, Extra
from naq_tui.views.figures_report import row_of
from naq_tui.views.parts import Part, parts_of
from naq_tui.views.related import Related, related
from naq_tui.views.table import Cell, spread
from naq_tui.views.values import Text, Value
from naq_tui.widgets.document import Document
from naq_tui.widgets.key_line import KeyLine
from naq_tui.widgets.past_line import PastLine
from naq_tui.widgets.related_line import RelatedLine
from naq_tui.widgets.title_line import TitleLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naq_tui.app import NaqConsole

RUNS_READ = 20
"""Runs of a schedule that are read at a time."""
DEEPEST = 4
"""Levels that values are folded at one by one; beyond that they are unfolded whole."""
LOOK_ON = 10
"""How much further children are looked for when that is asked for."""
OPENING_KEYS = frozenset({"related.open", "related.next", "related.previous"})
FOLDING_KEYS = frozenset({"report.fold_here", "report.fold", "report.unfold"})
NOTHING_IDLE: frozenset[str] = frozenset()
STALE = "stale: no connection"


class DetailScreen(ReadingValues, ActingOnJobs, Comparing, TellingMistakes, Screen[None]):
    """A report that reads top-down; `esc` goes back.

    Args:
        kind: what the record is.
        key: its id; of an event its sequence as text.
    """

    BINDINGS = [*keys.bindings("jobs"), *keys.bindings("report")]  # noqa: RUF012
    app: NaqConsole
    AUTO_FOCUS = "Document"

    def __init__(self, kind: Kind, key: str) -> None:
        super().__init__()
        self.kind, self.key = kind, key
        self.title_line, self.document = TitleLine(), Document()
        self.past = PastLine()
        self.related_line = RelatedLine()
        self.related_line.display = False
        self.key_line = KeyLine(self.place)
        self._extra = Extra()
        self.is_revealed = False
        """Whether secrets are shown, here and in copies made here."""
        self._record: Any = None
        self._read_for: tuple[object, ...] = ()
        self._kin_steps = STEPS
        self._shown_seq: int | None = None
        """The instant that all of it was read for; None is now."""

    @property
    def place(self) -> str:
        return self.kind if self.kind in ("job", "error", "event") else "detail"

    def compose(self) -> ComposeResult:
        yield self.title_line
        yield self.past
        yield self.related_line
        yield self.document
        yield self.key_line

    def on_mount(self) -> None:
        if self.kind == "event":
            log = self.app.main.log_view
            self._extra = Extra(event=log.pages.get(int(self.key)))
        self._shown_seq = None if self.app.state.as_of is None else self.app.state.as_of.seq
        self.watch(self.app, "state", self._show, init=False)
        self.watch(self.app, "now", self._show)
        self.watch(self.app, "reading", self._show_instant, init=False)
        if self.kind == "event":
            self._read()

    def reveal(self, wanted: bool) -> None:
        self.is_revealed = wanted
        self._show()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        found = [entry for entry in keys.find(action, parameters) if entry.owner in ("jobs", "report")]
        return any(entry.works_in(self.place) for entry in found) if found else True

    def record_to_copy(self) -> Any:
        return self._record

    @property
    def extra(self) -> Extra:
        """What was read for it."""
        return self._extra

    def parts_to_copy(self) -> list[Part]:
        with masking.revealed(self.is_revealed):
            return parts_of(self._record, self._extra)

    def job_targets(self) -> tuple[Target, ...]:
        row = self.app.state.jobs.get(self.key)
        return targets_of([row] if row is not None else [self._extra.result] if self._extra.result else [])

    def acted_on(self, action_id: str) -> Sequence[Any] | None:
        return self.job_targets() if self.kind == "job" else None

    def jobs_matching(self, statuses: frozenset[str]) -> Matching | None:
        return of_causes([self._record], self.app.live, statuses) if self.kind == "error" else None

    def compared_rows(self) -> tuple[Any, ...]:
        row = self.app.state.jobs.get(self.key) or self.app.state.results.get(self.key)
        return (row,) if row is not None else (result_row(self._extra.result),) if self._extra.result else ()

    def action_step_related(self, step: int) -> None:
        (self.related_line if self.related_line.items else self.document).step(step)

    def action_open_related(self) -> None:
        item = self.related_line.item or self.document.chosen
        if item is not None:
            self._open_related(item)
        else:
            self.document.fold()

    def action_fold_here(self) -> None:
        self.document.fold()

    def on_related_line_chosen(self, message: RelatedLine.Chosen) -> None:
        self._open_related(message.item)

    def on_document_chosen(self, message: Document.Chosen) -> None:
        self._open_related(message.item)

    def _open_related(self, item: Related) -> None:
        if item.kind == "more" and item.key == "kin":
            self._kin_steps *= LOOK_ON
            self._read()
        elif item.kind == "more":
            self._read_more()
        else:
            self.post_message(Open(item.kind, item.key))

    def _read_more(self) -> None:
        runs = self._extra.runs
        if runs is not None and not runs.is_reading:
            self._extra = replace(self._extra, runs=replace(runs, most=len(runs.runs) + RUNS_READ))
            self._read()

    def action_fold(self, step: int) -> None:
        """Fold values one level more (-1) or less (1)."""
        depth = min(DEEPEST + 1, self._extra.depth) + step
        self._extra = replace(self._extra, depth=FOLD_ALL if depth > DEEPEST else max(1, depth))
        self._show()

    def _show_instant(self) -> None:
        self.past.show_instant(self.app.state, self.app.lens(), self.app.reading)

    def _heed_instant(self) -> None:
        """What was read is of another instant: it is read anew. An event stays what it is."""
        as_of = self.app.state.as_of
        seq = None if as_of is None else as_of.seq
        if seq != self._shown_seq:
            self._shown_seq, self._read_for = seq, ()
            self._extra = Extra(event=self._extra.event, depth=self._extra.depth)
            if self.kind == "event":
                self._read()

    def _show(self) -> None:
        app = self.app
        self._show_instant()
        self._heed_instant()
        if self.kind == "figures":
            row = row_of(app.state, self.key)
            self._extra = replace(self._extra, bars=app.main.bars_of(row) if row is not None else ())
        if self._extra.runs is not None:
            self._extra = replace(self._extra, runs=self._extra.runs.followed(app.state))
        if self._extra.kin is not None:
            self._extra = replace(self._extra, kin=self._extra.kin.followed(app.state))
        with masking.revealed(self.is_revealed):
            report = detail(app.state, self.kind, self.key, app.lens(), self._extra)
        self._record = report.record or (None if self.app.is_past else self._record)
        if self.kind == "event":
            self.related_line.items = related(self._extra.event)
        self.title_line.title = report.title
        told = [Cell("secrets shown", "waiting")] if self.is_revealed else []
        self.title_line.right = spread([*told, *([Cell(STALE, "failed")] if app.state.stale_since else [])])
        self.document.show(report.lines, report.links)
        can_open = bool(self.related_line.items or report.links)
        has_values = any(isinstance(line, Value) and not isinstance(line, Text) for line in report.lines)
        self.key_line.idle = (NOTHING_IDLE if can_open else OPENING_KEYS) | (
            NOTHING_IDLE if has_values else FOLDING_KEYS
        )
        self.key_line.unfit = frozenset(self.unfit())
        self._read_when_changed()
        if self.kind == "job":
            self.read_value_of(self._record)

    def _read_when_changed(self) -> None:
        """What the state doesn't hold is read at first, and again whenever the job has moved on."""
        if self.kind == "job":
            row = self.app.state.jobs.get(self.key)
            now: tuple[object, ...] = ("job", row.status if row else "", row.attempt if row else 0)
        elif self.kind == "error" and self._record is not None:
            now = ("error",)
        elif self.kind == "schedule" and "events" in self.app.state.loaded:
            now = ("schedule", self.app.state.resumed_at)
        else:
            return
        if now != self._read_for:
            self._read_for = now
            self._read()

    @work(exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        try:
            if self.kind == "event":
                await self._read_event()
            elif self.kind == "job":
                await self._read_job(self.key)
            elif self.kind == "schedule":
                await self._read_runs()
            else:
                result = await self.app.pages.read_result(self._record.job_ids[-1])
                self._extra = replace(self._extra, result=result)
            self._extra = replace(self._extra, problem="", is_read=True)
            if self.kind == "job":
                self._show()
                await self._read_kin()
        except NaqException as exc:
            self._extra = replace(self._extra, problem=safe(str(exc), 300))
        if self._extra.runs is not None:
            self._extra = replace(self._extra, runs=replace(self._extra.runs, is_reading=False))
        if self._extra.kin is not None:
            self._extra = replace(self._extra, kin=replace(self._extra.kin, is_reading=False))
        self._show()

    async def _read_event(self) -> None:
        feed = self.app.pages
        if self._extra.event is None:
            page = await feed.read_events(int(self.key), 1)
            row = event_row(page[0]) if page and page[0].seq == int(self.key) else None
            self._extra = replace(self._extra, event=row)
        event = self._extra.event.raw.event if self._extra.event is not None else None
        if event is not None and event.job_id:
            events = await feed.job_events(event.job_id)
            self._extra = replace(self._extra, events=events)

    async def _read_job(self, job_id: str) -> None:
        feed = self.app.pages
        result = await feed.read_result(job_id)
        row = self.app.state.jobs.get(job_id)
        known = row.record if row is not None else None
        if result is not None and known is not None and known.revision == result.revision:
            result = known  # the same once more, which nobody has to compare with what is shown
        payload = result.job if result is not None and result.job is not None else await feed.read_payload(job_id)
        self._extra = replace(self._extra, result=result, payload=payload)
        events = await feed.job_events(job_id)  # first: what others read meanwhile is in the extra then
        self._extra = replace(self._extra, events=events)

    async def _read_kin(self) -> None:
        """What the job waits for and what waits for it; what was read before stays until all of it has been anew."""
        extra, state = self._extra, self.app.state
        enqueued = next((row for row in map(event_row, extra.events or ()) if row.type == "ENQUEUED"), None)
        details = enqueued.raw.event.details if enqueued is not None and enqueued.raw.event is not None else None
        parents = parents_named(extra.payload) or parents_named(details)
        from_seq = enqueued.seq if enqueued is not None else None
        before, seen = extra.kin, newest_of(state)
        reading = kin_of(self.app.pages, state.jobs.get, self.key, parents, from_seq, self._kin_steps, seen)
        async with aclosing(reading) as found:  # type: ignore[type-var]
            async for kin in found:
                if before is None:
                    self._extra = replace(self._extra, kin=kin)
                    self._show()
                elif not kin.is_reading:
                    self._extra = replace(self._extra, kin=kin.read_anew(self._extra.kin or before))
                    self._show()

    async def _read_runs(self) -> None:
        """The runs before those that are known, then how the jobs of all stand that the state says nothing of."""
        state, pages, runs = self.app.state, self.app.pages, self._extra.runs
        seen = newest_of(state, state.first_seq - 1)
        if runs is None or runs.seen > seen:  # or the log is another
            runs = ScheduleRuns(self.key, seen, seen + 1, RUNS_READ)
        self._take_runs(replace(runs, is_reading=True))
        missing = runs.most - len(runs.runs)
        if missing > 0:
            async with aclosing(older_runs(pages, self.key, runs.reached, missing)) as pieces:  # type: ignore[type-var]
                async for events, reached in pieces:
                    self._take_runs(self._runs.older(events, reached))
        for run in self._runs.unread():
            from_seq = None if run.is_duplicate else run.row.seq
            job = await job_as_told(pages, run.job_id or "", run.event.queue, from_seq)
            self._take_runs(self._runs.with_job(run.row.seq, job))

    @property
    def _runs(self) -> ScheduleRuns:
        assert self._extra.runs is not None
        return self._extra.runs

    def _take_runs(self, runs: ScheduleRuns) -> None:
        self._extra = replace(self._extra, runs=runs)
        self._show()
