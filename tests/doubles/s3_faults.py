"""A proxy on a real socket before an S3 server, which answers as storage does on a bad day.

with faulty_s3(endpoint) as proxy:
    proxy.fault = lambda request: Refuse(503, "SlowDown") if len(proxy.requests) < 3 else None
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """method, and path with query as sent; range: the bytes asked for, or None."""

    method: str
    path: str
    range: str | None


@dataclass(frozen=True)
class Refuse:
    """Answer with an S3 error instead of passing the request on."""

    status: int
    code: str


@dataclass(frozen=True)
class Cut:
    """Pass the answer on, but close the connection after so many bytes of its body."""

    after: int


@dataclass(frozen=True)
class Damage:
    """Pass the answer on with one byte of its body changed."""


@dataclass(frozen=True)
class Hang:
    """Send so many bytes of the body, then nothing more until the client is gone."""

    after: int


Fault = Refuse | Cut | Damage | Hang


@dataclass
class FaultyS3:
    """endpoint: where clients connect. requests: all that came, in order. fault: what befalls each, or None."""

    upstream: str
    endpoint: str = ""
    requests: list[Request] = field(default_factory=list)
    fault: Callable[[Request], Fault | None] = lambda request: None


@contextmanager
def faulty_s3(upstream: str) -> Iterator[FaultyS3]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.proxy = FaultyS3(urlsplit(upstream).netloc, f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=[0.05], daemon=True)
    thread.start()
    try:
        yield server.proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    proxy: FaultyS3

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that go away are what this is for


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, self.headers.get("Range"))
        self.server.proxy.requests.append(request)
        fault = self.server.proxy.fault(request)
        if isinstance(fault, Refuse):
            text = f"<Error><Code>{fault.code}</Code><Message>by the test</Message></Error>".encode()
            self.reply(fault.status, {"content-type": "application/xml"}, text, None)
            return
        upstream = http.client.HTTPConnection(self.server.proxy.upstream)
        upstream.request(self.command, self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        self.reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read(), fault)
        upstream.close()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

    def reply(self, status: int, headers: dict[str, str], body: bytes, fault: Fault | None) -> None:
        if isinstance(fault, Damage) and body:
            body = bytes([body[0] ^ 1]) + body[1:]
        if self.command != "HEAD":
            headers["content-length"] = str(len(body))
        self.send_response_only(status)
        for name in headers.keys() - {"transfer-encoding", "connection"}:
            self.send_header(name, headers[name])
        self.end_headers()
        if isinstance(fault, Cut | Hang):
            self.stop_after(body[: fault.after], isinstance(fault, Hang))
        else:
            self.wfile.write(body)

    def stop_after(self, body: bytes, hang: bool) -> None:
        with suppress(OSError):
            self.wfile.write(body)
            if hang:
                self.connection.settimeout(60)
                self.connection.recv(1)
            self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass
