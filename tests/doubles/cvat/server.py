"""The CVAT double itself: aiohttp on a socket of 127.0.0.1, in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiohttp import web

from doubles.cvat import render, schema
from doubles.cvat.faults import Fault, Faults
from doubles.cvat.state import OWNER, Frame, Job, Project, Refused, State, Task

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class CvatDouble:
    """A CVAT 2.73 on `url`. Use it as a context manager.

    token: may do everything its owner may; read_only_token: may not write; stranger_token: belongs to somebody else.
    requests: counts by "METHOD /path" of all that arrived. problems: what broke the schema; a test that does not expect
    any asserts that it is empty. validate=False spares a benchmark the schema's cost.
    """

    token = "pat-of-the-owner"
    read_only_token = "pat-that-may-only-read"
    stranger_token = "pat-of-somebody-else"

    def __init__(self, *, validate: bool = True, version: str = "2.73.0", port: int = 0, ssl: Any = None) -> None:
        self.state = State()
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        self.problems: list[str] = []
        self.validate = validate
        self.version = version
        self.url = ""
        self._port = port
        self._ssl = ssl
        self._uploads: dict[int, list[Frame]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="cvat-double", daemon=True)
        self._ready = threading.Event()

    def connection(self, token: str | None = None) -> str:
        """The JSON of an Airflow connection to this server, for AIRFLOW_CONN_CVAT_DEFAULT."""
        return json.dumps({"conn_type": "http", "host": self.url, "password": token or self.token})

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the CVAT double did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=2**30, middlewares=[self._middleware])
        app.add_routes(self._routes())
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", self._port, ssl_context=self._ssl, backlog=256)
        self._loop.run_until_complete(site.start())
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.url = f"{'https' if self._ssl else 'http'}://127.0.0.1:{port}"
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    def _routes(self) -> list[web.RouteDef]:
        annotations = "/api/tasks/{id}/annotations/"
        data = "/api/tasks/{id}/data"
        return [
            web.get("/api/server/about", self._about),
            web.get("/api/users/self", self._self),
            web.get("/api/auth/access_tokens/self", self._token),
            web.get("/api/projects", self._list_projects),
            web.get("/api/projects/{id}", self._project),
            web.get("/api/tasks", self._list_tasks),
            web.post("/api/tasks", self._create_task),
            web.get("/api/tasks/{id}", self._task),
            web.delete("/api/tasks/{id}", self._delete_task),
            web.get("/api/labels", self._list_labels),
            web.get("/api/jobs", self._list_jobs),
            web.get("/api/jobs/{id}", self._job),
            web.patch("/api/jobs/{id}", self._patch_job),
            web.get(data + "/meta", self._meta),
            web.patch(data + "/meta", self._patch_meta),
            web.get(data + "/", self._data),
            web.post(data + "/", self._upload),
            web.get("/api/requests/{id}", self._request),
            web.get(annotations, self._annotations),
            web.patch(annotations, self._patch_annotations),
            web.put(annotations, self._put_annotations),
            web.put("/api/jobs/{id}/annotations/", self._put_job_annotations),
        ]

    # Every request passes here: count, fault, login, schema, answer, schema again.

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests[f"{request.method} {request.path}"] += 1
        fault = self.faults.take(request.method, request.path)
        if fault and (fault.when == "before" or fault.kind in ("late", "html")):
            answer = await self._fail(request, handler, fault)
            if answer is not None:
                return answer
        response = await self._answer(request, handler)
        if fault and fault.when == "after" and fault.kind not in ("late", "html"):
            return await self._fail(request, handler, fault, response) or response
        return response

    async def _answer(self, request: web.Request, handler: Handler) -> web.Response:
        body = b"" if request.content_type.startswith("multipart/") else await request.read()
        try:
            self._authorise(request)
            if self.validate and (problem := schema.request_error(request, body)):
                self.problems.append(f"{request.method} {request.path}: {problem}")
                raise Refused(400, {"schema": [problem]})
            response = await handler(request)
        except Refused as refusal:
            return web.json_response(refusal.body, status=refusal.status, content_type=schema.CVAT_JSON)
        assert isinstance(response, web.Response)
        if self.validate and (problem := schema.response_error(request, response)):
            self.problems.append(f"answer to {request.method} {request.path}: {problem}")
        return response

    async def _fail(
        self, request: web.Request, handler: Handler, fault: Fault, response: web.Response | None = None
    ) -> web.Response | None:
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            return None
        if fault.kind == "late":
            await request.read()
            self._later(request, handler, fault.seconds)
        if fault.kind == "drop" or request.transport is None:
            if request.transport:
                request.transport.abort()
            raise web.HTTPBadGateway
        if fault.kind == "truncate":
            return _truncated(response or await self._answer(request, handler))
        if fault.kind == "html":
            return web.Response(text="<html><body>Welcome to the hotel's Wi-Fi</body></html>", content_type="text/html")
        headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        return web.Response(status=fault.status, text="<html>the gateway says no</html>", headers=headers)

    def _later(self, request: web.Request, handler: Handler, seconds: float) -> None:
        async def apply() -> None:
            await asyncio.sleep(seconds)
            await self._answer(request, handler)

        task = self._loop.create_task(apply())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _authorise(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if request.path == "/api/server/about":
            return
        if scheme != "Bearer" or token not in (self.token, self.read_only_token, self.stranger_token):
            raise Refused(401, {"detail": "Authentication credentials were not provided."})
        if token == self.read_only_token and request.method not in ("GET", "HEAD"):
            raise Refused(403, {"detail": "You do not have permission to perform this action."})

    @staticmethod
    def _user(request: web.Request) -> int:
        return OWNER + 1 if request.headers["Authorization"].endswith(CvatDouble.stranger_token) else OWNER

    def _find_task(self, request: web.Request) -> Task:
        task = self.state.tasks.get(int(request.match_info["id"]))
        if task is None:
            raise Refused(404, {"detail": "No Task matches the given query."})
        if task.owner != self._user(request):
            raise Refused(403, ["You do not have permission to perform this action."])
        return task

    def _page(self, request: web.Request, rows: list[Any]) -> web.Response:
        return _json(render.page(f"{self.url}{request.path}", dict(request.query), rows))

    # Server, projects, tasks, labels, jobs.

    async def _about(self, request: web.Request) -> web.Response:
        return _json(render.about(self.version))

    async def _self(self, request: web.Request) -> web.Response:
        return _json(render.user(self._user(request)))

    async def _token(self, request: web.Request) -> web.Response:
        read_only = request.headers["Authorization"].endswith(self.read_only_token)
        return _json(render.access_token(self._user(request), read_only))

    async def _list_projects(self, request: web.Request) -> web.Response:
        user = self._user(request)
        rows = [p for p in self.state.projects.values() if p.owner == user]
        return self._page(request, [render.project(self.url, p, self._tasks_of(p)) for p in rows])

    def _tasks_of(self, project: Project) -> list[Task]:
        return [t for t in self.state.tasks.values() if t.project is project]

    async def _project(self, request: web.Request) -> web.Response:
        project = self.state.projects.get(int(request.match_info["id"]))
        if project is None:
            raise Refused(404, {"detail": "No Project matches the given query."})
        if project.owner != self._user(request):
            raise Refused(403, {"detail": "You do not have permission to perform this action."})
        return _json(render.project(self.url, project, self._tasks_of(project)))

    async def _list_tasks(self, request: web.Request) -> web.Response:
        user, query = self._user(request), request.query
        rows = [t for t in list(self.state.tasks.values()) if t.owner == user]
        if "project_id" in query:
            rows = [t for t in rows if t.project and t.project.id == int(query["project_id"])]
        if "status" in query:
            rows = [t for t in rows if t.status == query["status"]]
        rows.sort(key=lambda t: t.id, reverse=query.get("sort") != "id")
        return self._page(request, [render.task(self.url, t) for t in rows])

    async def _create_task(self, request: web.Request) -> web.Response:
        body = await request.json()
        project = self.state.projects[body["project_id"]] if body.get("project_id") else None
        task = self.state.add_task(
            body["name"],
            labels=body.get("labels", ()),
            project=project,
            segment_size=body.get("segment_size", 0),
            overlap=body.get("overlap") or 0,
        )
        return _json(render.task(self.url, task), 201)

    async def _task(self, request: web.Request) -> web.Response:
        return _json(render.task(self.url, self._find_task(request)))

    async def _delete_task(self, request: web.Request) -> web.Response:
        self.state.tasks.pop(self._find_task(request).id)
        return web.Response(status=204)

    async def _list_labels(self, request: web.Request) -> web.Response:
        query = request.query
        if "task_id" in query:
            task = self.state.tasks.get(int(query["task_id"]))
            if task is None or task.owner != self._user(request):
                raise Refused(404 if task is None else 403, {"detail": "Not found."})
            rows = [render.label(item, task.project, None if task.project else task) for item in task.labels]
        else:
            project = self.state.projects.get(int(query.get("project_id", 0)))
            if project is None:
                raise Refused(404, {"detail": "Not found."})
            rows = [render.label(item, project, None) for item in project.labels]
        return self._page(request, rows)

    async def _list_jobs(self, request: web.Request) -> web.Response:
        user = self._user(request)
        tasks = [t for t in list(self.state.tasks.values()) if t.owner == user]
        if "task_id" in request.query:
            tasks = [t for t in tasks if t.id == int(request.query["task_id"])]
        return self._page(request, [render.job(self.url, t, j) for t in tasks for j in t.jobs])

    def _find_job(self, request: web.Request) -> tuple[Task, Job]:
        for task in list(self.state.tasks.values()):
            for job in task.jobs:
                if job.id == int(request.match_info["id"]):
                    return task, job
        raise Refused(404, {"detail": "No Job matches the given query."})

    async def _job(self, request: web.Request) -> web.Response:
        return _json(render.job(self.url, *self._find_job(request)))

    async def _patch_job(self, request: web.Request) -> web.Response:
        body = await request.json()
        task, job = self._find_job(request)
        job.stage = body.get("stage", job.stage)
        job.state = body.get("state", job.state)
        return _json(render.job(self.url, task, job))

    # Data.

    async def _meta(self, request: web.Request) -> web.Response:
        task = self._find_task(request)
        if task.frames is None:
            raise Refused(400, "No media data found for the task")
        return _json(render.meta(task))

    async def _patch_meta(self, request: web.Request) -> web.Response:
        task = self._find_task(request)
        body = await request.json()
        task.deleted_frames = set(body.get("deleted_frames", task.deleted_frames))
        task.revision += 1
        return _json(render.meta(task))

    async def _data(self, request: web.Request) -> web.Response:
        task = self._find_task(request)
        query = request.query
        if task.frames is None:
            raise Refused(404, {"detail": "Cannot find requested frame"})
        quality, number = query.get("quality", "compressed"), int(query["number"])
        if query["type"] == "chunk":
            return web.Response(body=task.chunk_bytes(number, quality), content_type="application/zip")
        return web.Response(body=task.frame_bytes(number, quality), content_type="image/jpeg")

    async def _upload(self, request: web.Request) -> web.Response:
        task = self._find_task(request)
        if "Upload-Start" in request.headers:
            self._uploads[task.id] = []
            return web.Response(status=202)
        if "Upload-Multiple" in request.headers:
            async for part in await request.multipart():
                if part.filename:  # type: ignore[union-attr]
                    name = part.filename.rpartition("/")[2]  # type: ignore[union-attr]
                    self._uploads[task.id].append(Frame(name, bytes(await part.read())))  # type: ignore[union-attr]
            return web.Response(status=200)
        body = await request.json()
        task.chunk_size = body.get("chunk_size") or task.chunk_size
        task.image_quality = body.get("image_quality") or task.image_quality
        self.state.attach(task, sorted(self._uploads.pop(task.id), key=lambda frame: frame.name))
        return _json({"rq_id": f"action=create&target=task&id={task.id}"}, 202)

    async def _request(self, request: web.Request) -> web.Response:
        return _json(render.finished_request(request.match_info["id"]))

    # Annotations.

    async def _annotations(self, request: web.Request) -> web.Response:
        return _json(self.state.annotations(self._find_task(request)))

    async def _patch_annotations(self, request: web.Request) -> web.Response:
        task, body = self._find_task(request), await request.json()
        action = {"create": self.state.create, "update": self.state.update, "delete": self.state.delete}
        return _json(action[request.query["action"]](task, body))

    async def _put_annotations(self, request: web.Request) -> web.Response:
        return _json(self.state.replace(self._find_task(request), await request.json()))

    async def _put_job_annotations(self, request: web.Request) -> web.Response:
        task, job = self._find_job(request)
        return _json(self.state.replace(task, await request.json(), job))


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(text=json.dumps(body), status=status, content_type=schema.CVAT_JSON)


def _truncated(response: web.Response) -> web.Response:
    body = bytes(response.body)  # type: ignore[arg-type]
    return web.Response(body=body[: len(body) // 2], status=response.status, content_type=response.content_type)
