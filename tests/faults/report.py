"""What a fault run came to: a table to read, and the same as JSON."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from naq import __version__
from tests.faults.findings import SHOWN, Findings


@dataclass(slots=True)
class Report:
    """The figures of one run, complete once `findings` is there."""

    seed: int
    started_at: str
    server: str = ""
    jobs: int = 0
    """Stored, their producers told so, those of schedules and malformed ones not counted."""
    jobs_fired: int = 0
    duplicates: int = 0
    in_doubt: int = 0
    """Calls of producers that failed."""
    errors: dict[str, int] = field(default_factory=dict)
    by_status: dict[str, int] = field(default_factory=dict)
    malformed: int = 0
    events: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    not_injected: list[str] = field(default_factory=list)
    by_itself: list[str] = field(default_factory=list)
    """Programs that ended though nobody had asked them to."""
    due: int = 0
    fired: int = 0
    passed_over: int = 0
    doctor: list[str] | None = None
    """Findings of `naq doctor --verify`; None where it was not asked."""
    missing: list[str] = field(default_factory=list)
    """Jobs that had not ended at the deadline, with their history."""
    findings: Findings | None = None
    seconds: float = 0.0
    checked_s: float = 0.0

    @property
    def is_clean(self) -> bool:
        checked = self.findings is not None and not self.findings.found and self.doctor == []
        return checked and not (self.missing or self.by_itself or self.not_injected)

    @property
    def total(self) -> int:
        return sum(self.faults.values())

    def to_record(self) -> dict[str, Any]:
        found = self.findings
        return {
            "clean": self.is_clean,
            "started_at": self.started_at,
            "seed": self.seed,
            "versions": versions(self.server),
            "seconds": round(self.seconds, 1),
            "checked_s": round(self.checked_s, 1),
            "jobs": self.jobs,
            "jobs_fired": self.jobs_fired,
            "duplicates": self.duplicates,
            "in_doubt": self.in_doubt,
            "errors": self.errors,
            "by_status": self.by_status,
            "malformed": self.malformed,
            "events": self.events,
            "faults": self.faults,
            "faults_total": self.total,
            "not_injected": self.not_injected,
            "ended_by_itself": self.by_itself,
            "schedules": {"due": self.due, "fired": self.fired, "passed_over": self.passed_over},
            "figures": dict(found.figures) if found else {},
            "doctor": self.doctor,
            "missing": self.missing,
            "findings_by_rule": found.by_rule if found else None,
            "findings": [finding._asdict() for finding in found.found] if found else None,
        }

    def write(self, file: Path) -> None:
        new = file.with_suffix(".new")
        new.write_text(json.dumps(self.to_record(), indent=1))
        new.replace(file)

    def table(self) -> str:
        """Fit for a terminal and for a README."""
        found = self.findings
        width = max(map(len, self.faults), default=0)
        lines = [f"| {'fault':<{width}} | times |", f"|{'-' * (width + 2)}|------:|"]
        lines += [f"| {kind:<{width}} | {count:>5} |" for kind, count in self.faults.items()]
        lines += [f"| {'all':<{width}} | {self.total:>5} |", ""]
        rows: list[tuple[str, object]] = [
            ("jobs", f"{self.jobs:,} in {self.seconds:,.0f} s: " + _listed(self.by_status)),
            ("jobs lost", self._found("lost")),
            ("runs again", f"{found.figures['runs again'] if found else 0:,}, unexplained {self._found('double run')}"),
            ("schedules", f"{self.due:,} due times: {self.fired:,} fired, {self.passed_over:,} told as passed over"),
            ("firings lost or doubled", self._found("schedule")),
            ("malformed messages", f"{self.malformed:,}"),
            ("calls that failed", f"{self.in_doubt:,}"),
            ("events", f"{self.events:,}, replayed in {self.checked_s:.0f} s"),
            ("findings of the checker", "not checked" if found is None else len(found.found)),
            ("findings of naq doctor", "not asked" if self.doctor is None else len(self.doctor)),
            ("versions", ", ".join(f"{name} {number}" for name, number in versions(self.server).items())),
            ("date, seed", f"{self.started_at}, {self.seed}"),
        ]
        lines += [f"{name:<24}{told}" for name, told in rows]
        return "\n".join(lines)

    def troubles(self) -> str:
        """Everything that should not be, one line each; empty where the run is clean."""
        found = self.findings
        told = [
            *(f"not ended: {line}" for line in self.missing),
            *(f"ended by itself: {line}" for line in self.by_itself),
            *(f"not injected: {line}" for line in self.not_injected),
            *(f"doctor: {line}" for line in self.doctor or ()),
            *(f"{finding.rule}: {finding.about}: {finding.told}" for finding in (found.found if found else ())),
        ]
        return "\n".join(told[:SHOWN] + ([f"… {len(told) - SHOWN} more"] if len(told) > SHOWN else []))

    def _found(self, rule: str) -> object:
        return "?" if self.findings is None else self.findings.by_rule.get(rule, 0)


def versions(server: str) -> dict[str, str]:
    return {
        "naq": __version__,
        "nats-server": server or "?",
        "nats-py": version("nats-py"),
        "Python": platform.python_version(),
    }


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {status.lower()}" for status, count in counts.items())
