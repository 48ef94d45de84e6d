"""A Kubernetes API server over TLS that runs each pod's command as a process of this machine."""

from doubles.kubernetes.faults import ApiFault, PodFault, evicted, frozen, image_missing, out_of_memory, quota_used_up
from doubles.kubernetes.server import KubernetesDouble, kubernetes_double

__all__ = [
    "ApiFault",
    "KubernetesDouble",
    "PodFault",
    "evicted",
    "frozen",
    "image_missing",
    "kubernetes_double",
    "out_of_memory",
    "quota_used_up",
]
