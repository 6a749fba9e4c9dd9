"""The independent checker of the fault suite finds what must not be, too."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naq.models.event import JobEvent
from tests.faults.findings import Findings
from tests.faults.store import Stored
from tests.faults.trails import JOB_EVENTS, Outcome, Presence, Told, TrailCheck, told_of
from tests.unit.histories import MUTATIONS, Plan, history, plans, stored

HAS_EVERYTHING = Plan(runs=("crash", "retry"), end="complete", waits=True, again=False)


def judged(events: Sequence[JobEvent]) -> tuple[Findings, dict[str, Outcome]]:
    findings, workers, trails = Findings(), defaultdict[str, Presence](Presence), defaultdict[str, list[Told]](list)
    for one in stored(events):
        told = one.event
        assert told is not None
        if told.type in JOB_EVENTS and told.job_id is not None:
            kept = Stored(one.seq, one.stored_at.timestamp(), one.subject, told.to_wire(), {})
            trails[told.job_id].append(told_of(kept, kept.record() or {}))
        elif told.worker_id is not None:
            presence = workers[told.worker_id]
            if told.type == "WORKER_STARTED":
                presence.started = one.seq
            elif told.type == "WORKER_STOPPED":
                presence.stopped = one.seq
            else:
                presence.lost.append(one.seq)
    check = TrailCheck(findings, workers)
    return findings, {job_id: check.judge(job_id, trail) for job_id, trail in trails.items()}


@given(st.lists(plans.map(lambda plan: replace(plan, again=False)), min_size=1, max_size=4), st.randoms())
def test_legal_histories_give_no_findings(of: list[Plan], order: random.Random) -> None:
    assert judged(history(of, order))[0].found == []


@pytest.mark.parametrize("name", MUTATIONS)
@settings(max_examples=40)
@given(data=st.data())
def test_illegal_histories_give_findings(name: str, data: st.DataObject) -> None:
    order = data.draw(st.randoms(use_true_random=False))
    mutated = MUTATIONS[name](history([HAS_EVERYTHING], order), order)
    assert mutated is not None
    assert judged(mutated)[0].found
