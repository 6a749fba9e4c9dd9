"""How far an action on many has come, or the search for what it is about."""

from __future__ import annotations

from textual.reactive import reactive
from textual.strip import Strip

from naq_tui.jsontext import Span
from naq_tui.views.course import HEIGHT, SEARCH_HEIGHT, Course, Search, lines, search_lines
from naq_tui.widgets.painted import Painted, cut_cells


class CourseLines(Painted):
    """Always as high as it is made: nothing moves while the figures change."""

    course: reactive[Course | Search | None] = reactive(None)

    def __init__(self, *, is_search: bool = False) -> None:
        super().__init__()
        self.styles.height = SEARCH_HEIGHT if is_search else HEIGHT

    @property
    def text(self) -> str:
        """All of it as plain lines."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines())

    def _lines(self) -> list[tuple[Span, ...]]:
        room, ascii_only = self.size.width, getattr(self.app, "ascii_only", False)
        if self.course is None:
            return []
        if isinstance(self.course, Search):
            return search_lines(self.course, room, ascii_only=ascii_only)
        return lines(self.course, room, ascii_only=ascii_only)

    def render_line(self, y: int) -> Strip:
        made = self._lines()
        return self.strip(cut_cells(made[y], self.size.width) if y < len(made) else [])
