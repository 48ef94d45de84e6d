"""A Kubernetes API server over TLS that runs each pod's command as a process of this machine."""

from doubles.kubernetes.faults import (
    ApiFault,
    PodFault,
    evicted,
    evicted_for_its_disk,
    frozen,
    image_missing,
    never_starts,
    node_gone,
    node_lost,
    out_of_memory,
    quota_used_up,
    registry_away,
    unschedulable,
)
from doubles.kubernetes.server import KubernetesDouble, kubernetes_double

__all__ = [
    "ApiFault",
    "KubernetesDouble",
    "PodFault",
    "evicted",
    "evicted_for_its_disk",
    "frozen",
    "image_missing",
    "kubernetes_double",
    "never_starts",
    "node_gone",
    "node_lost",
    "out_of_memory",
    "quota_used_up",
    "registry_away",
    "unschedulable",
]
