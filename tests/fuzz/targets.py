"""All targets, in the order in which they run."""

from __future__ import annotations

from tests.fuzz import folds, records, screens, typed
from tests.fuzz.harness import Target

TARGETS: tuple[Target, ...] = (*records.TARGETS, *typed.TARGETS, *screens.TARGETS, *folds.TARGETS)
