"""Bytes that are no job, no event and no record."""

HOSTILE = [
    b"",
    b"\xff\xfe\x00",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b'{"job_id": 5}',
    b'{"v": 1, "job_id": "x", "function": []}',
    b'{"v": 1, "job_id": "a b", "function": "naq.examples.tasks:add", "args": [1, 2], "kwargs": {}}',
    b'{"v": 1, "job_id": "%s", "function": "naq.examples.tasks:add", "args": [1, 2], "kwargs": {}}' % (b"z" * 6000),
    b'{"v": 1, "job_id": "x", "function": "naq.examples.tasks:add", "args": [1, 2], "queue": "a b"}',
]
