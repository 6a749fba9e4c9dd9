"""A form that stands until what it asks for is done: what is refused loses nothing that was typed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from naq.errors import NaqException
from naq_tui.screens.dialog import Dialog
from naq_tui.text import safe
from naq_tui.widgets.choice import Choice

if TYPE_CHECKING:
    from naq_tui.app import NaqConsole

Draft = TypeVar("Draft")
Send = Callable[[Draft], Awaitable[str]]
"""Does what a form asks for; returns the sentence that tells what was done. Raises NaqException, which keeps the form
open with the reason in it."""


class SendingDialog(Dialog[None], Generic[Draft]):
    """Closes by itself once its act is done, and says so. While the act is under way nothing else is taken."""

    app: NaqConsole

    def __init__(self, act: Send[Draft]) -> None:
        super().__init__()
        self._act = act
        self._is_sending = False
        self._is_done = False

    def tell(self, text: str) -> None:
        """What the form says below its fields; safe text. Replaced with the next letter that is typed."""
        raise NotImplementedError

    def send(self, draft: Draft) -> None:
        if not (self._is_sending or self._is_done):
            self._is_sending = True
            # the console's own: what has been begun is not torn off with the form
            self.app.run_worker(self._send(draft), group="acting", exit_on_error=False)

    async def _send(self, draft: Draft) -> None:
        try:
            done = await self._act(draft)
        except NaqException as exc:
            self._refused(str(exc))
        else:
            self._is_done = True
            self.app.say(done)
            self.dismiss()
        finally:
            self._is_sending = False

    def _refused(self, reason: str) -> None:
        if not self.is_attached:
            self.app.say(reason, severity="error")
            return
        self.tell(safe(reason, 300))
        self.query(Choice).first().focus()

    def on_screen_resume(self) -> None:
        if self._is_done:
            self.dismiss()  # something else was in front when it was done

    def action_leave(self) -> None:
        if not self._is_sending:
            self.dismiss()
