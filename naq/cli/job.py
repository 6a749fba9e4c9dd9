"""`naq job`: show, retry, cancel and delete jobs, singly or all that match."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from naq import callables, codec
from naq.cli.common import (
    act_options,
    command,
    counted,
    import_from_here,
    json_option,
    moment,
    print_act,
    print_json,
    verb,
    with_client,
)
from naq.client import AsyncClient
from naq.deadletter import BulkOutcome
from naq.display import inert
from naq.errors import ConfigurationError, FunctionReferenceError, NaqException, SerializationError
from naq.jobfilter import JobFilter
from naq.models.job import JobStatus

RETRY_EXAMPLES = """naq job retry JOB-ID --args-json '["a@b.c", 2]' --reason 'address corrected'
  naq job retry --queue mail --error TimeoutError --all --dry-run"""


def register(subparsers: Any) -> None:
    parser = command(
        subparsers,
        "job",
        "show, retry, cancel and delete jobs",
        "naq job retry --queue mail --error TimeoutError --all",
    )

    def run_none(_args: argparse.Namespace) -> int:
        parser.print_help()
        return 2

    json_option(parser)
    parser.set_defaults(run=run_none)
    verbs = parser.add_subparsers(metavar="VERB")
    show = verb(verbs, "show", "show all that is known of one job", "naq job show JOB-ID --json")
    show.add_argument("job_id", metavar="JOB-ID")
    show.set_defaults(run=run_show)
    retry = verb(verbs, "retry", "put failed or cancelled jobs back into their queues", RETRY_EXAMPLES)
    _many(retry)
    retry.add_argument("--args-json", metavar="LIST", default=None, help="other positional arguments (one job only)")
    retry.add_argument("--kwargs-json", metavar="OBJECT", default=None, help="other keyword arguments (one job only)")
    retry.add_argument("--to-queue", metavar="QUEUE", default=None, help="another queue than it was in")
    retry.add_argument(
        "--unchecked", action="store_true", default=False, help="the function's code is not on this machine"
    )
    retry.set_defaults(run=run_retry)
    clone = verb(
        verbs,
        "clone",
        "enqueue a job's call again as a new job",
        "naq job clone JOB-ID --args-json '[1, 2]'",
    )
    clone.add_argument("job_id", metavar="JOB-ID")
    act_options(clone)
    clone.add_argument("--args-json", metavar="LIST", default=None, help="other positional arguments")
    clone.add_argument("--kwargs-json", metavar="OBJECT", default=None, help="other keyword arguments")
    clone.add_argument("--to-queue", metavar="QUEUE", default=None, help="another queue than it was in")
    clone.set_defaults(run=run_clone)
    cancel = verb(verbs, "cancel", "cancel jobs wherever they stand", "naq job cancel JOB-ID --reason 'sent by hand'")
    cancel.add_argument("job_ids", nargs="+", metavar="JOB-ID")
    act_options(cancel)
    cancel.set_defaults(run=run_cancel)
    delete = verb(
        verbs, "delete", "remove the records of jobs that have ended", "naq job delete --queue mail --all --yes"
    )
    _many(delete)
    delete.set_defaults(run=run_delete)


def _many(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job_ids", nargs="*", metavar="JOB-ID", default=[])
    act_options(parser)
    group = parser.add_argument_group("many at once")
    group.add_argument("--all", action="store_true", default=False, help="every job that matches; asks first")
    group.add_argument("-q", "--queue", default=None)
    group.add_argument("--function", metavar="NAME", default=None, help="module:function, or the function's name alone")
    group.add_argument("--error", metavar="TYPE", default=None, help="class of the exception, as TimeoutError")
    group.add_argument("--fingerprint", default=None, help="failures of one cause, as 'naq job show' tells it")
    group.add_argument(
        "--since", metavar="TIME", default=None, help="ended since this ISO time (UTC), or 2h for that long ago"
    )
    group.add_argument("--until", metavar="TIME", default=None, help="ended before this time")
    group.add_argument("--tag", action="append", default=[], help="has this tag; may be given again")
    group.add_argument("--status", default="FAILED", type=str.upper, help="FAILED (default), CANCELLED or COMPLETED")
    group.add_argument("--limit", type=int, metavar="N", default=None, help="at most so many, the oldest first")
    group.add_argument("--dry-run", action="store_true", default=False, help="only say how many it would be")
    group.add_argument("-y", "--yes", action="store_true", default=False, help="don't ask")


def run_show(args: argparse.Namespace) -> int:
    from naq.cli.job_show import show

    return with_client(args, lambda client: show(client, args.job_id, as_json=args.json))


def run_retry(args: argparse.Namespace) -> int:
    wanted = _wanted(args)
    positional = _json(args.args_json, list, "--args-json", '["a", 2]')
    named = _json(args.kwargs_json, dict, "--kwargs-json", '{"name": "a"}')
    is_edited = positional is not None or named is not None
    if is_edited and (wanted is not None or len(args.job_ids) != 1):
        raise ConfigurationError("--args-json and --kwargs-json change the arguments of one job: name one JOB-ID")

    async def use(client: AsyncClient) -> int:
        if wanted is not None:
            return await _act_on_many(
                client,
                args,
                "retry",
                wanted,
                lambda: client.letters.retry_many(
                    wanted, limit=args.limit, reason=args.reason, queue_name=args.to_queue
                ),
            )

        async def act(job_id: str) -> dict[str, Any]:
            if is_edited and not args.unchecked:
                await _load(client, job_id)
            job = await client.retry_job(job_id, positional, named, args.to_queue, **_why(args))
            return {"job_id": job_id, "status": str(job.status), "queue": job.queue_name}

        return await _act_on_each(args, act, "put back into queue {queue}")

    return with_client(args, use)


def run_delete(args: argparse.Namespace) -> int:
    wanted = _wanted(args)

    async def use(client: AsyncClient) -> int:
        if wanted is not None:
            return await _act_on_many(
                client,
                args,
                "delete",
                wanted,
                lambda: client.letters.delete_many(wanted, limit=args.limit, reason=args.reason),
            )

        async def act(job_id: str) -> dict[str, Any]:
            await client.delete_job(job_id, **_why(args))
            return {"job_id": job_id, "deleted": True}

        return await _act_on_each(args, act, "record deleted")

    return with_client(args, use)


def run_clone(args: argparse.Namespace) -> int:
    positional = _json(args.args_json, list, "--args-json", '["a", 2]')
    named = _json(args.kwargs_json, dict, "--kwargs-json", '{"name": "a"}')

    async def use(client: AsyncClient) -> int:
        job = await client.clone_job(args.job_id, args=positional, kwargs=named, queue_name=args.to_queue, **_why(args))
        print_act(
            args,
            {"job_id": job.job_id, "cloned_from": args.job_id, "queue": job.queue_name},
            f"{job.job_id}  in queue {job.queue_name}, cloned from {args.job_id}",
        )
        return 0

    return with_client(args, use)


def run_cancel(args: argparse.Namespace) -> int:
    async def use(client: AsyncClient) -> int:
        stands: list[JobStatus] = []

        async def act(job_id: str) -> dict[str, Any]:
            stands.append(await client.cancel(job_id, **_why(args)))
            return {"job_id": job_id, "status": str(stands[-1])}

        code = await _act_on_each(args, act, "is {status}")
        # RUNNING: it was told, but runs in a thread that nothing can stop
        return code or int(any(status != JobStatus.CANCELLED for status in stands))

    return with_client(args, use)


def _why(args: argparse.Namespace) -> dict[str, Any]:
    return {"reason": args.reason, "action_id": args.action_id}


async def _act_on_each(args: argparse.Namespace, act: Callable[[str], Awaitable[dict[str, Any]]], told: str) -> int:
    """Act on the named jobs; one that can't be acted on does not keep the others from it."""
    code = 0
    for job_id in args.job_ids:
        try:
            record = await act(job_id)
        except NaqException as exc:
            if args.debug or len(args.job_ids) == 1:
                raise
            print(f"naq: {inert(str(exc))}", file=sys.stderr)
            code = max(code, exc.exit_code)
            continue
        print_act(args, record, f"{job_id}  {told.format(**record)}")
    return code


async def _act_on_many(
    client: AsyncClient,
    args: argparse.Namespace,
    action: str,
    wanted: JobFilter,
    act: Callable[[], Awaitable[BulkOutcome]],
) -> int:
    if args.dry_run or not args.yes:
        matched = await client.letters.count(wanted, limit=args.limit)
        if args.dry_run:
            if args.json:
                print_json({"action": action, "dry_run": True, "matched": matched, "filter": wanted.told()})
            else:
                print(f"would {action} {counted(matched, 'job')} ({_described(wanted)}); nothing changed")
            return 0
        if not sys.stdin.isatty():
            raise ConfigurationError(f"{action} --all asks before it acts on {counted(matched, 'job')}: add --yes")
        question = f"{action.capitalize()} {counted(matched, 'job')} ({_described(wanted)})? [y/N] "
        answer = await asyncio.to_thread(input, question)
        if answer.strip().lower() not in ("y", "yes"):
            print("nothing changed")
            return 1
    outcome = await act()
    if args.json:
        print_json(
            {
                "action": action,
                "action_id": outcome.action_id,
                "matched": outcome.matched,
                "done": outcome.done,
                "refused": outcome.refused,
                "problems": list(outcome.problems),
            }
        )
    else:
        print(f"{action}: {outcome.done:,} of {counted(outcome.matched, 'job')} (action {outcome.action_id})")
    for problem in outcome.problems:
        print(f"naq: {inert(problem)}", file=sys.stderr)
    return 1 if outcome.refused else 0


def _wanted(args: argparse.Namespace) -> JobFilter | None:
    """The filter of `--all`; None where jobs are named."""
    if args.all == bool(args.job_ids):
        raise ConfigurationError("name the jobs, or give --all (with --queue, --error, … to say which)")
    if not args.all:
        return None
    if args.limit is not None and args.limit < 1:
        raise ConfigurationError(f"--limit must be at least 1, not {args.limit}")
    return JobFilter.of(
        status=args.status,
        queue=args.queue,
        function=args.function,
        error_type=args.error,
        fingerprint=args.fingerprint,
        since=moment(args.since, "--since"),
        until=moment(args.until, "--until"),
        tags=args.tag,
    )


def _json(text: str | None, kind: type, option: str, example: str) -> Any:
    if text is None:
        return None
    try:
        value = codec.loads(text.encode("utf-8", "surrogatepass"))
    except SerializationError as exc:
        raise ConfigurationError(f"{option}: {exc}") from None
    if not isinstance(value, kind):
        raise ConfigurationError(f"{option} must be JSON like {example}, not {text:.60}")
    return value


async def _load(client: AsyncClient, job_id: str) -> None:
    """Import the job's function, so that its new arguments can be checked."""
    record = await client.results.get_record(job_id)
    if record is None or record.job is None:
        return
    import_from_here()
    try:
        callables.import_function(codec.text(record.job, "function", ""))
    except FunctionReferenceError as exc:
        raise FunctionReferenceError(f"{exc} (--unchecked retries it all the same)") from None


def _described(wanted: JobFilter) -> str:
    return ", ".join(f"{name} {value}" for name, value in wanted.told().items())
