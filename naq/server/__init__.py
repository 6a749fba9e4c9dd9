"""The bundled nats-server: found, started, watched and stopped; nothing here needs the NATS client."""

from naq.server.binary import find_binary
from naq.server.embedded import EmbeddedServer, default_store_dir
from naq.server.probe import ProbeAnswer, probe, server_info

__all__ = ["EmbeddedServer", "ProbeAnswer", "default_store_dir", "find_binary", "probe", "server_info"]
