"""What the console remembers from one run to the next: a small JSON file that may be deleted at any time.

What the user writes is another file (see `naq_tui.config`). The file is replaced as a whole: a console that dies in
the middle leaves the one before.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from naq_tui.config import config_folder, zone_name

FILE_NAME = "console.json"


class Remembered:
    """Remembered choices. A file that can't be read or written is as good as none.

    Args:
        path: where they are kept; None keeps them in memory only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._values: dict[str, Any] = _read(path) if path is not None else {}

    @classmethod
    def of_user(cls) -> Remembered:
        """This user's file."""
        return cls(config_folder() / FILE_NAME)

    @property
    def theme(self) -> str | None:
        """None where none was chosen yet."""
        name = self._values.get("theme")
        return name if isinstance(name, str) else None

    @theme.setter
    def theme(self, name: str) -> None:
        if name != self.theme:
            self._save({**self._values, "theme": name})

    @property
    def zone(self) -> str | None:
        """The time zone chosen last, as `config.zone_name` takes it; None where none was or it is none."""
        try:
            return zone_name(self._values.get("zone"))
        except ValueError:
            return None

    @zone.setter
    def zone(self, name: str) -> None:
        self._save({**self._values, "zone": name})

    @property
    def times(self) -> str:
        """How times were told last; empty where nothing was chosen."""
        mode = self._values.get("times")
        return mode if isinstance(mode, str) else ""

    @times.setter
    def times(self, mode: str) -> None:
        self._save({**self._values, "times": mode})

    def view(self, context: str) -> dict[str, Any]:
        """What the main screen showed when this context was left; empty where it was never open."""
        views = self._values.get("views")
        view = views.get(context) if isinstance(views, dict) else None
        return view if isinstance(view, dict) else {}

    def remember_view(self, context: str, view: dict[str, Any]) -> None:
        views = self._values.get("views")
        if self.view(context) != view:
            self._save({**self._values, "views": {**(views if isinstance(views, dict) else {}), context: view}})

    def saved_views(self, name: str) -> dict[str, dict[str, Any]]:
        """The views of a list that were saved under a name, in every context the same, ordered by their names."""
        lists = self._values.get("saved_views")
        saved = lists.get(name) if isinstance(lists, dict) else None
        if not isinstance(saved, dict):
            return {}
        return {title: view for title, view in sorted(saved.items()) if isinstance(view, dict)}

    def save_views(self, name: str, views: dict[str, dict[str, Any]]) -> None:
        """These are now the saved views of the list."""
        lists = self._values.get("saved_views")
        self._save({**self._values, "saved_views": {**(lists if isinstance(lists, dict) else {}), name: views}})

    def launch_choice(self, kind: str) -> dict[str, str]:
        """What the launch form of this kind held last, by field; empty where it was never used."""
        choices = self._values.get("launch")
        choice = choices.get(kind) if isinstance(choices, dict) else None
        if not isinstance(choice, dict):
            return {}
        return {name: text for name, text in choice.items() if isinstance(text, str)}

    def remember_launch(self, kind: str, choice: dict[str, str]) -> None:
        choices = self._values.get("launch")
        self._save({**self._values, "launch": {**(choices if isinstance(choices, dict) else {}), kind: choice}})

    def _save(self, values: dict[str, Any]) -> None:
        self._values = values
        if self.path is None:
            return
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self.path.with_suffix(f".{os.getpid()}.new")
            draft.write_text(json.dumps(values, indent=2), encoding="utf-8")
            draft.replace(self.path)


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
