"""How many seconds of a container a call is billed for.

Modal bills a container from its start to its end, idle time included. So that the calls of a container add up to its
bill, the first one bears the start and the time the container will idle at its end, every other one begins where the
call before it ended.
"""

import threading
import time
from collections.abc import Callable

Now = Callable[[], float]


class ContainerMeter:
    """One per container. Times are seconds of a monotonic clock."""

    def __init__(self, started_at: float, idle_seconds: float, now: Now = time.monotonic) -> None:
        self._from = started_at
        self._idle = idle_seconds
        self._now = now

    def call(self) -> "CallMeter":
        """Begins a call. Calls of a container run one after the other (app.py lets one input in at a time)."""
        return CallMeter(self)

    def _seconds(self) -> float:
        return self._now() - self._from + self._idle

    def _end(self) -> None:
        self._from = self._now()
        self._idle = 0.0


class CallMeter:
    def __init__(self, container: ContainerMeter) -> None:
        self._container = container
        self._final: float | None = None
        self._lock = threading.Lock()

    def seconds(self) -> float:
        """Billed so far; fixed from `end` on."""
        with self._lock:
            return self._container._seconds() if self._final is None else self._final

    def end(self) -> float:
        """Ends the call's share of the bill; the same figure each time."""
        with self._lock:
            if self._final is None:
                self._final = self._container._seconds()
                self._container._end()
            return self._final
