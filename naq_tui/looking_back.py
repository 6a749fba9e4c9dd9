"""The whole console as it was at an instant: what is shown then is the log up to it, and no key acts.

The live state goes on underneath, and is shown again when the operator comes back to now.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from textual import work
from textual.reactive import var

from naq.errors import NaqException
from naq_tui import hints
from naq_tui.feed.as_of import PagesAsOf
from naq_tui.feed.replay import Replayer
from naq_tui.format import count
from naq_tui.looks import LooksApp
from naq_tui.store.replay import link_of_past
from naq_tui.store.state import EMPTY, State
from naq_tui.store.updates import FiguresChanged
from naq_tui.views.event_filter import failures

if TYPE_CHECKING:
    from collections.abc import Iterable

    from naq_tui.contexts import Context
    from naq_tui.feed.protocol import Pages
    from naq_tui.store.figures import FiguresTold
    from naq_tui.store.replay import Replay
    from naq_tui.store.updates import Update

NEWEST = "This is the newest event: there is none after it."


class LookingBackApp(LooksApp):
    """Knows whether now is shown or an instant; `state` is what is shown."""

    if TYPE_CHECKING:
        now: var[datetime]

        def take(self, batch: Iterable[Update]) -> None: ...

        async def keys_first(self) -> None: ...

    reading: var[float | None] = var(None, init=False)
    """How much of the log is read on the way to an instant, 0 to 1; None where none is."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.live: State = EMPTY
        """What is so now, whatever is shown."""
        self._replayer: Replayer | None = None
        self._pages: PagesAsOf | None = None
        self._wanted: int | None = None
        """The event that is read for."""

    @property
    def is_past(self) -> bool:
        """Whether what is shown is over."""
        return self.state.as_of is not None

    @property
    def only_looks(self) -> bool:
        return self.is_past or super().only_looks

    @property
    def refusal(self) -> str:
        """See `GuardedApp.refusal`."""
        if not self.is_past:
            return super().refusal
        return hints.advice("Nothing was done, this is the past", hints.hint("instant.now", "shows now"))

    @property
    def pages(self) -> Pages:
        """Where everything is read from that what is shown does not hold."""
        return self.feed if self._pages is None else self._pages

    def show_live(self) -> None:
        """`live` has gone on: it is what is shown, unless an instant is."""
        as_of = self.state.as_of
        if as_of is None:
            self.state = self.live
        elif self.live.last_seq < as_of.seq:
            self.return_to_now()
            self.say("This is another log than the one looked back in.", severity="warning")
        elif (link := link_of_past(self.live.link)) != self.state.link:
            self.state = replace(self.state, link=link)

    async def switch(self, context: Context) -> None:
        self.return_to_now()
        await super().switch(context)

    # actions

    def action_as_it_was(self) -> None:
        from naq_tui.screens.moment import MomentScreen

        self.push_screen(MomentScreen(self.main.place_to_look_back_to(), self._server_now()), self._chosen)

    def _chosen(self, place: datetime | int | None) -> None:
        if place is not None:
            self.look_back(place)

    def action_now(self) -> None:
        if not self.return_to_now():
            self.say("What is shown is now already.")

    def action_step_instant(self, step: int) -> None:
        """To the event before or after; from now on, back from the newest."""
        seq = self._here + step
        if seq > self.live.last_seq:
            self.say(NEWEST)
        else:
            self.look_back(seq)

    def action_step_failed_instant(self, step: int) -> None:
        self._look_for_failure(self._here, step)

    @property
    def _here(self) -> int:
        """The event that steps begin at."""
        if self._wanted is not None:
            return self._wanted
        as_of = self.state.as_of
        return as_of.seq if as_of is not None else self.live.last_seq + 1

    @work(group="replay", exclusive=True, exit_on_error=False)
    async def _look_for_failure(self, start: int, step: int) -> None:
        found: int | None = None
        self.reading = 0.0  # the search for it can be given up like the reading after it
        try:
            async with aclosing(self.feed.scan(failures(), start + step, step)) as steps:  # type: ignore[type-var]
                async for scanned in steps:
                    if scanned.seqs:
                        found = scanned.seqs[0 if step > 0 else -1]
                        break
        except NaqException as exc:
            self.reading = None
            self.say(str(exc), severity="error")
            return
        if found is None:
            self.reading = None
            self.say(f"No {'later' if step > 0 else 'earlier'} failure in the log.")
        else:
            self.look_back(found)  # ends this worker: they are of one group

    # there and back

    def look_back(self, place: datetime | int) -> None:
        """Show the whole console as it was at a moment, or just after an event."""
        self._wanted = place if isinstance(place, int) else None
        self._travel(place)

    @work(group="replay", exclusive=True, exit_on_error=False)
    async def _travel(self, place: datetime | int) -> None:
        feed, wanted = self.feed, self._wanted
        try:
            if isinstance(place, datetime) and place >= self._server_now():
                self.action_now()
                return
            seq = place if isinstance(place, int) else await feed.seq_at(place) - 1
            if isinstance(place, int) and seq > self.live.last_seq:
                self.say(f"#{count(seq)} has not happened yet: the newest event is #{count(self.live.last_seq)}.")
                return
            if seq < self.live.first_seq:
                self.say(f"The log begins with #{count(self.live.first_seq)}: what was before is no longer kept.")
                return
            self.reading = self.reading or 0.0
            if self._replayer is None:
                self._replayer = Replayer(feed, self.keys_first, self._tell_share)
            replay = await self._replayer.to(seq, self.live.first_seq)
            if replay.last_at is None:
                self.say(f"#{count(seq)} is no longer kept.")
                return
            self._show(replay, replay.last_at if isinstance(place, int) else place)
        except NaqException as exc:
            self.say(str(exc), severity="error")
        finally:
            if self._wanted == wanted:  # else another step has taken its place
                self._wanted, self.reading = None, None

    def _tell_share(self, share: float) -> None:
        self.reading = int(100 * share) / 100

    def _show(self, replay: Replay, at: datetime) -> None:
        was = self.state.as_of
        picture = replay.picture(at, self.live)
        self._pages = PagesAsOf(self.feed, replay.last_seq, at)
        self._show_another(picture, is_other_log=was is None or was.seq > replay.last_seq)

    def give_up_reading(self) -> bool:
        """Stay where we are; whether an instant was read for."""
        was_reading = self.reading is not None
        self.workers.cancel_group(self, "replay")
        self._wanted, self.reading = None, None
        return was_reading

    def return_to_now(self) -> bool:
        """Show what is so now; whether anything else was shown."""
        self.give_up_reading()
        was_past = self.is_past
        self._replayer = self._pages = None
        if was_past:
            self._show_another(self.live, is_other_log=True)
        return was_past

    def _show_another(self, state: State, *, is_other_log: bool) -> None:
        """`is_other_log`: rows of the log that are here may be missing in what is shown next, or may be more."""
        could_act = not self.only_looks
        if is_other_log:
            self.main.leave_log()
            self.main.log_view.show(EMPTY, self.lens())
        self.main.leave_figures()
        self.main.stop_results()
        self.state = state
        self.main.count_while_shown()
        if could_act == self.only_looks:
            self.rights_changed()

    def tell_figures(self, told: FiguresTold) -> None:
        """They are of what is shown: of an instant only as long as it is, and the live ones are not touched."""
        if self.is_past:
            self.state = replace(self.state, figures=told)
        else:
            self.take([FiguresChanged(told)])

    def _server_now(self) -> datetime:
        return self.now + timedelta(seconds=self.live.link.clock_offset_s)
