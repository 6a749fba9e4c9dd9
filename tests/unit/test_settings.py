"""Settings: parsed once, and a bad value is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from naq.errors import ConfigurationError
from naq.names import Names, check_key, check_queue_name
from naq.settings import DEFAULT_URL, Settings, mask_url


def test_defaults_name_no_server_explicitly() -> None:
    settings = Settings.load({})
    assert settings.servers == [DEFAULT_URL]
    assert not settings.is_address_explicit


def test_arguments_come_before_the_environment() -> None:
    env = {"NAQ_NATS_URL": "nats://one:4222", "NAQ_PREFIX": "abc", "NAQ_ACK_WAIT": "3.5"}
    settings = Settings.load(env, nats_url="nats://two:4222")
    assert (settings.servers, settings.prefix, settings.ack_wait_s) == (["nats://two:4222"], "abc", 3.5)
    assert settings.is_address_explicit


@pytest.mark.parametrize(
    ("variable", "value"),
    [("NAQ_ACK_WAIT", "soon"), ("NAQ_ACK_WAIT", "-1"), ("NAQ_REPLICAS", "9"), ("NAQ_EVENTS_MAX_BYTES", "1GB")],
)
def test_a_bad_variable_is_named(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{variable}='{value}'"):
        Settings.load({variable: value})


@pytest.mark.parametrize("url", ["http://x", "nats://", "nats://h:0", "nats://h:port"])
def test_a_bad_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="server address"):
        Settings.load({"NAQ_NATS_URL": url})


def test_secrets_in_addresses_are_masked() -> None:
    assert mask_url("nats://user:secret@host:4222") == "nats://***@host:4222"
    assert "secret" not in Settings.load({"NAQ_NATS_URL": "nats://u:secret@h:1,nats://h:2"}).server_label


def test_the_selected_nats_context_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "nats" / "context"
    folder.mkdir(parents=True)
    (folder / "prod.json").write_text(json.dumps({"url": "nats://prod:4222", "creds": "/c", "user": ""}))
    (tmp_path / "nats" / "context.txt").write_text("prod\n")
    env = {"XDG_CONFIG_HOME": str(tmp_path)}
    settings = Settings.load(env)
    assert (settings.servers, settings.creds, settings.user) == (["nats://prod:4222"], "/c", None)
    assert settings.is_address_explicit
    assert Settings.load(env, nats_url="nats://other:1").creds is None, "an address of one's own leaves the context out"
    elsewhere = {**env, "NAQ_NATS_URL": "nats://elsewhere:4222"}
    assert Settings.load(elsewhere).servers == ["nats://elsewhere:4222"]
    assert Settings.load(elsewhere, context="prod").servers == ["nats://prod:4222"]
    with pytest.raises(ConfigurationError, match="known: prod"):
        Settings.load(env, context="staging")
    (folder / "prod.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"prod\.json"):
        Settings.load(env, context="prod")


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a*", ">", "ä", "x" * 65, "a\n"])
def test_bad_queue_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="queue name"):
        check_queue_name(name)


@pytest.mark.parametrize("key", ["", ".a", "a.", "a..b", "a b", "ä", "x" * 129, "a>"])
def test_bad_ids_are_refused(key: str) -> None:
    with pytest.raises(ConfigurationError, match="job id"):
        check_key(key, "job id")


def test_names_are_those_of_the_design() -> None:
    names = Names()
    assert (names.jobs, names.events) == ("naq_jobs", "naq_events")
    assert (names.workers, names.results, names.schedules) == ("naq_workers", "naq_results", "naq_scheduled_jobs")
    assert names.queue_subject("mail") == "naq.queue.mail"
    assert names.event_subject("job", "STARTED", "mail") == "naq.events.job.started.mail"
    assert names.event_subject("worker", "WORKER_LOST", None) == "naq.events.worker.worker_lost._"
