"""TensorFlow, imported quietly and late, and the one way a session is made here."""

# ruff: noqa: TID253 - this module is itself imported only by detectors that are being loaded
from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # its start-up chatter is no news; it is read at import

import tensorflow as tf

__all__ = ["new_session", "tf"]


def new_session(graph: Any) -> Any:
    """A warm session over `graph`: every core inside an operation, GPU memory taken as needed, not all at once.

    Operations without a kernel for the device their graph names (a GPU's, on a machine without one) run where they can.
    """
    cores = os.cpu_count() or 1
    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=cores,
        inter_op_parallelism_threads=min(cores, 2),
        allow_soft_placement=True,
    )
    config.gpu_options.allow_growth = True
    return tf.compat.v1.Session(graph=graph, config=config)
