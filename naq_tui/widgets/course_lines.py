"""How far an action on many has come."""

from __future__ import annotations

from textual.reactive import reactive
from textual.strip import Strip

from naq_tui.views.course import HEIGHT, Course, lines
from naq_tui.widgets.painted import Painted, cut_cells


class CourseLines(Painted):
    """Always as high as it is made: nothing moves while the figures change."""

    course: reactive[Course | None] = reactive(None)

    def __init__(self) -> None:
        super().__init__()
        self.styles.height = HEIGHT

    @property
    def text(self) -> str:
        """All of it as plain lines."""
        if self.course is None:
            return ""
        made = lines(self.course, self.size.width, ascii_only=getattr(self.app, "ascii_only", False))
        return "\n".join("".join(text for text, _ in line) for line in made)

    def render_line(self, y: int) -> Strip:
        if self.course is None or y >= HEIGHT:
            return self.strip([])
        made = lines(self.course, self.size.width, ascii_only=getattr(self.app, "ascii_only", False))
        return self.strip(cut_cells(made[y], self.size.width))
