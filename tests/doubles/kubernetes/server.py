"""The API server: pods, their logs and events, over TLS and with a bearer token, in a thread of its own."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import secrets
import ssl
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from doubles.kubernetes.faults import ApiFault, PodFault
from doubles.kubernetes.pod import Cluster, Json, Pod
from doubles.kubernetes.selectors import matches

TRUE = {"true", "True", "1"}


@dataclass
class KubernetesDouble:
    """What a test sees of the server.

    kubeconfig: a file to reach it with. created: each pod's manifest as it was POSTed, in order. requests: every
    `METHOD /path` it was asked. denied: `verb resource` that an access review denies. pod_faults are dealt out to pods
    as they are created, None for one that fares well. quota: what the pods of a namespace may have together, as a
    ResourceQuota's `hard`, in whole numbers.
    """

    cluster: Cluster
    kubeconfig: Path
    url: str = ""
    token: str = field(default_factory=secrets.token_hex)
    created: list[Json] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    pod_faults: deque[PodFault | None] = field(default_factory=deque)
    api_faults: list[ApiFault] = field(default_factory=list)
    pods: dict[tuple[str, str], Pod] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    quota: dict[str, int] = field(default_factory=dict)

    def running(self) -> list[str]:
        """The names of the pods whose process runs."""
        return [pod.name for pod in self.pods.values() if pod.phase == "Running"]


@contextmanager
def kubernetes_double(folder: Path, cluster: Cluster) -> Iterator[KubernetesDouble]:
    """A server that runs until the block ends; its files are in `folder`. Pods that still run then are killed."""
    double = KubernetesDouble(cluster, folder / "kubeconfig.yaml")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_serve(double, folder), loop).result(30)
    try:
        yield double
    finally:
        asyncio.run_coroutine_threadsafe(_stop(double, runner), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve(double: KubernetesDouble, folder: Path) -> web.AppRunner:
    context, authority = _tls(folder)
    app = web.Application(middlewares=[_guard(double)])
    api = _Api(double)
    pods = "/api/v1/namespaces/{namespace}/pods"
    app.add_routes(
        [
            web.get(pods, api.list),
            web.post(pods, api.create),
            web.get(pods + "/{name}", api.read),
            web.patch(pods + "/{name}", api.patch),
            web.delete(pods + "/{name}", api.delete),
            web.get(pods + "/{name}/log", api.log),
            web.get("/api/v1/namespaces/{namespace}/events", api.events),
            web.get("/api/v1/namespaces/{namespace}/resourcequotas", api.resource_quotas),
            web.get("/version/", api.version),
            web.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", api.access_review),
        ]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]
    double.url = f"https://127.0.0.1:{port}"
    double.kubeconfig.write_text(yaml.safe_dump(_kubeconfig(double, authority)))
    return runner


async def _stop(double: KubernetesDouble, runner: web.AppRunner) -> None:
    for pod in double.pods.values():
        pod.kill()
    await asyncio.gather(*(pod.life for pod in double.pods.values()), return_exceptions=True)
    await runner.cleanup()


def _guard(double: KubernetesDouble) -> Any:
    @web.middleware
    async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
        double.requests.append(f"{request.method} {request.path_qs}")
        if request.headers.get("Authorization") != f"Bearer {double.token}":
            return _failure(401, "Unauthorized", "Unauthorized")
        for fault in double.api_faults:
            if fault.strikes(request.method, request.path):
                return _failure(fault.status, "Injected", fault.message, {"Retry-After": "1"})
        return await handler(request)  # type: ignore[no-any-return]

    return guard


class _Api:
    """One method per request; answers as the Kubernetes API does."""

    def __init__(self, double: KubernetesDouble) -> None:
        self.double = double

    async def list(self, request: web.Request) -> web.StreamResponse:
        selector = request.query.get("labelSelector", "")
        found = [
            pod.to_json()
            for (namespace, _), pod in self.double.pods.items()
            if namespace == request.match_info["namespace"]
            and not pod.gone
            and matches(selector, pod.metadata.get("labels", {}))
        ]
        return _listing("PodList", found)

    async def create(self, request: web.Request) -> web.StreamResponse:
        manifest = await request.json()
        namespace = request.match_info["namespace"]
        if manifest["metadata"].setdefault("namespace", namespace) != namespace:
            return _failure(400, "BadRequest", "the namespace of the object does not match that of the request")
        key = (namespace, manifest["metadata"]["name"])
        if refused := self._refused(namespace, manifest):
            return refused
        if key in self.double.pods:
            return _failure(409, "AlreadyExists", f'pods "{key[1]}" already exists')
        self.double.created.append(manifest)
        fault = self.double.pod_faults.popleft() if self.double.pod_faults else None
        pod = self.double.pods[key] = Pod(manifest, self.double.cluster, fault)
        return web.json_response(pod.to_json(), status=201)

    def _refused(self, namespace: str, manifest: Json) -> web.Response | None:
        """What the API server's own checks, its service accounts and its quota say, in their words."""
        cluster, spec, name = self.double.cluster, manifest["spec"], manifest["metadata"]["name"]
        if cluster.namespaces is not None and namespace not in cluster.namespaces:
            return _failure(404, "NotFound", f'namespaces "{namespace}" not found')
        names = [container["name"] for container in spec["containers"]]
        for index, each in enumerate(names):
            if each in names[:index]:
                said = f'Pod "{name}" is invalid: spec.containers[{index}].name: Duplicate value: "{each}"'
                return _failure(422, "Invalid", said)
        account, forbidden = spec.get("serviceAccountName", "default"), f'pods "{name}" is forbidden: '
        if cluster.service_accounts is not None and account not in cluster.service_accounts:
            said = f'error looking up service account {namespace}/{account}: serviceaccount "{account}" not found'
            return _failure(403, "Forbidden", forbidden + said)
        asked, used = _asked(manifest), Counter[str]()
        for pod in self.double.pods.values():
            if pod.metadata["namespace"] == namespace and not pod.ended:
                used.update(_asked(pod.manifest))
        over = [each for each, limit in sorted(self.double.quota.items()) if used[each] + asked[each] > limit]
        if not over:
            return None
        amounts = (",".join(f"{each}={of[each]}" for each in over) for of in (asked, used, self.double.quota))
        said = "exceeded quota: firstpass, requested: {}, used: {}, limited: {}".format(*amounts)
        return _failure(403, "Forbidden", forbidden + said)

    async def version(self, _: web.Request) -> web.StreamResponse:
        parts = dict.fromkeys(
            ("buildDate", "compiler", "gitCommit", "gitTreeState", "goVersion", "major", "minor", "platform"), "?"
        )
        return web.json_response(parts | {"gitVersion": "v1.33.1"})

    async def access_review(self, request: web.Request) -> web.StreamResponse:
        review = await request.json()
        asked = review["spec"]["resourceAttributes"]
        what = "/".join(filter(None, (asked["resource"], asked.get("subresource"))))
        allowed = f"{asked['verb']} {what}" not in self.double.denied
        return web.json_response(review | {"status": {"allowed": allowed}}, status=201)

    async def resource_quotas(self, request: web.Request) -> web.StreamResponse:
        if "list resourcequotas" in self.double.denied:
            return _failure(403, "Forbidden", "resourcequotas is forbidden")
        hard = {name: str(limit) for name, limit in self.double.quota.items()}
        quota = {"metadata": {"name": "firstpass"}, "status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}
        return _listing("ResourceQuotaList", [quota] if hard else [])

    async def read(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self._pod(request).to_json())

    async def patch(self, request: web.Request) -> web.StreamResponse:
        pod, patch = self._pod(request), await request.json()
        labels = pod.metadata.setdefault("labels", {})
        for key, value in patch.get("metadata", {}).get("labels", {}).items():
            if value is None:
                labels.pop(key, None)
            else:
                labels[key] = value
        return web.json_response(pod.to_json())

    async def delete(self, request: web.Request) -> web.StreamResponse:
        pod = self._pod(request)
        body = await request.json() if request.can_read_body else {}
        default = pod.manifest["spec"].get("terminationGracePeriodSeconds", 30)
        grace = body.get("gracePeriodSeconds") or request.query.get("gracePeriodSeconds") or default

        async def end() -> None:
            await pod.delete(float(grace))
            self.double.pods.pop((pod.metadata["namespace"], pod.name), None)

        if pod.stuck:  # nobody is there to say that it has ended
            return web.json_response(pod.to_json())
        if pod.ended or pod.process is None:
            await end()
        else:
            self.ending = asyncio.ensure_future(end())
        return web.json_response(pod.to_json())

    async def log(self, request: web.Request) -> web.StreamResponse:
        pod = self._pod(request)
        if pod.process is None:
            return _failure(400, "BadRequest", f'container "base" in pod "{pod.name}" is waiting to start')
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        stamped, follow = request.query.get("timestamps") in TRUE, request.query.get("follow") in TRUE
        sent = _first_since(pod, request.query.get("sinceSeconds"))
        with suppress(ConnectionResetError):
            while True:
                for stamp, text in pod.lines[sent:]:
                    await response.write((f"{stamp} {text}\n" if stamped else f"{text}\n").encode())
                    sent += 1
                if pod.ended or not follow:
                    break
                async with pod.changed:
                    if sent == len(pod.lines) and not pod.ended:
                        await pod.changed.wait()
            await response.write_eof()
        return response

    async def events(self, request: web.Request) -> web.StreamResponse:
        selector = request.query.get("fieldSelector", "")
        found = [
            event
            for (namespace, _), pod in self.double.pods.items()
            for event in pod.events
            if namespace == request.match_info["namespace"]
            and matches(selector, {f"involvedObject.{k}": v for k, v in event["involvedObject"].items()})
        ]
        if request.query.get("watch") not in TRUE:
            return _listing("EventList", found)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with suppress(ConnectionResetError):
            for event in found:
                await response.write(json.dumps({"type": "ADDED", "object": event}).encode() + b"\n")
            await asyncio.sleep(float(request.query.get("timeoutSeconds", 5)))
            await response.write_eof()
        return response

    def _pod(self, request: web.Request) -> Pod:
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        pod = self.double.pods.get((namespace, name))
        if pod is None or pod.gone:
            message = f'pods "{name}" not found'
            raise web.HTTPNotFound(text=_status(404, "NotFound", message), content_type="application/json")
        return pod


def _asked(manifest: Json) -> Counter[str]:
    """What counts against a quota. Of resources that are not in a limit alone, the request."""
    found = Counter({"pods": 1})
    for container in manifest["spec"]["containers"]:
        resources = container.get("resources", {})
        for kind in ("limits", "requests"):
            amounts = resources.get("limits", {}) | (resources.get("requests", {}) if kind == "requests" else {})
            found.update({f"{kind}.{name}": int(amount) for name, amount in amounts.items() if amount.isdigit()})
    return found


def _first_since(pod: Pod, seconds: str | None) -> int:
    if seconds is None:
        return 0
    since = (datetime.now(UTC) - timedelta(seconds=float(seconds))).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return sum(stamp < since for stamp, _ in pod.lines)


def _listing(kind: str, items: list[Json]) -> web.Response:
    return web.json_response({"apiVersion": "v1", "kind": kind, "metadata": {"resourceVersion": "1"}, "items": items})


def _failure(code: int, reason: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    text = _status(code, reason, message)
    return web.Response(status=code, text=text, content_type="application/json", headers=headers)


def _status(code: int, reason: str, message: str) -> str:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    return json.dumps(status | {"reason": reason, "message": message})


def _tls(folder: Path) -> tuple[ssl.SSLContext, bytes]:
    """A context with a certificate for 127.0.0.1 that is its own authority, and that authority as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes-double")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both = folder / "server.pem"
    both.write_bytes(private + authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, authority


def _kubeconfig(double: KubernetesDouble, authority: bytes) -> Json:
    cluster = {"server": double.url, "certificate-authority-data": base64.b64encode(authority).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "double",
        "clusters": [{"name": "double", "cluster": cluster}],
        "users": [{"name": "double", "user": {"token": double.token}}],
        "contexts": [{"name": "double", "context": {"cluster": "double", "user": "double"}}],
    }
