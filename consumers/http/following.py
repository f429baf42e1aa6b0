"""The model that the HTTP endpoint serves, and a thread that follows the champion without a restart.

The thread asks the registry every few seconds. A new champion is loaded beside the model in use and tried on
an image; then one reference changes. A request keeps the model that it started with, so no answer mixes two
models. If the new champion can't be loaded, the old model stays in use, `/v1/health` reports the error, and
the thread tries again.
"""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from tfx_contrastive.components.model.served import trial_image
from tfx_contrastive.consumers.search import ImageSearch

_POLL_SECONDS = 2.0
_RETRY_SECONDS = 60.0  # at most this long between two attempts to load the same version

_logger = logging.getLogger(__name__)


class ChosenModel(Protocol):
    """A model and its index, as the caller chose them (`pipeline.runs.model_choice.ModelChoice` is one)."""

    @property
    def version(self) -> int | None:
        """Number of the model in the registry; None if it is not registered."""

    @property
    def champion(self) -> bool:
        """True if the model is the champion of the registry."""

    @property
    def model_dir(self) -> str:
        """Directory of the SavedModel; empty to take the model that the index names."""

    @property
    def index_uri(self) -> str:
        """URI of the SimilarityIndex made from the model."""

    def values(self) -> dict[str, Any]:
        """Return the description as JSON values, for the answers of the endpoint."""

    def marked(self, champion: bool) -> "ChosenModel":
        """Return the same choice with another value of `champion`."""


@dataclasses.dataclass(frozen=True)
class Served:
    """An index, the model with the same encoder, and the choice that named them."""

    search: ImageSearch
    choice: ChosenModel


def load(choice: ChosenModel) -> Served:
    """Load the chosen model and its index, and call each signature once, so that no user waits for tracing.

    Raises:
        InputError: If the model and the index have different encoders.
        ValueError: If the model or the index does not exist.
    """
    search = ImageSearch.open(choice.index_uri, choice.model_dir)
    search.model.embed([trial_image()])
    if search.model.is_classifier:
        search.model.classify([trial_image()])
    return Served(search, choice)


class Serving:
    """The model in use. `current` is replaced as a whole, so each request must read it once only."""

    def __init__(self, served: Served):
        """Serve one model; call `follow` to follow the champion."""
        self.current = served
        self._following: dict[str, Any] = {"follows": "nothing: this model was named", "error": None}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def values(self) -> dict[str, Any]:
        """Return the state of following the champion, with the last error, for `/v1/health`."""
        return dict(self._following)

    def follow(
        self,
        champion: Callable[[], int | None],
        choose: Callable[[], ChosenModel] | None,
        told: Callable[[str], None] = _logger.info,
        seconds: float = _POLL_SECONDS,
    ) -> None:
        """Watch the registry in a thread until `stop` is called.

        Args:
            champion: Function that returns the number of the champion.
            choose: Function that chooses the champion's model and index. None if the user named the model,
                which then stays; it is only watched whether that model is the champion.
            told: Function that receives one line per change and per new error.
            seconds: Time between two queries of the registry, in seconds.
        """
        follower = _Follower(self, champion, choose, told)
        self._following = {"follows": "the champion" if choose else "nothing: this model was named"}
        self._following |= {"champion": self._champion_at_start(), "error": None}

        def watch() -> None:
            while not self._stopped.wait(seconds):
                self._following |= follower.look()

        self._thread = threading.Thread(target=watch, name="champion", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after it has finished loading a model."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _champion_at_start(self) -> int | None:
        return self.current.choice.version if self.current.choice.champion else None


class _Follower:
    """Queries the registry, loads a new champion, and waits longer after each failure to load it."""

    def __init__(
        self,
        serving: Serving,
        champion: Callable[[], int | None],
        choose: Callable[[], ChosenModel] | None,
        told: Callable[[str], None],
    ):
        self._serving, self._champion, self._choose, self._told = serving, champion, choose, told
        self._failed: int | None = None
        self._wait, self._next_attempt = 0.0, 0.0
        self._last_error: str | None = None

    def look(self) -> dict[str, Any]:
        """Query the registry once and load a new champion; never raise."""
        try:
            champion = self._champion()
        except Exception as error:  # noqa: BLE001 any error of its database, its server or the network
            return self._wrong(f"The registry can't be asked who is champion: {error}")
        self._mark(champion)
        choice = self._serving.current.choice
        if self._choose is None or champion is None or choice.champion:
            self._failed = self._last_error = None
            return {"champion": champion, "error": None}
        if champion == self._failed and time.monotonic() < self._next_attempt:
            return {"champion": champion}
        try:
            served = load(self._choose())
        except Exception as error:  # noqa: BLE001 the old model stays in use, whatever is wrong
            self._put_off(champion)
            wrong = f"Version {champion}, the champion, can't be loaded: {error} Still serving {choice}."
            return {"champion": champion, **self._wrong(wrong)}
        self._serving.current = served
        self._failed = self._last_error = None
        self._told(f"Serving {served.choice} from now on")
        return {"champion": served.choice.version, "error": None}

    def _mark(self, champion: int | None) -> None:
        """Update whether the model in use is the champion, which every answer states."""
        served = self._serving.current
        is_champion = champion is not None and served.choice.version == champion
        if served.choice.champion != is_champion:
            self._serving.current = dataclasses.replace(served, choice=served.choice.marked(is_champion))

    def _put_off(self, champion: int) -> None:
        self._wait = min(_RETRY_SECONDS, 2 * self._wait or _POLL_SECONDS) if champion == self._failed else 0.0
        self._failed, self._next_attempt = champion, time.monotonic() + self._wait

    def _wrong(self, text: str) -> dict[str, Any]:
        if text != self._last_error:
            self._told(text)
            self._last_error = text
        return {"error": text}
