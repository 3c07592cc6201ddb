"""models.config: a ModelServerConfig in protobuf's text format, read once or again and again."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from serving.config.model_config import ModelServerConfig, model_server_config
from serving.config.text_proto import read_text_proto
from serving.errors import ServingError

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


def read_models_config(path: str) -> ModelServerConfig:
    """What the file says, unchecked. Raises NotFound, InvalidArgument; see read_text_proto."""
    from tensorflow_serving.config import model_server_config_pb2

    return model_server_config(read_text_proto(path, model_server_config_pb2.ModelServerConfig()))


class ModelConfigFilePoller:
    """Reads the file again every `wait_s` seconds, first at once, and hands what it says to `reload`.

    What cannot be read, or is refused, is logged; the old configuration stays.

    Source: TF Serving model_servers/server.cc (PollFilesystemAndReloadConfig) at 2.20.0.
    """

    def __init__(self, path: str, wait_s: float, reload: Callable[[ModelServerConfig], None]) -> None:
        self._path = path
        self._wait_s = wait_s
        self._reload = reload
        self._stopped = threading.Event()

    def start(self) -> None:
        """Polls on a thread of its own."""
        threading.Thread(target=self._run, name="ModelConfigFilePoller", daemon=True).start()

    def stop(self) -> None:
        """Polls no more; does not wait for a reload that runs."""
        self._stopped.set()

    def poll(self) -> None:
        """Reads and reloads once. Never raises."""
        try:
            config = read_models_config(self._path)
        except ServingError as error:
            log.error("Failed to read ModelServerConfig file: %s", error.message)  # noqa: TRY400 - no bug of ours
            return
        try:
            self._reload(config)
        except ServingError as error:
            # A stop breaks off a reload that waits for models, which is no failure of the file.
            if not self._stopped.is_set():
                log.error(  # noqa: TRY400 - the same
                    "PollFilesystemAndReloadConfig failed to ReloadConfig: %s", error.message
                )

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.poll()
            self._stopped.wait(self._wait_s)
