"""The one screen that everything starts from: its panes together, or one of them over the whole of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Static

from naq_tui import keys
from naq_tui.acting.fitting import ROW_ONLY
from naq_tui.acting.jobs import ActingOnJobs, AddingJobs
from naq_tui.acting.matching import Matching, of_causes, of_list
from naq_tui.acting.processes import ActingOnProcesses
from naq_tui.acting.queues import ActingOnQueues
from naq_tui.acting.schedules import ActingOnSchedules
from naq_tui.acting.targets import Target, targets_of
from naq_tui.acting.workers import ActingOnWorkers
from naq_tui.messages import Open
from naq_tui.mistakes import TellingMistakes
from naq_tui.screens.comparing import Comparing
from naq_tui.screens.figures_reading import FiguresReading
from naq_tui.screens.framing import log_headline, table_footing
from naq_tui.screens.looking import Looking
from naq_tui.screens.results_reading import ResultsReading
from naq_tui.screens.saved_views import SavingViews
from naq_tui.store.state import State
from naq_tui.views.alarm import alarms
from naq_tui.views.errors import ErrorsView
from naq_tui.views.events import total
from naq_tui.views.figures import FiguresView
from naq_tui.views.jobs import JobsView
from naq_tui.views.processes import ProcessesView
from naq_tui.views.queues import QueuesView
from naq_tui.views.results import ResultsView
from naq_tui.views.schedules import SchedulesView
from naq_tui.views.table import Cell, Lens, with_unreadable
from naq_tui.views.workers import WorkersView
from naq_tui.widgets.alarm_line import AlarmLine
from naq_tui.widgets.event_log import EventLog
from naq_tui.widgets.filter_line import FilterLine
from naq_tui.widgets.key_line import KeyLine
from naq_tui.widgets.line_table import LineTable
from naq_tui.widgets.moment_line import MomentLine
from naq_tui.widgets.pane import Pane
from naq_tui.widgets.past_line import PastLine
from naq_tui.widgets.summary import Summary
from naq_tui.widgets.tab_line import TabLine
from naq_tui.widgets.truth_line import TruthLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naq_tui.app import NaqConsole
    from naq_tui.views.detail import Kind

GRID_SIZE = (100, 32)
"""Columns and lines from which on all panes are shown together."""
SMALLEST = (40, 10)
ALONE = frozenset({"jobs", "errors", "figures"})
"""Panes that are only ever shown over the whole screen: what they tell is in the others already."""
_KINDS: dict[str, Kind] = {
    "workers": "worker",
    "queues": "queue",
    "results": "job",
    "schedules": "schedule",
    "processes": "process",
    "jobs": "job",
    "errors": "error",
    "figures": "figures",
}


class MainScreen(
    AddingJobs,
    ActingOnJobs,
    ActingOnSchedules,
    ActingOnQueues,
    ActingOnWorkers,
    ActingOnProcesses,
    Comparing,
    SavingViews,
    FiguresReading,
    ResultsReading,
    Looking,
    TellingMistakes,
    Screen[None],
):
    """Arranges the panes and hands each the state; knows which one the keys are about."""

    BINDINGS = [*keys.bindings("main"), *keys.bindings("jobs")]  # noqa: RUF012
    AUTO_FOCUS = None
    app: NaqConsole

    def __init__(self) -> None:
        super().__init__()
        self.truth, self.tabs, self.alarm = TruthLine(), TabLine(), AlarmLine()
        self.past = PastLine()
        self.log_view = EventLog()
        self.tables: dict[str, LineTable] = {  # type: ignore[type-arg]
            table_view.name: LineTable(table_view)
            for table_view in (
                WorkersView(),
                QueuesView(),
                ResultsView(),
                SchedulesView(),
                ProcessesView(),
                JobsView(),
                ErrorsView(),
                FiguresView(),
            )
        }
        self.panes = {"events": Pane("events", "Events", self.log_view)}
        for name, table in self.tables.items():
            self.panes[name] = Pane(name, table.view.title, table)
        self.summary = Summary()
        self.key_line, self.filter_line, self.moment_line = KeyLine(), FilterLine(), MomentLine()
        self.current = "overview"
        """The screen chosen: "overview" or the name of a pane."""

    def compose(self) -> ComposeResult:
        yield self.truth
        yield self.past
        yield self.tabs
        yield self.alarm
        with Container(id="body"):
            yield from self.panes.values()
            yield Pane("summary", "At a glance", self.summary)
        yield self.key_line
        yield self.filter_line
        yield self.moment_line
        yield Static("The terminal is too small: 40 x 10 is the least.", id="too-small", markup=False)

    def on_mount(self) -> None:
        self._arrange()
        self.watch(self.app, "state", self._refresh_views, init=False)
        self.watch(self.app, "now", self._refresh_views, init=True)
        self.watch(self.app, "reading", self._show_instant, init=False)

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()

    def on_screen_resume(self) -> None:
        self._refresh_views()

    # data

    def _refresh_views(self) -> None:
        self.figures_moved()
        if self.is_current and self.is_mounted:
            self.show(self.app.state, self.app.lens())

    def show(self, state: State, lens: Lens) -> None:
        """Hand the state to what is in sight."""
        found = (*alarms(state, lens), *self.app.notices)
        self.truth.show(state, lens, self.app.badges)
        self._show_instant()
        self.alarm.alarms = found
        self.tabs.marks = frozenset(
            name for name, (digit, _) in keys.SCREENS.items() if any(a.key == digit and a.is_severe for a in found)
        )
        visible = self._visible_panes()
        if "events" in visible:
            self.log_view.show(state, lens)
            self._frame_log(state)
        for name, table in self.tables.items():
            if name in visible:
                table.show(state, lens)
                self.panes[name].headline = with_unreadable(table.view.headline(state, lens), state, name)
                self.panes[name].chips = table.needle.chips
                self.panes[name].footing = self._footing(table)
        if "results" in visible:
            self.results_shown()
        if self._is_compact:
            self.summary.show(state, lens)
        self._show_unfit()

    def _show_instant(self) -> None:
        self.past.show_instant(self.app.state, self.app.lens(), self.app.reading)

    def place_to_look_back_to(self) -> str:
        """The event under the cursor of the log, as it is typed; empty elsewhere."""
        row = self.log_view.selected if self.current == "events" else None
        return f"#{row.seq}" if row is not None and self.is_current else ""

    @on(LineTable.Moved)
    def _show_unfit(self) -> None:
        self.key_line.unfit = frozenset(self.unfit())

    @on(EventLog.Moved)
    def _log_moved(self) -> None:
        self._frame_log(self.app.state)

    def _frame_log(self, state: State) -> None:
        log, pane = self.log_view, self.panes["events"]
        pane.headline = log_headline(log, state, self.app.lens().now.date())
        pane.footing = self.log_footing() or ((Cell(total(state), "muted"),) if state.events else ())
        pane.chips = log.needle.chips

    def _footing(self, table: LineTable) -> tuple[Cell, ...]:  # type: ignore[type-arg]
        told, is_results = table_footing(table), table.view.name == "results"
        more = self.results_footing() if is_results and (self._reading or not table.has_marks) else ()
        return (*told, *((Cell(" · ", "muted"),) if told and more else ()), *more)

    # arrangement

    @property
    def _is_grid(self) -> bool:
        return self.size.width >= GRID_SIZE[0] and self.size.height >= GRID_SIZE[1]

    @property
    def _is_compact(self) -> bool:
        return self.current == "overview" and not self._is_grid

    def _visible_panes(self) -> tuple[str, ...]:
        if self.current != "overview":
            return (self.current,)
        if self._is_grid:
            return tuple(name for name in self.panes if name not in ALONE)
        return ("events",) if self._has_log_room else ()

    @property
    def _has_log_room(self) -> bool:
        return self.size.height >= 18

    def _arrange(self) -> None:
        """Show the panes that the chosen screen has at this size, and give the keys to one of them."""
        width, height = self.app.size
        self.set_class(width < SMALLEST[0] or height < SMALLEST[1], "-tiny")
        body = self.query_one("#body")
        wanted = f"-zoom-{self.current}"
        if self.current == "overview":
            wanted = "-grid" if self._is_grid else "-compact" if self._has_log_room else "-flat"
        body.set_classes(wanted)
        self.tabs.current = self.current
        self.log_view.has_head = self.current == "events"
        visible = self._visible_panes()
        focused = self._focused_pane
        if focused not in visible and visible:
            self._content(visible[0]).focus(scroll_visible=False)
        elif not visible:
            self.set_focus(None)
        self._place_changed()
        self._refresh_views()
        self.count_while_shown()

    def _content(self, name: str) -> EventLog | LineTable:  # type: ignore[type-arg]
        return self.log_view if name == "events" else self.tables[name]

    @property
    def _focused_pane(self) -> str | None:
        focused = self.focused
        return next((name for name in self.panes if self._content(name) is focused), None)

    @property
    def place(self) -> str:
        """The pane that keys are about; the overview itself where none has the focus."""
        if self.current != "overview":
            return self.current
        return self._focused_pane or "overview"

    def on_descendant_focus(self) -> None:
        self._place_changed()

    def _place_changed(self) -> None:
        self.key_line.place = self.current
        self._show_unfit()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "step_pane" and self._is_asking:
            return False  # tab completes there
        if action == "go_to" and self.current != "events":
            return False  # beside other panes it is about all of them
        found = [entry for entry in keys.find(action, parameters) if entry.owner in ("main", "jobs")]
        return any(entry.works_in(self.place) for entry in found) if found else True

    # choosing

    def go(self, name: str) -> None:
        """Choose a screen by name."""
        if name in keys.SCREENS:
            self._close_line()
            self.current = name
            self._arrange()

    @on(TabLine.Chosen)
    def _tab_chosen(self, message: TabLine.Chosen) -> None:
        self.go(message.screen_name)

    @on(AlarmLine.Chosen)
    @on(Summary.Chosen)
    def _key_chosen(self, message: AlarmLine.Chosen | Summary.Chosen) -> None:
        self.go(next(name for name, (digit, _) in keys.SCREENS.items() if digit == message.key))

    def action_zoom(self) -> None:
        """The focused pane over the whole screen, or all panes again with the focus where it was."""
        if self.current == "overview":
            if self._focused_pane is not None:
                self.go(self._focused_pane)
            return
        was = self.current
        self.go("overview")
        if was in self._visible_panes():
            self._content(was).focus(scroll_visible=False)

    def action_step_pane(self, step: int) -> None:
        if self.current != "overview" or not self._is_grid:
            names = list(keys.SCREENS)
            self.go(names[(names.index(self.current) + step) % len(names)])
            return
        visible = list(self._visible_panes())
        here = visible.index(self._focused_pane) if self._focused_pane in visible else -step
        self._content(visible[(here + step) % len(visible)]).focus(scroll_visible=False)

    def back(self) -> None:
        """One step out: a search of the log, the marks, the filter, the part of the list, then the zoom."""
        place = self.place
        if (place == "events" and self.stop_reading()) or (place == "results" and self.stop_results()):
            return
        table = self.tables.get(place)
        if table is not None and table.has_marks:
            table.unmark()
            self._refresh_views()
            return
        if place != "overview" and self._content(place).needle:
            self.set_filter(place, "")
        elif table is not None and table.facet:
            table.show_facet("")
            self._refresh_views()
        elif not self.app.return_to_now() and self.current != "overview":
            self.action_zoom()

    # opening

    @on(LineTable.Opened)
    def _row_opened(self, message: LineTable.Opened) -> None:
        self.post_message(Open(_KINDS[message.view_name], message.key))

    @on(EventLog.Opened)
    def _event_opened(self, message: EventLog.Opened) -> None:
        self.post_message(Open("event", str(message.seq)))

    def job_targets(self) -> tuple[Target, ...]:
        """The marked jobs, or the one under the cursor, which keeps it."""
        table = self.tables[self.place]
        table.hold()
        return targets_of(table.targets)

    def acted_on(self, action_id: str) -> Sequence[Any] | None:
        table = self.tables.get(self.place)
        if table is None:
            return None
        if action_id in ROW_ONLY:
            return () if table.selected is None else (table.selected,)
        # the jobs of a cause, and those that are not held, are looked for when the key is pressed
        is_told = not (table.takes_all or (self.place == "errors" and table.row_count))
        return table.targets if is_told else None

    def jobs_matching(self, statuses: frozenset[str]) -> Matching | None:
        """All jobs of the causes that are marked, or all that match what the list is asked for, once that is chosen."""
        table, app = self.tables[self.place], self.app
        if self.place == "errors":
            return of_causes(table.targets, app.live, statuses)
        if not table.takes_all:
            return None
        state, held = (lambda: app.live), (lambda: table.items)
        return of_list(table.view, table.facet, table.needle, app.lens(), state, held, statuses)

    def _not_held(self) -> int:
        return self.tables[self.place].not_marked

    def _keep_marks(self, job_ids: frozenset[str]) -> None:
        self.tables[self.place].keep_marks(job_ids)

    def compared_rows(self) -> tuple[Any, ...]:
        """The marked rows; where one is marked and the cursor is on another, these two."""
        table = self.tables[self.place]
        marked, selected = tuple(table.targets), table.selected
        return (*marked, selected) if len(marked) == 1 and selected not in marked else marked

    def record_to_copy(self) -> object | None:
        """The record under the cursor."""
        place = self.place
        if place == "overview":
            return None
        return self._content(place).selected
