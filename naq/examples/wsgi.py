"""A web application without an event loop: the request enqueues and answers at once, another asks for the result.

The same calls serve in Flask and Django views, in threads and in forked server processes.

    $ naq worker -m naq.examples.wsgi
    $ python -m naq.examples.wsgi
    POST /reports/2026 -> 202 Accepted
    GET  the job       -> 200 OK {"year": 2026, "pages": 12}
    GET  /no/such/page -> 404 Not Found
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import naq


def build_report(year: int) -> dict[str, int]:
    return {"year": year, "pages": 12}


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """`POST /reports/<year>`, and `GET /jobs/<id>`, which waits up to five seconds."""
    match environ["REQUEST_METHOD"], environ["PATH_INFO"].strip("/").split("/"):
        case "POST", ["reports", year] if year.isdigit():
            job = naq.enqueue_sync(build_report, int(year))
            status, body = "202 Accepted", {"job": job.job_id}
        case "GET", ["jobs", job_id]:
            try:
                status, body = "200 OK", naq.fetch_job_result_sync(job_id, timeout=5)
            except naq.JobNotCompletedError:
                status, body = "503 Service Unavailable", {"retry": True}
        case _:
            status, body = "404 Not Found", {}
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""


def main() -> None:
    with make_server("127.0.0.1", 0, application, handler_class=_Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def ask(method: str, path: str) -> tuple[str, str]:
            request = urllib.request.Request(f"http://127.0.0.1:{server.server_port}{path}", method=method)
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return f"{answer.status} {answer.reason}", answer.read().decode()
            except urllib.error.HTTPError as exc:
                with exc:
                    return f"{exc.code} {exc.reason}", ""

        status, body = ask("POST", "/reports/2026")
        print("POST /reports/2026 ->", status)
        status, body = ask("GET", f"/jobs/{json.loads(body)['job']}")
        print("GET  the job       ->", status, body)
        print("GET  /no/such/page ->", ask("GET", "/no/such/page")[0])
        server.shutdown()


if __name__ == "__main__":
    main()
