"""Python's collector of cycles, kept from holding up the keys.

With the settings it comes with, it looks through all that the console holds again and again while events stream in, a
tenth of a second each time. Hardly any of that is ever part of a cycle.
"""

from __future__ import annotations

import gc

NEW_OBJECTS = 20_000
"""More than a frame of events makes before as many old ones go: only what really grows is looked through."""


def collect_later() -> None:
    """Call it before the program is loaded, and `collect_rarely` once it stands."""
    gc.disable()


def collect_rarely() -> None:
    """Begin to collect: what is there by now stays to the end, and is not looked through again."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 2, 125)  # often, so that there is little to look through of what a large value makes
    gc.enable()
