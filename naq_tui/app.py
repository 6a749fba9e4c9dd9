"""The console: one writer of the state, the connections between feed, screens and processes. Wiring only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from textual import on, work
from textual.command import Provider
from textual.reactive import var
from textual.widgets import Input
from textual.worker import Worker, WorkerState

from naq.errors import NaqException
from naq_tui import keys
from naq_tui.acting.local import running_pids, started_since, tell_log
from naq_tui.bell import Bell
from naq_tui.clipboard import ClipboardApp
from naq_tui.collecting import collect_rarely
from naq_tui.config import Config
from naq_tui.contexts import Connect, Context
from naq_tui.feed.protocol import Clock, Commands, Feed, Processes
from naq_tui.messages import Launch, Open, ProcessesMoved
from naq_tui.mistakes import mistake
from naq_tui.remembered import Remembered
from naq_tui.screens.main import MainScreen
from naq_tui.store.fold import apply
from naq_tui.store.state import EMPTY, State
from naq_tui.store.updates import LinkChanged, ProcessesChanged, Update, in_slices
from naq_tui.switching import close
from naq_tui.terminal import HANGUP_STATUS, has_shell_behind, leave_on_hangup, leave_on_signals
from naq_tui.text import safe
from naq_tui.typing_ahead import KeysInTurn
from naq_tui.views.alarm import broken
from naq_tui.views.table import Lens
from naq_tui.widgets.painted import TONE_CLASSES

if TYPE_CHECKING:
    from textual.screen import Screen

    from naq_tui.launcher.supervisor import CloseMode

log = logging.getLogger(__name__)

TICK_S = 1.0
SLICE = 100
"""Records folded between two looks at the keys: a millisecond or two."""
Severity = Literal["information", "warning", "error"]


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def _palette_provider() -> type[Provider]:
    from naq_tui.screens.palette import NaqCommands

    return NaqCommands


class NaqConsole(KeysInTurn[None], ClipboardApp):
    """naq-console.

    Args:
        feed: where everything shown comes from; closed by the console at its end.
        supervisor: the local processes; closed at the end, as the person quitting chose.
        clock: None is the machine's.
        remembered: choices of earlier runs; None remembers nothing.
        commands: how to act on the system; None only looks.
        server_url: handed to launched workers and schedulers; None leaves it to their environment.
        at_exit: what becomes of running processes where nobody was asked: a signal. With "stop" or "kill" nobody is
            asked at `q` either; with "leave" a lost terminal means to each what its hang-up policy says.
        ticks: whether time passes by itself; tests say no.
        ascii_only: glyphs for terminals without Unicode.
        config: what the user wrote; None is nothing.
        context: what the feed is connected to; None for a server without a name.
        contexts: those that can be switched to, with `connect`.
        read_only: only look, whatever `commands` could do, and nothing lifts it.
        allow_changes: not read-only at the start where production would be.
    """

    CSS_PATH = "console.tcss"
    COMPONENT_CLASSES: ClassVar[set[str]] = set(TONE_CLASSES)
    TITLE = "naq"
    COMMANDS: ClassVar[set[Any]] = {_palette_provider}
    BINDINGS = keys.bindings("app")
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    ESCAPE_TO_MINIMIZE = False

    state: var[State] = var(EMPTY, init=False)
    now: var[datetime] = var(datetime(1970, 1, 1, tzinfo=UTC), init=False)
    """This machine's time as of the last tick."""

    def __init__(
        self,
        feed: Feed,
        supervisor: Processes,
        clock: Clock | None = None,
        remembered: Remembered | None = None,
        commands: Commands | None = None,
        *,
        server_url: str | None = None,
        at_exit: CloseMode = "leave",
        ticks: bool = True,
        ascii_only: bool = False,
        config: Config | None = None,
        context: Context | None = None,
        contexts: tuple[Context, ...] = (),
        connect: Connect | None = None,
        read_only: bool = False,
        allow_changes: bool = False,
    ) -> None:
        super().__init__(
            config or Config(),
            remembered or Remembered(),
            commands,
            ascii_only=ascii_only,
            context=context,
            contexts=contexts,
            connect=connect,
            read_only=read_only,
            allow_changes=allow_changes,
        )
        self.feed = feed
        self.supervisor = supervisor
        self.clock = clock or SystemClock()
        self.server_url = server_url
        self.loaded = asyncio.Event()
        """Set once the feed's first batch is shown."""
        self.animation_level = "none"
        self._ticks = ticks
        self._bell = Bell(self.bell) if self.config.bell else None
        self.at_exit: CloseMode = at_exit
        self._processes_due = False
        self.main = MainScreen()
        self.set_reactive(NaqConsole.now, self.clock.now())

    # start and end

    def get_default_screen(self) -> Screen[Any]:
        return self.main

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[Any]:
        return ()

    def on_mount(self) -> None:
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            leave_on_signals(self, loop)
            leave_on_hangup(self, loop)
        if hasattr(self.supervisor, "on_change"):
            self.supervisor.on_change = self._processes_changed
        self._processes_changed()
        if self._ticks:
            self.set_interval(TICK_S, self._tick)
        self.call_after_refresh(self._follow_feed)  # what it loads is not waited for by the first screen

    async def _shutdown(self) -> None:
        # feed and processes end while the loop still runs, whatever the reason for the end
        is_hung_up = self.return_code == HANGUP_STATUS and self.at_exit == "leave"
        try:
            await self.supervisor.close("policy" if is_hung_up else self.at_exit)
        except Exception:  # the terminal is given back whatever happens
            log.debug("closing the processes failed", exc_info=True)
        await close(self.feed)
        await super()._shutdown()

    # data

    def lens(self) -> Lens:
        """How the state is looked at now: ages are measured by the server's clock."""
        return self._lens_on(self.state)

    def _lens_on(self, state: State) -> Lens:
        offset = timedelta(seconds=state.link.clock_offset_s)
        if state.as_of is not None:
            return Lens(state.as_of.at, self.now, None, self.ascii_only)
        resumed_at = None if state.resumed_at is None else state.resumed_at + offset
        return Lens((state.stale_since or self.now) + offset, self.now, resumed_at, self.ascii_only)

    def take(self, batch: Iterable[Update]) -> None:
        """Fold a batch into the state; the screens follow."""
        self.set_reactive(NaqConsole.now, self.clock.now())
        self.live = apply(self.live, batch)
        self.show_live()
        self._heed_permissions()

    async def take_in_slices(self, batch: Iterable[Update]) -> None:
        """The same for a batch of any size: keys that are pressed meanwhile go first, the screens follow at the end."""
        for piece in in_slices(batch, SLICE):
            self.live = apply(self.live, (piece,))
            await self.keys_first()
        self.set_reactive(NaqConsole.now, self.clock.now())
        self.show_live()
        self._heed_permissions()

    def _heed_permissions(self) -> None:
        forbids = self.live.link.forbids
        if forbids and not self.is_read_only:
            self.is_read_only = True
            self.say(f"Read-only: {forbids}", severity="warning")

    @work(group="feed", exclusive=True, exit_on_error=False)
    async def _follow_feed(self) -> None:
        async for batch in self.feed.batches():
            await self.take_in_slices(batch)
            if not self.loaded.is_set():
                self.loaded.set()
                if not self.is_headless:
                    collect_rarely()

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        if event.state is not WorkerState.ERROR:
            return
        text = mistake(event.worker)
        if event.worker.group == "feed":
            self.take([LinkChanged(state="failed", message=text, at=self.clock.now())])
        else:
            self.say(text, severity="error")

    def _tick(self) -> None:
        self.now = self.clock.now()
        if self._bell is not None:
            self._bell.heed(broken(self.live, self._lens_on(self.live)))

    def _processes_changed(self) -> None:
        """The supervisor tells of every line of output: one look per frame is enough."""
        if not self._processes_due:
            self._processes_due = True
            # it calls from the bare event loop, where there is no app to be found: a message brings us home
            self.post_message(ProcessesMoved())

    @on(ProcessesMoved)
    def _processes_moved(self) -> None:
        self.set_timer(0.1, self._look_at_processes)

    def _look_at_processes(self) -> None:
        self._processes_due = False
        self.take([ProcessesChanged(self.supervisor.snapshot())])

    # telling

    def say(self, text: str, *, severity: Severity = "information") -> None:
        """A short note at the corner of the screen."""
        self.notify(safe(text, 500), severity=severity, markup=False, timeout=4)

    @property
    def place(self) -> str:
        """Pane or kind of screen that the keys are about."""
        return getattr(self.screen, "place", "") or "dialog"

    # actions

    def action_go(self, name: str) -> None:
        while self.screen is not self.main and len(self.screen_stack) > 1:
            self.pop_screen()
        self.main.go(name)

    def action_go_back(self) -> None:
        if self.give_up_reading():
            return
        if self.screen is self.main:
            self.main.back()
        elif len(self.screen_stack) > 1:
            self.pop_screen()

    def action_suspend_process(self) -> None:
        if has_shell_behind():
            super().action_suspend_process()
        else:
            self.say("There is no shell behind this console to come back from with fg.", severity="warning")

    def action_command_palette(self) -> None:
        super().action_command_palette()
        self.call_after_refresh(self._calm_cursor)

    def _calm_cursor(self) -> None:
        # a blinking cursor is the only thing that would move on an idle screen
        for field in self.screen.query(Input):
            field.cursor_blink = False

    def action_help(self) -> None:
        from naq_tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            unfit = getattr(self.screen, "unfit", dict)  # of a screen that acts
            self.push_screen(HelpScreen(self.place, unfit()))

    @work(group="export", exclusive=True, exit_on_error=False)
    async def action_export(self) -> None:
        from naq_tui.export import default_name, whole
        from naq_tui.screens.export import ExportScreen
        from naq_tui.screens.exporting import exportable

        screen = self.screen
        try:
            what = await exportable(self)
        except NaqException as exc:
            self.say(f"Nothing exported: {exc}", severity="error")
            return
        if self.screen is not screen:  # left while it was read: the keys are of another by now
            return
        if what is None:
            self.say("Nothing to export here.")
            return
        path = await self.push_screen_wait(ExportScreen(what, default_name(what.name, self.clock.now())))
        if path is not None:
            self.say(f"Written to {whole(path)}: {what.words}.")

    def action_launch(self, kind: Literal["worker", "scheduler"], recipe: str | None = None) -> None:
        from naq_tui.screens.launch import LaunchScreen

        self.push_screen(LaunchScreen(kind, self.remembered.launch_choice(kind), self.server_url, recipe))

    @on(Launch)
    def _launch(self, message: Launch) -> None:
        before = running_pids(self.supervisor)
        try:
            started = self.supervisor.launch_many(message.spec, message.number)
        except NaqException as exc:
            self.say(str(exc), severity="error")
            return
        finally:
            views = started_since(self.supervisor, before)
            self.run_worker(tell_log(self, "launch processes", views), group="acting", exit_on_error=False)
        self._look_at_processes()
        names = [row.name for row in self.state.processes if row.process_id in started]
        whose = "its" if len(names) == 1 else "their"
        shows = "enter" if self.place == "processes" else "8"
        self.say(f"{', '.join(names)} started: {shows} shows {whose} output.")

    @on(Open)
    def _open(self, message: Open) -> None:
        if message.kind == "process":
            from naq_tui.screens.output import OutputScreen

            row = next((row for row in self.state.processes if row.process_id == message.key), None)
            if row is not None and row.view.is_recipe:
                self.action_launch("scheduler" if row.kind == "scheduler" else "worker", row.view.recipe)
            else:
                self.push_screen(OutputScreen(message.key))
        else:
            from naq_tui.screens.detail import DetailScreen

            self.push_screen(DetailScreen(message.kind, message.key))

    @work(group="quit", exclusive=True)
    async def action_leave(self) -> None:
        from naq_tui.screens.leave import LeaveScreen

        children = (row for row in self.live.processes if row.kind in ("worker", "scheduler"))
        running = [row for row in children if row.view.is_running or row.view.restart_at is not None]
        if not running or self.at_exit != "leave":
            self.at_exit = "stop"
            self.exit()
            return
        has_server = any(row.kind == "server" and row.view.is_running for row in self.live.processes)
        answer = await self.push_screen_wait(LeaveScreen(running, ends_server=has_server))
        if answer == "stop":
            self.say("Stopping: they finish the jobs they have.")
            await tell_log(self, "stop processes", [row.view for row in running])
            # while the screen still stands: a drain may take seconds
            await self.supervisor.close("stop")
        if answer == "policy":
            self.at_exit = "policy"
            for policy, action in (("drain", "stop processes"), ("kill", "kill processes")):
                await tell_log(self, action, [row.view for row in running if row.view.hangup == policy])
        if answer != "stay":
            self.exit()


def make_console(
    feed: Feed,
    supervisor: Processes,
    clock: Clock | None = None,
    remembered: Remembered | None = None,
    commands: Commands | None = None,
    **options: Any,
) -> NaqConsole:
    """The console as the command line and the tests make it; see `NaqConsole`."""
    return NaqConsole(feed, supervisor, clock, remembered, commands, **options)
