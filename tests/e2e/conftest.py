"""The real stack, started once for the session in a home of its own: a developer's own stack is not touched."""

from __future__ import annotations

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from doubles.cvat import CvatDouble
from fixtures.real_stack import PARSED_ONCE, ROOT, running_stack


@pytest.fixture(scope="session")
def webhook():
    """A web server of the test's own, which keeps what is posted to it in `bodies`."""

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        server.bodies, server.secret = [], "T0123456789-only-friends-know"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="session")
def cvat():
    """A CVAT that the stack has the connection to."""
    with CvatDouble() as double:
        yield double
        assert double.problems == []


@pytest.fixture(scope="session")
def stack(tmp_path_factory, webhook, cvat):
    hook = {"conn_type": "http", "host": f"http://127.0.0.1:{webhook.server_address[1]}/services/{webhook.secret}"}
    with running_stack(
        tmp_path_factory.mktemp("stack") / "home",
        **PARSED_ONCE,
        FIRSTPASS_NOTIFY_WEBHOOK_CONN_ID="chat",
        AIRFLOW_CONN_CHAT=json.dumps(hook),
        AIRFLOW_CONN_CVAT_DEFAULT=cvat.connection(),
    ) as stack:
        yield stack


@pytest.fixture
def photos(tmp_path):
    """A folder of one's own with the sample photographs in it."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in (ROOT / "include" / "samples").glob("*.*g"):
        shutil.copy(path, folder)
    return folder
