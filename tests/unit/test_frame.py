"""What has changed since the last frame."""

from __future__ import annotations

from naq.models.result import JobResult
from naq_tui.feed.frame import Frame
from naq_tui.store.fold import apply
from naq_tui.store.state import EMPTY


def result(revision: int) -> JobResult:
    return JobResult(job_id=f"job-{revision}", status="COMPLETED", revision=revision)


def test_results_that_are_told_anew_before_the_old_are_taken_are_no_other_bucket() -> None:
    frame = Frame()
    frame.results_from(100)
    frame.record("results", "job-120", result(120))
    frame.results_from(150)
    frame.record("results", "job-160", result(160))
    state = apply(EMPTY, frame.take(10))
    assert state.results_from == 150
    assert list(state.results) == ["job-160"]
    assert not state.has_oldest_result
