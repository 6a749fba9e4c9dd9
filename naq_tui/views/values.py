"""Values of jobs in reports: coloured by what they are, folded container by container, nothing of them cut.

A payload can have a hundred thousand parts, so its rows are made a piece at a time: what is still to come stands as
one row in its place, and all that is there already can be read meanwhile.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, NamedTuple

import orjson

from naq_tui import masking
from naq_tui.format import plural
from naq_tui.jsontext import NO_KEY, Box, Span, box_of, hidden, leaf, one_line
from naq_tui.text import safe, width, wrap
from naq_tui.views.value_tones import COLON, tone_of, toned

Line = tuple[Span, ...]
MARGIN: Final = "  "
"""In front of every row."""
SHORT = 60
"""Characters of an object or a list that stands on one row."""
LONG = 4_000
"""Characters from which on a text is made ready in pieces."""
PAUSES = 12
"""Pieces of long texts that are searched for secrets, at most, before what there is of rows is shown."""
_WHOLE = 1 << 30
_NARROWEST = 24
_READING: Line = ((f"{MARGIN}… reading on", "muted"),)


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A value in a report: how it is laid out depends on where it is shown."""

    name: str
    """Tells it from the other values of the report."""
    value: Any
    """In packed form."""
    depth: int
    """Levels that are unfolded at first."""
    rules: masking.Rules
    """What is hidden of it."""

    def holds_as(self, other: Value) -> bool:
        """Whether both hold the same, type for type."""
        mine, others = self.value, other.value
        if mine is others:
            return True
        if not (isinstance(mine, dict) and isinstance(others, dict) and list(mine) == list(others)):
            return _is_same(mine, others)
        pairs = zip(mine.values(), others.values(), strict=True)
        return all(one is another or _is_same(one, another) for one, another in pairs)


class Text(Value):
    """Text of many lines: laid out line by line as values are part by part, as it can have as many."""

    __slots__ = ()

    def tone(self, line: str, place: int) -> str:
        """The tone of a line."""
        return ""


class FailedText(Text):
    """What tells of a failure."""

    __slots__ = ()

    def tone(self, line: str, place: int) -> str:
        return "failed"


class Traceback(Text):
    """A traceback: places muted, the code plain, the error last and red."""

    __slots__ = ()

    def tone(self, line: str, place: int) -> str:
        if line.lstrip().startswith(('File "', "Traceback ")):
            return "muted"
        return "failed" if not line.startswith(" ") and place > 0 else ""


def _is_same(one: Any, another: Any) -> bool:
    """1, 1.0 and true are equal, and yet not the same."""
    if isinstance(one, str):
        return isinstance(another, str) and one == another
    try:
        return orjson.dumps(one) == orjson.dumps(another)
    except (TypeError, ValueError):  # what no server sent
        return False


class Head(NamedTuple):
    """Where an object or a list begins that can be folded."""

    value: Any
    lead: Line
    """What stands before it in its row."""
    tail: str
    """The comma behind it."""
    is_folded: bool


class Row(NamedTuple):
    """One row of a value."""

    spans: Line
    depth: int
    head: Head | None = None
    rest: _Walk | None = None
    """What is still to come in this place; None of any other row."""


class ValueRows:
    """The rows of a value at one width, made a piece at a time by `lay`.

    Args:
        shown: the value.
        cells: of a row.
        folds: what was folded (True) or unfolded by hand, by the id of the object or list.
    """

    def __init__(self, shown: Value, cells: int, folds: Mapping[int, bool] | None = None) -> None:
        self.shown, self.cells = shown, max(_NARROWEST, cells)
        self.folds = dict(folds or {})
        self.rows: list[Row] = [_waiting(_Walk(self, _Frame(iter([(NO_KEY, shown.value)]), 1, 0)))]
        self._rest_from = 0
        """No row before this one is still to come."""

    def is_for(self, cells: int) -> bool:
        """Whether it is laid out for rows that wide."""
        return self.cells == max(_NARROWEST, cells)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is still to come."""
        return self._rest_at() is None

    def lay(self, seconds: float = math.inf, at_least: int = 0) -> tuple[int, int] | None:
        """Make rows for about that long, and `at_least` so many, where the next are to come; fewer of a text that is
        so long that they would take long.

        Returns the place of the first and by how many there are more behind it now; None where nothing is to come.
        """
        at = self._rest_at()
        if at is None:
            return None
        walk, until = self.rows[at].rest, perf_counter() + seconds
        assert walk is not None
        found: list[Row] = []
        pauses = 0
        with masking.using(self.shown.rules):
            for row in walk:
                if row is not None:
                    found.append(row)
                else:
                    pauses += 1
                if (len(found) >= at_least or pauses > PAUSES) and perf_counter() >= until:
                    self.rows[at:at] = found
                    self._rest_from = at + len(found)
                    return at, len(found)
        self.rows[at : at + 1] = found
        return at, len(found) - 1

    def toggle(self, at: int) -> None:
        """Fold what begins in row `at`, or unfold it."""
        row = self.rows[at]
        assert row.head is not None
        head = row.head._replace(is_folded=not row.head.is_folded)
        self.folds[id(head.value)] = head.is_folded
        with masking.using(self.shown.rules):
            box = box_of(head.value)
            assert box is not None
            if head.is_folded:
                self.rows[at : self._end_of(at)] = [_headed(box, head, row.depth)]
            else:
                walk = _Walk(self, self.frame(box, head, row.depth))
                self.rows[at : at + 1] = [_headed(box, head, row.depth), _waiting(walk)]
        self._rest_from = 0

    def is_folded(self, value: Any, depth: int) -> bool:
        """Whether an object or a list is folded at first."""
        return self.folds.get(id(value), depth >= self.shown.depth)

    def frame(self, box: Box, head: Head, depth: int) -> _Frame:
        """What is in an object or a list, and its end."""
        return _Frame(iter(box.pairs), box.size, depth + 1, Row((self.indent(depth), *_ended(box, head.tail)), depth))

    def indent(self, depth: int) -> Span:
        """In front of a row; what is nested deeper than there is room for tells its level by number."""
        most = min(16, self.cells // 6)
        return (MARGIN + ("  " * depth if depth <= most else f"{'  ' * most}{depth}› "), "muted")

    def _end_of(self, at: int) -> int:
        """The place behind all that began in row `at`; what is still to come of it will not."""
        depth = self.rows[at].depth
        for end in range(at + 1, len(self.rows)):
            row = self.rows[end]
            if row.rest is not None:
                if row.rest.leave(depth):
                    return end
            elif row.depth <= depth:
                return end + 1
        return len(self.rows)

    def _rest_at(self) -> int | None:
        for at in range(self._rest_from, len(self.rows)):
            self._rest_from = at
            if self.rows[at].rest is not None:
                return at
        return None


@dataclass(slots=True)
class _Frame:
    """An object or a list that is being gone through."""

    pairs: Iterator[tuple[Any, Any]]
    left: int
    """How many of them have not been seen."""
    depth: int
    """Of what is in it."""
    end: Row | None = None


class _Walk:
    """The rows that are still to come in one place. None in between is as good a place to stop as any row."""

    def __init__(self, rows: ValueRows, frame: _Frame) -> None:
        self._rows = rows
        self._frames = [frame]
        self._begun: Iterator[Row | None] = iter(())
        """What is left of a part that takes many rows."""

    def __iter__(self) -> Iterator[Row | None]:
        return self

    def __next__(self) -> Row | None:
        for row in self._begun:
            return row
        while self._frames:
            frame = self._frames[-1]
            for key, value in frame.pairs:
                frame.left -= 1
                if isinstance(self._rows.shown, Text):
                    self._begun = self._told(self._rows.shown)
                    return next(self._begun)
                self._begun = self._part(key, value, frame.depth, "," if frame.left else "")
                return next(self._begun)
            self._frames.pop()
            if frame.end is not None:
                return frame.end
        raise StopIteration

    def leave(self, depth: int) -> bool:
        """Go on behind the object or list at this depth that is being gone through; False where it is none of ours."""
        if not any(frame.depth == depth + 1 for frame in self._frames):
            return False
        self._frames = [frame for frame in self._frames if frame.depth <= depth]
        self._begun = iter(())
        return True

    def _part(self, key: Any, value: Any, depth: int, tail: str) -> Iterator[Row | None]:
        lead: Line = (self._rows.indent(depth),)
        if key is not NO_KEY:
            is_long = isinstance(key, str) and len(key) > LONG
            name = "" if is_long else safe(leaf(key) if isinstance(key, str) else one_line(key, LONG), _WHOLE)
            if is_long or width(name) > min(self._rows.cells // 2, self._rows.cells - _cells(lead) - 12):
                yield from self._poured(lead, _quoted(key) if is_long else [name], "accent", ":", depth)
                lead = (self._rows.indent(depth + 1),)
            else:
                lead = (*lead, (name, "accent"), COLON)
        secret = hidden(key, value)
        box = None if secret else box_of(value)
        if secret:
            yield Row((*lead, (secret, "muted"), (tail, "muted")), depth)
        elif box is None:
            yield from self._leaf(lead, value, tail, depth)
        else:
            short = self._on_one_row(lead, value, box, depth)
            if short is not None:
                yield Row((*lead, *toned(short), (tail, "muted")), depth)
                return
            head = Head(value, lead, tail, self._rows.is_folded(value, depth))
            if not head.is_folded:
                self._frames.append(self._rows.frame(box, head, depth))
            yield _headed(box, head, depth)

    def _on_one_row(self, lead: Line, value: Any, box: Box, depth: int) -> str | None:
        if box.size and depth == 0 and box.opening == "{":
            return None
        short = masking.active().text(one_line(value, SHORT + 10))
        room = min(SHORT, self._rows.cells - _cells(lead) - 1)
        return short if width(short) <= room or not box.size else None

    def _leaf(self, lead: Line, value: Any, tail: str, depth: int) -> Iterator[Row | None]:
        tone = tone_of(value)
        body = value["v"] if isinstance(value, Mapping) else value
        if isinstance(body, str) and len(body) > LONG:
            yield from self._poured(lead, _quoted(body) if body is value else _plain(body), tone, tail, depth)
            return
        text = safe(leaf(value, _WHOLE), _WHOLE)
        if isinstance(value, Mapping):
            text = masking.active().text(text)
        if _cells(lead) + width(text) < self._rows.cells:
            yield Row((*lead, (text, tone), (tail, "muted")), depth)
        else:
            yield from self._poured(lead, [text], tone, tail, depth)

    def _told(self, shown: Text) -> Iterator[Row | None]:
        text = shown.value
        for passed in masking.active().passes(text):
            text = passed
            yield None
        room = max(8, self._rows.cells - len(MARGIN))
        text = text.rstrip()
        begin, place = 0, 0
        while begin <= len(text):
            end = text.find("\n", begin)
            end = len(text) if end < 0 else end
            line = safe(text[begin : min(end, begin + LONG)].removesuffix("\r"))
            tone = shown.tone(line, place)
            for row in wrap(line, room):
                yield Row(((MARGIN, ""), (row, tone)), 0)
            begin, place = end + 1, place + 1

    def _poured(
        self, lead: Line, pieces: Iterable[str | None], tone: str, tail: str, depth: int
    ) -> Iterator[Row | None]:
        """A text in as many rows as it needs, below each other."""
        room = max(8, self._rows.cells - _cells(lead) - 1)
        below: Line = ((" " * _cells(lead), ""),)
        left = ""
        for piece in pieces:
            if piece is None:
                yield None
                continue
            left += piece
            at = 0
            while len(left) - at > room:
                row = wrap(left[at : at + room + 1], room)[0]
                yield Row((*lead, (row, tone)), depth)
                lead, at = below, at + len(row)
            left = left[at:]
        *rows, last = wrap(left, room)
        for row in rows:
            yield Row((*lead, (row, tone)), depth)
            lead = below
        yield Row((*lead, (last, tone), (tail, "muted")), depth)


def _quoted(text: str) -> Iterator[str | None]:
    """A long text as JSON; to find what is secret in it takes its time, so that there are pauses."""
    for shown in masking.active().passes(text):
        text = shown
        yield None
    yield '"'
    for at in range(0, len(text), LONG):
        yield safe(json.dumps(text[at : at + LONG], ensure_ascii=False)[1:-1], _WHOLE)
    yield '"'


def _plain(text: str) -> Iterator[str | None]:
    """A long text as it is."""
    for shown in masking.active().passes(text):
        text = shown
        yield None
    for at in range(0, len(text), LONG):
        yield safe(text[at : at + LONG], _WHOLE)


def _waiting(walk: _Walk) -> Row:
    return Row(_READING, 0, rest=walk)


def _headed(box: Box, head: Head, depth: int) -> Row:
    if not head.is_folded:
        return Row((*head.lead, (box.opening, "muted")), depth, head)
    return Row(
        (*head.lead, (f"{box.opening}… {plural(box.size, box.noun)}{box.closing}{head.tail}", "muted")), depth, head
    )


def _ended(box: Box, tail: str) -> Line:
    return ((box.closing + tail, "muted"),)


def _cells(line: Line) -> int:
    return sum(width(text) for text, _ in line)
