"""Two jobs beside each other, kept up to date while they are open."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual import events, work
from textual.app import ComposeResult
from textual.screen import Screen

from naq.errors import NaqException
from naq_tui import masking
from naq_tui.mistakes import TellingMistakes
from naq_tui.store.jobs import JobRow
from naq_tui.text import safe
from naq_tui.views.comparing import Compared, comparison
from naq_tui.views.table import Cell, spread
from naq_tui.widgets.document import Document
from naq_tui.widgets.key_line import KeyLine
from naq_tui.widgets.title_line import TitleLine

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole


class CompareScreen(TellingMistakes, Screen[None]):
    """Reads both jobs, again whenever one of them has moved on; `esc` goes back."""

    app: NaqConsole
    AUTO_FOCUS = "Document"
    place = "compare"

    def __init__(self, left: str, right: str) -> None:
        super().__init__()
        self.title_line, self.document = TitleLine(), Document()
        self.is_revealed = False
        """Whether secrets are shown, here and in copies made here."""
        self._pair = Compared(left), Compared(right)
        self._is_read, self._problem = False, ""
        self._record: Any = None
        self._read_for: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield self.title_line
        yield self.document
        yield KeyLine(self.place)

    def on_mount(self) -> None:
        self.watch(self.app, "state", self._show, init=False)
        self.watch(self.app, "now", self._show)

    def on_resize(self, event: events.Resize) -> None:
        self._show()

    def reveal(self, wanted: bool) -> None:
        self.is_revealed = wanted
        self._show()

    def record_to_copy(self) -> Any:
        return self._record

    def _rows(self) -> tuple[JobRow | None, JobRow | None]:
        left, right = (self.app.state.jobs.get(one.job_id) for one in self._pair)
        return left, right

    def _show(self) -> None:
        app, rows = self.app, self._rows()
        left, right = (replace(one, row=row or one.row) for one, row in zip(self._pair, rows, strict=True))
        with masking.revealed(self.is_revealed):
            report = comparison(left, right, app.lens(), app.size.width)
        self.title_line.title = report.title
        told = [Cell("secrets shown", "waiting") if self.is_revealed else None]
        told.append(Cell("stale: no connection", "failed") if app.state.stale_since else None)
        self.title_line.right = spread(told)
        if self._problem:
            self.document.show([((self._problem, "failed"),)])
        elif self._is_read:
            self._record = report.record
            self.document.show(report.lines)
        else:
            self.document.show([(("reading…", "muted"),)])
        now = tuple((row.status, row.attempt) if row is not None else None for row in rows)
        if now != self._read_for:
            self._read_for = now
            self._read()

    @work(exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        try:
            left, right = [await self._read_one(one) for one in self._pair]
            self._pair, self._is_read, self._problem = (left, right), True, ""
        except NaqException as exc:
            self._problem = safe(str(exc), 300)
        self._show()

    async def _read_one(self, one: Compared) -> Compared:
        feed = self.app.feed
        record = await feed.read_result(one.job_id)
        payload = record.job if record is not None and record.job is not None else await feed.read_payload(one.job_id)
        return replace(one, record=record, payload=payload, events=await feed.job_events(one.job_id))
