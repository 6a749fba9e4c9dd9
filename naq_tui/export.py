"""Lists and records as files: JSON whole, CSV for spreadsheets. Secrets stay hidden unless they are in sight.

Pure but for `write`, which makes a new file as a whole or none: a console that dies in the middle leaves a `.part`.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from naq.errors import ConfigurationError
from naq_tui import masking
from naq_tui.views.copying import copy_text

_FORMULA = re.compile(r"(^(?=[\t\r\n])|(?:^|[;\t\r\n])(?=[\s\ufeff\u200b]*[=+\-@＝＋－＠]))")
"""Where a spreadsheet would run what follows. Half of them part cells at semicolons or tabs, whatever is quoted; those
of the Far East take wide signs for plain ones."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
FORMATS = (".json", ".csv")


class ExportError(ConfigurationError):
    """The file can't be written; the message says why."""


def default_name(what: str, now: datetime) -> str:
    """`naq-workers-20261124-140712.json`."""
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in what)[:60]
    return f"naq-{plain}-{now:%Y%m%d-%H%M%S}.json"


def records_json(records: Iterable[Any]) -> str:
    """A JSON array of the records, each as `y` copies it."""
    return json.dumps([_plain(record) for record in records], indent=2, ensure_ascii=False) + "\n"


def record_json(record: Any) -> str:
    return json.dumps(_plain(record), indent=2, ensure_ascii=False, default=str) + "\n"


def rows_csv(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a line of heads."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([harmless(head.strip()) for head in heads])
    writer.writerows([harmless(cell.strip(" ")) for cell in row] for row in rows)
    return out.getvalue()


def record_csv(record: Any) -> str:
    """Two columns: the path of each value in the record, and the value."""
    return rows_csv(("field", "value"), _fields(_plain(record), ""))


def harmless(cell: str) -> str:
    """The cell as text to any spreadsheet: an apostrophe goes before what would be run as a formula.

    Control characters, which no spreadsheet takes, become U+FFFD; a file in JSON has the text as it is.
    """
    return _FORMULA.sub(r"\1'", _CONTROLS.sub("\ufffd", cell))


def checked_path(text: str) -> Path:
    """The file to write. Raises ExportError where its name says no format, or it is there already."""
    try:
        path = Path(text.strip()).expanduser()
        if path.suffix.lower() not in FORMATS:
            raise ExportError("the name has to end in .json or .csv")
        if not path.parent.is_dir():
            raise ExportError(f"there is no folder {path.parent}")
        path.lstat()
    except FileNotFoundError:
        return path
    except (OSError, RuntimeError, ValueError):  # too long, the home of nobody, a NUL
        raise ExportError("no file can have this name") from None
    raise ExportError("there is a file of this name already")


def whole(path: Path) -> str:
    """Where a file is, from the root on, `~` for the home folder; not yet safe text."""
    path = path.absolute()
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):  # elsewhere, or nobody has a home
        return str(path)


def write(path: Path, text: str) -> None:
    """Write a new file, readable by its owner only. Raises ExportError."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.touch(mode=0o600)
        part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
        part.replace(path)
    except OSError as exc:
        raise ExportError(f"{path} can't be written: {exc.strerror}") from None


def _plain(record: Any) -> Any:
    if isinstance(record, Mapping):
        return masking.active().value(record)
    text, _ = copy_text(record)
    if isinstance(record, str):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _fields(value: Any, path: str) -> Iterable[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _fields(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield from _fields(item, f"{path}[{place}]")
    else:
        yield path, value if isinstance(value, str) else json.dumps(value, default=str)
