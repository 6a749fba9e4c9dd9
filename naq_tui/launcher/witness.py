"""The exit code of a process that is no child of ours, where the system (Linux) tells it."""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

_INFO_SIZE = 64
_EXIT_CODE_OFFSET = 60
_INFO_EXIT = 1 << 3
_PIDFD_GET_INFO = (3 << 30) | (_INFO_SIZE << 16) | (0xFF << 8) | 11


class Witness:
    """Holds on to a running process so that its exit code can be asked for once it has ended.

    Where the process may be another one by now the caller checks that first (`process_identity`).
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        try:
            self._descriptor = os.pidfd_open(pid)
        except (AttributeError, OSError):
            self._descriptor = -1

    def exit_code(self) -> int | None:
        """Like `Popen.returncode`; None where it can't be known. Call it as soon as the process has ended."""
        if self._descriptor < 0:
            return None
        status = self._of_zombie()
        if status is None:
            status = self._of_descriptor()
        return None if status is None else os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _of_zombie(self) -> int | None:
        """While nobody has collected it, the process table tells; its pid can be nobody else's until then."""
        try:
            fields = Path(f"/proc/{self._pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return int(fields[-1]) if fields and fields[0] == "Z" else None

    def _of_descriptor(self) -> int | None:
        """Linux 6.15 and later keep it with the descriptor."""
        answer = bytearray(_INFO_SIZE)
        struct.pack_into("Q", answer, 0, _INFO_EXIT)
        try:
            fcntl.ioctl(self._descriptor, _PIDFD_GET_INFO, answer, True)
        except OSError:
            return None
        (told,) = struct.unpack_from("Q", answer, 0)
        (status,) = struct.unpack_from("i", answer, _EXIT_CODE_OFFSET)
        return int(status) if told & _INFO_EXIT else None
