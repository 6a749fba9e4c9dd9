"""The key that puts two jobs beside each other: which two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naq_tui.store.jobs import JobRow
from naq_tui.store.rows import ResultRow
from naq_tui.views.comparing import last_completed

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole

Row = JobRow | ResultRow


class Comparing:
    """Mixed into the main screen and into the report on a job."""

    if TYPE_CHECKING:
        app: NaqConsole

    def compared_rows(self) -> tuple[Any, ...]:
        """The rows that the key is about: one or two; more are refused."""
        raise NotImplementedError

    def action_compare_jobs(self) -> None:
        from naq_tui.screens.compare import CompareScreen

        rows = self.compared_rows()
        if len(rows) > 2:
            self.app.say(f"Two jobs are compared, and {len(rows):,} are marked.", severity="warning")
            return
        if len(rows) == 1:
            other = last_completed(self.app.state, rows[0])
            if other is None:
                self.app.say(
                    f"No other {rows[0].function or 'job'} that went well is known here: mark the two to compare.",
                    severity="warning",
                )
                return
            rows = (rows[0].job_id, other)
        elif rows:
            rows = tuple(row.job_id for row in rows)
        else:
            self.app.say("Nothing to compare here.")
            return
        self.app.push_screen(CompareScreen(*rows))
