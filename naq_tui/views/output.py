"""How a line of a program's output looks: time, level and message apart, tracebacks told."""

from __future__ import annotations

import re

from naq_tui.text import safe, without_ansi

Span = tuple[str, str]
_LEVEL = re.compile(
    r"^(?P<before>(?:\[\d+\] )?(?:\d{4}[-/]\d\d[-/]\d\d[T ])?(?:\d\d:\d\d:\d\d\S*\s+)?)"
    r"(?P<level>\[?(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL|TRC|DBG|INF|WRN|ERR|FTL)\]?)(?=[\s:]|$)"
)
_TONES = {"TRA": "muted", "TRC": "muted", "DEB": "muted", "DBG": "muted", "INF": "", "NOT": "", "WAR": "waiting"}
_TONES |= {"WRN": "waiting", "ERR": "failed", "CRI": "failed", "FAT": "failed", "FTL": "failed"}
_TRACEBACK = re.compile(r"^(Traceback \(most recent call last\)|\s*(\+ )?Exception Group Traceback)")
_PLACE = re.compile(r'^\s+(\| +)?File "')
_EXCEPTION = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Timeout|Warning)(?::|$)")
_ANYWHERE = ((re.compile(r"\b(ERROR|CRITICAL|FATAL)\b"), "failed"), (re.compile(r"\bWARN(ING)?\b"), "waiting"))
_COMPLAINT = re.compile(r"^naq(?:-console)?: ")
"""What naq's own programs say when they can't go on."""
_OURS = ("── ", "… ")
"""How lines begin that the launcher adds."""


def plain(line: str) -> str:
    """The line as it is shown: without colours, and harmless."""
    return safe(without_ansi(line))


def spans(text: str) -> list[Span]:
    """A plain line in its tones."""
    found = _LEVEL.match(text)
    if found is not None:
        tone = _TONES[found["level"].strip("[]")[:3]]
        rest = text[found.end() :]
        message = tone if tone in ("failed", "muted") else ""
        return [(found["before"], "muted"), (found["level"], tone or "muted"), (rest, message)]
    if text.startswith(_OURS):
        return [(text, "muted")]
    return [(text, _tone(text))]


def message(text: str) -> Span:
    """What a plain line says, without its time and level, in the tone of the level."""
    found = _LEVEL.match(text)
    if found is None:
        return text, _tone(text)
    tone = _TONES[found["level"].strip("[]")[:3]]
    return text[found.end() :].lstrip(), tone if tone in ("failed", "waiting") else ""


def is_error(line: str) -> bool:
    """Whether an error is logged or a traceback begins here."""
    text = plain(line)
    found = _LEVEL.match(text)
    if found is not None:
        return _TONES[found["level"].strip("[]")[:3]] == "failed"
    return _tone(text) == "failed"


def lit(parts: list[Span], needle: str) -> list[Span]:
    """The spans with what was searched for standing out."""
    if not needle:
        return parts
    pattern = re.compile(re.escape(needle), re.IGNORECASE)
    shown: list[Span] = []
    for text, tone in parts:
        end = 0
        for found in pattern.finditer(text):
            shown += [(text[end : found.start()], tone), (found.group(), "chip")]
            end = found.end()
        shown.append((text[end:], tone))
    return [span for span in shown if span[0]]


def _tone(text: str) -> str:
    if _TRACEBACK.match(text) or _EXCEPTION.match(text) or _COMPLAINT.match(text):
        return "failed"
    if _PLACE.match(text):
        return "muted"
    return next((tone for pattern, tone in _ANYWHERE if pattern.search(text)), "")
