"""Forward the signals that stop a run to the process that runs the pipeline."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

# Time for one training step and a checkpoint. After it the run is killed.
SECONDS_TO_STOP = 60.0

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Relay:
    """Context manager in which SIGINT, SIGTERM and SIGHUP stop a child process; SIGTSTP (Ctrl-Z) suspends it.

    The child leads its own process group. At the first signal it gets SIGTERM and has `SECONDS_TO_STOP` to
    end. A second signal kills the group at once. A signal that is ignored (`nohup`) stays ignored.

    Attributes:
        received: The first signal that asked the run to stop; None if there was none.
    """

    received: signal.Signals | None = None

    def __init__(self, on_stop: Callable[[], None]):
        """Create the relay; `on_stop` is called in the signal handler when the run is asked to stop."""
        self._on_stop = on_stop
        self._child: subprocess.Popen[bytes] | None = None
        self._former: dict[int, object] = {}
        self._timer = threading.Timer(SECONDS_TO_STOP, self.end_group)
        self._timer.daemon = True

    def __enter__(self) -> "Relay":
        for number, handler in (*((n, self._stop) for n in _STOPPING), (signal.SIGTSTP, self._halt)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._former[number] = signal.signal(number, handler)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        for number, handler in self._former.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def attach(self, child: subprocess.Popen[bytes]) -> None:
        """Set the child process, which leads its process group."""
        self._child = child
        if self.received:
            self._ask()

    def end_group(self) -> None:
        """Kill the child and all processes that it has started."""
        if self._child and self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self.received:
            self.end_group()
            return
        self.received = signal.Signals(number)
        self._on_stop()
        if self._child:
            self._ask()

    def _ask(self) -> None:
        if self._timer.ident is None:  # it has not been started
            self._timer.start()
        if self._child and self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child.pid, signal.SIGTERM)  # Popen.send_signal may reap it: its usage is lost

    def _halt(self, _number: int, _frame: FrameType | None) -> None:
        """Suspend the child too on Ctrl-Z: it is in another group, which the terminal does not suspend."""
        if self._child and self._child.returncode is None:
            os.killpg(self._child.pid, signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)  # until `fg` or `bg`
        if self._child and self._child.returncode is None:
            os.killpg(self._child.pid, signal.SIGCONT)
