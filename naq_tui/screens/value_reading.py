"""What a report needs of the object store: the result that is too large for its record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual import work

from naq.errors import NaqException
from naq.models.result import JobResult, ValueRef
from naq_tui.store.jobs import JobRow
from naq_tui.store.rows import ResultRow
from naq_tui.text import safe
from naq_tui.views.extra import LARGEST_SHOWN, Aside, Extra

if TYPE_CHECKING:
    from datetime import datetime

    from naq_tui.app import NaqConsole


def value_ref(record: Any) -> ValueRef | None:
    """Where the result of a job lies that is too large for its record; None for any other."""
    stored: JobResult | None = record.record if isinstance(record, JobRow | ResultRow) else None
    return stored.value_ref if stored is not None and stored.status == "COMPLETED" else None


class ReadingValues:
    """Mixed into the report. A result is read while it is looked at, and once more after the connection was lost."""

    _extra: Extra
    _tried_at: datetime | None = None
    """When the connection had come back last, as the result was read."""

    if TYPE_CHECKING:
        app: NaqConsole

        def _show(self) -> None: ...

    def read_value_of(self, record: Any) -> None:
        """Begin to read the record's result, where that is not here yet and can be shown."""
        ref, resumed_at = value_ref(record), self.app.state.resumed_at
        if ref is None or ref.size > LARGEST_SHOWN:
            return
        is_begun = self._extra.aside is not None and self._extra.aside.ref == ref
        if is_begun and (self._extra.aside_of(ref).is_read or self._tried_at == resumed_at):
            return
        self._tried_at = resumed_at
        self._extra = replace(self._extra, aside=Aside(ref))
        self._read_value(ref)

    @work(group="value", exclusive=True, exit_on_error=False)
    async def _read_value(self, ref: ValueRef) -> None:
        def told(read: int) -> None:
            self._take_aside(Aside(ref, read))

        try:
            value = await self.app.pages.read_value(ref, told)
        except NaqException as exc:
            self._take_aside(Aside(ref, problem=safe(str(exc), 300)))
        else:
            self._take_aside(Aside(ref, ref.size, value, is_read=True))

    def _take_aside(self, aside: Aside) -> None:
        self._extra = replace(self._extra, aside=aside)
        self._show()
