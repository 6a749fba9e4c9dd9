"""The commented `config.toml` that `naq-console --write-config` makes."""

from __future__ import annotations

from pathlib import Path

from naq_tui.config import FILE_NAME, config_folder

EXAMPLE = """\
# naq-console: what it should do on this machine. Every line is optional; those shown are examples.
# An entry that can't be used is told in the console with its line, and ignored.

# theme = "naq-dark"          # naq-dark, naq-light, naq-high-contrast, naq-ansi, or any that : offers
# ascii = false               # true: glyphs for terminals without Unicode
# mouse = true
# bell = false                # true: the terminal's bell rings when something breaks
# timezone = "local"          # "UTC", "local" or a name like "Europe/Berlin"
# times = "relative"          # "relative" or "absolute"; without it each column has what suits it
# read_only = false           # true: the console can only look
# context = "staging"         # opened where neither --context nor --server says otherwise

# [keys]                      # other keys for actions; --list-keys prints their names
# "queue.purge" = "ctrl+d"
# "copy" = ["y", "ctrl+y"]

# [masking]                   # beside password, secret, token, api_key, authorization, credential and the like
# keys = ["iban", "pin"]      # names of values that are shown as dots
# shown = ["max_tokens"]      # names that are no secret
# patterns = ["sk-[A-Za-z0-9]{20,}"]

# [recipes.mail]              # offered by the launch form, and started and scaled in Processes
# modules = ["shop.tasks"]    # kind = "scheduler" has no modules, queues and the like
# queues = ["mail:3", "default"]
# concurrency = 10
# processes = 2
# environment = { LANG = "C" }
# folder = "~/shop"           # where its modules are looked for
# restart = "on-failure"      # "never", "on-failure" or "always", while a console runs
# reload = false              # true: start again when a source file changes, for development
# hangup = "keep"             # when the console loses its terminal: "keep", "drain" or "kill"

# [contexts.staging]
# server = "nats://staging.example.com:4222"
# creds = "/home/me/staging.creds"   # or user and password, token, nkey, tls_ca, tls_cert, tls_key
# prefix = "naq"

# [contexts.prod]
# nats_context = "prod"       # takes server and credentials from this context of the nats command line
# production = true           # framed as such, read-only until lifted, confirmations need its name typed
"""


def write_example(path: Path | None = None) -> Path:
    """Write the commented example where no file is yet; returns its path. Raises OSError, FileExistsError too."""
    path = config_folder() / FILE_NAME if path is None else path
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(EXAMPLE)
    return path
