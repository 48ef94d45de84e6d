"""TensorFlow, imported quietly and late, and the one way a graph is run here."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from firstpass.cores import usable_cores
from firstpass.errors import FirstpassError

# All are read when TensorFlow is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # its start-up chatter is no news
os.environ.setdefault(
    "TF_ENABLE_ONEDNN_OPTS", "1"
)  # by itself only on processors with AVX-512; it halves the others' time too
# By itself TensorFlow imports Keras: start-up time that frozen graphs have no use for. The older Keras that this names
# is not installed, and TensorFlow continues without. Who needs Keras imports it.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

# A million objects that stay: looking for garbage among them takes a tenth of the import's time, and more later on.
collecting = gc.isenabled()
gc.disable()
try:
    import tensorflow as tf

    gc.freeze()
finally:
    if collecting:
        gc.enable()

__all__ = ["GraphSession", "Run", "tf"]


Run = Callable[..., list[NDArray[Any]]]


class GraphSession:
    """A graph, loaded once and kept warm: GPU memory taken as needed, not all at once.

    Operations without a kernel for the device that the graph names run where they can. The callables that it gives may
    be used from many threads at once. `streams` of them keep the machine busy: one a GPU, two a CPU, each with half of
    the cores, because cores lose time whenever they wait for each other inside an operation.
    """

    def __init__(self, graph_def: Any, path: Path) -> None:
        """Raises FirstpassError naming `path` for a graph that TensorFlow refuses."""
        graph = tf.Graph()
        try:
            with graph.as_default():
                tf.import_graph_def(graph_def, name="")
        except (ValueError, TypeError) as error:
            raise FirstpassError(f"{path}: {error}", "export the graph again: TensorFlow refuses this one") from error
        cores = usable_cores()
        self.streams = 1 if tf.config.list_physical_devices("GPU") else min(cores, 2)
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=cores // self.streams,
            inter_op_parallelism_threads=min(cores, 2),
            allow_soft_placement=True,
        )
        config.gpu_options.allow_growth = True
        self._session = tf.compat.v1.Session(graph=graph, config=config)

    def callable(self, feeds: Sequence[str], fetches: Sequence[str]) -> Run:
        """A function of one array a feed that gives one array a fetch; both name nodes or tensors."""
        run: Run = self._session.make_callable([*map(self._tensor, fetches)], [*map(self._tensor, feeds)])
        return run

    def restore(self, operation: str, file_name: str, variables: Path) -> None:
        """Run the saver's `operation` on the files named `variables`.*; it restores arrays and does nothing else.

        Raises FirstpassError naming them for files that are missing or damaged.
        """
        try:
            self._session.run(self._session.graph.as_graph_element(operation), {file_name: str(variables)})
        except tf.errors.OpError as error:
            reason = str(error.message).splitlines()[0]
            raise FirstpassError(f"{variables}.*: {reason}", "copy the SavedModel again, with its variables") from error

    def _tensor(self, name: str) -> Any:
        return self._session.graph.get_tensor_by_name(name if ":" in name else f"{name}:0")
