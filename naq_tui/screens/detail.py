"""Everything about one record, kept up to date while it is open."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual import work
from textual.app import ComposeResult
from textual.screen import Screen

from naq.errors import NaqException
from naq_tui import masking
from naq_tui.store.rows import event_row
from naq_tui.text import safe
from naq_tui.views.detail import Extra, Kind, detail
from naq_tui.views.table import Cell, spread
from naq_tui.widgets.document import Document
from naq_tui.widgets.key_line import KeyLine
from naq_tui.widgets.title_line import TitleLine

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole

STALE = "stale: no connection"


class DetailScreen(Screen[None]):
    """A report that reads top-down; `esc` goes back.

    Args:
        kind: what the record is.
        key: its id; of an event its sequence as text.
    """

    app: NaqConsole
    place = "detail"
    AUTO_FOCUS = "Document"

    def __init__(self, kind: Kind, key: str) -> None:
        super().__init__()
        self.kind, self.key = kind, key
        self.title_line, self.document = TitleLine(), Document()
        self._extra = Extra()
        self.is_revealed = False
        """Whether secrets are shown, here and in copies made here."""
        self._record: Any = None

    def compose(self) -> ComposeResult:
        yield self.title_line
        yield self.document
        yield KeyLine("detail")

    def on_mount(self) -> None:
        if self.kind == "event":
            log = self.app.main.log_view
            self._extra = Extra(event=log.pages.get(int(self.key)))
        self.watch(self.app, "state", self._show, init=False)
        self.watch(self.app, "now", self._show)
        if self.kind in ("event", "result"):
            self._read()

    def reveal(self, wanted: bool) -> None:
        self.is_revealed = wanted
        self._show()

    def record_to_copy(self) -> Any:
        return self._record

    def _show(self) -> None:
        app = self.app
        with masking.revealed(self.is_revealed):
            report = detail(app.state, self.kind, self.key, app.lens(), self._extra)
        self._record = report.record or self._record
        self.title_line.title = report.title
        told = [Cell("secrets shown", "waiting")] if self.is_revealed else []
        self.title_line.right = spread([*told, *([Cell(STALE, "failed")] if app.state.stale_since else [])])
        self.document.show(report.lines)

    @work(exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        """Fetch what the state doesn't hold: the job's stored result and its events."""
        event = self._extra.event.raw.event if self._extra.event is not None else None
        job_id = self.key if self.kind == "result" else event.job_id if event is not None else None
        feed = self.app.feed
        try:
            if self.kind == "event" and self._extra.event is None:
                page = await feed.read_events(int(self.key), 1)
                row = event_row(page[0]) if page and page[0].seq == int(self.key) else None
                self._extra = replace(self._extra, event=row)
                event = page[0].event if row is not None else None
                job_id = event.job_id if event is not None else None
            if job_id:
                if self.kind == "result":
                    self._extra = replace(self._extra, result=await feed.read_result(job_id))
                self._extra = replace(self._extra, events=await feed.job_events(job_id))
        except NaqException as exc:
            self._extra = replace(self._extra, problem=safe(str(exc), 300))
        self._show()
