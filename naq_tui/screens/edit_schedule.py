"""A schedule, edited in place: when it fires and with what, the next times shown as it is typed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static

from naq.errors import NaqException
from naq.models.schedule import Schedule
from naq_tui.format import exact
from naq_tui.screens.dialog import Dialog
from naq_tui.text import safe
from naq_tui.widgets.choice import Choice
from naq_tui.widgets.consent import reason_field

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole

FIELDS = (
    ("when", "when", "*/15 * * * *, or every 90s, 15m, 2h"),
    ("timezone", "time zone", "Europe/Berlin"),
    ("repeat", "runs in all", "empty: without end"),
    ("misfire", "missed runs", "skip, run_once or run_all"),
    ("overlap", "overlapping", "allow, skip or buffer_one"),
    ("args", "args", "a JSON list"),
    ("kwargs", "kwargs", "a JSON object"),
)
"""Name, label and hint of each field."""
PREVIEWED = 5


class EditScheduleScreen(Dialog[tuple[Mapping[str, Any], str | None]]):
    """Returns what differs, as `naq.modify_scheduled_job` takes it (nothing where it is left as it was), and why.

    Args:
        schedule: as it is stored now.
    """

    app: NaqConsole
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]
    AUTO_FOCUS = "Input"

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule
        self._before = texts_of(schedule)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide -danger") as dialog:
            dialog.border_title = f"Edit schedule {safe(self.schedule.schedule_id, 60)}"
            for name, label, hint in FIELDS:
                with Horizontal(classes="field"):
                    yield Label(label, markup=False)
                    field = Input(self._before[name], placeholder=hint, id=f"field-{name}", compact=True)
                    field.cursor_blink = False
                    yield field
            with Horizontal(classes="field"):
                yield Label("reason", markup=False)
                yield reason_field()
            yield Static("", id="mistake", classes="mistake", markup=False)
            yield Static("", id="preview", classes="note", markup=False)
            with Horizontal(classes="buttons"):
                yield Choice("leave it", "no")
                yield Choice("change it", "yes", is_dangerous=True)

    def on_mount(self) -> None:
        self._check()

    @on(Input.Changed)
    def _changed(self) -> None:
        self._check()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.query_one(Choice).focus()

    @on(Choice.Chosen)
    def _chosen(self, message: Choice.Chosen) -> None:
        if message.value == "no":
            self.action_leave()
            return
        changes = self._check()
        if changes is not None:
            self.dismiss((changes, self.query_one("#field-reason", Input).value.strip() or None))

    def action_leave(self) -> None:
        self.dismiss(({}, None))

    def _check(self) -> dict[str, Any] | None:
        """What differs; None where something can't be used, which is told."""
        typed = {name: self.query_one(f"#field-{name}", Input).value.strip() for name, _, _ in FIELDS}
        mistake, preview = "", ""
        changes: dict[str, Any] | None = None
        try:
            changes = changes_of(self._before, typed)
            moments = next_of(self.schedule, changes, self.app.lens().now)
            preview = "next  " + "\n      ".join(exact(moment) for moment in moments) if moments else "no further run"
        except (NaqException, ValueError) as exc:
            mistake, changes = str(exc), None
        self.query_one("#mistake", Static).update(safe(mistake, 200))
        self.query_one("#preview", Static).update(preview)
        return changes


def texts_of(schedule: Schedule) -> dict[str, str]:
    """What the fields hold for a schedule as it is."""
    if schedule.cron is not None:
        when = schedule.cron
    elif schedule.interval_s is not None:
        when = f"every {schedule.interval_s:g}s"
    else:
        when = f"{schedule.run_at:%Y-%m-%d %H:%M:%S}" if schedule.run_at is not None else ""
    return {
        "when": when,
        "timezone": schedule.timezone,
        "repeat": "" if schedule.repeat is None else str(schedule.repeat),
        "misfire": str(schedule.misfire),
        "overlap": str(schedule.overlap),
        "args": json.dumps(schedule.job.get("args", [])),
        "kwargs": json.dumps(schedule.job.get("kwargs", {})),
    }


def changes_of(before: Mapping[str, str], typed: Mapping[str, str]) -> dict[str, Any]:
    """The arguments that differ. Raises ValueError with one line for what can't be read."""
    changes: dict[str, Any] = {}
    for name, text in typed.items():
        if text == before[name]:
            continue
        if name == "when":
            changes |= {"interval": text[6:].strip()} if text.lower().startswith("every ") else {"cron": text}
        elif name == "repeat":
            if text and not text.isdigit():
                raise ValueError("runs in all: a whole number is needed, or nothing")
            changes["repeat"] = int(text) if text else None
        elif name in ("args", "kwargs"):
            changes[name] = _json(name, text, list if name == "args" else dict)
        else:
            changes[name] = text
    return changes


def next_of(schedule: Schedule, changes: Mapping[str, Any], now: Any) -> list[Any]:
    """The next times it would be due with these changes. Raises NaqException for what can't be scheduled."""
    from naq.scheduler.changes import modified
    from naq.scheduler.spec import next_runs

    about_time = {name: value for name, value in changes.items() if name not in ("args", "kwargs")}
    changed = modified(schedule, about_time, now) if about_time else schedule
    if changed.status == "PAUSED":
        changed = replace(changed, status="ACTIVE")
    return next_runs(changed, PREVIEWED, now)


def _json(name: str, text: str, kind: type) -> Any:
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise ValueError(f"{name}: no JSON") from None
    if not isinstance(value, kind):
        raise ValueError(f"{name}: a JSON {'list' if kind is list else 'object'} is needed")
    return value
