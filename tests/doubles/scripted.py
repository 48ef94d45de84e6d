"""A web server that answers by script, for what no double of a whole service would ever say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple


class Asked(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Scripted:
    """`script`: answers (status, headers, body), one for each request; the last one stays. `asked`: the requests."""

    url: str = ""
    script: list[Answer] = field(default_factory=lambda: [answer(200, {})])
    asked: list[Asked] = field(default_factory=list)


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    """An answer in JSON; `_` in a header's name stands for `-`."""
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(body).encode()


@contextmanager
def scripted_server(content_type: str = "application/json") -> Iterator[Scripted]:
    """Runs until the block ends. A Content-Length that is longer than the body cuts the connection after it."""
    made = Scripted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            status, headers, said = made.script.pop(0) if len(made.script) > 1 else made.script[0]
            self.send_response(status)
            for name, value in {"Content-Type": content_type, "Content-Length": str(len(said)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)
            self.close_connection = "Content-Length" in headers

        do_POST = do_PATCH = do_GET

        def log_message(self, *_: object) -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield made
        server.shutdown()
