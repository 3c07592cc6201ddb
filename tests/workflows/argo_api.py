"""A server that speaks as much of Argo Server's API as `shipway submit` asks for, and breaks when it is told to."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, Any]
WORKFLOWS = "/api/v1/workflows/training"
PARAMETERS = [{"name": "model"}, {"name": "pool", "enum": ["gpu", "cpu"]}, {"name": "release", "value": "true"}]


class ArgoApi:
    """What the server knows, what it was asked, and what it is to answer before it answers as it should.

    `faults` are used up one a request: a status, None to answer nothing and close, or "after" to do what was asked
    and then answer nothing.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.faults: list[int | str | None] = []
        self.workflows: dict[str, Any] = {}
        self.templates: dict[str, Any] = {"train": {"spec": {"arguments": {"parameters": PARAMETERS}}}}
        self.logs: dict[str, list[str]] = {}
        self.artifacts: dict[tuple[str, str], bytes] = {}
        self.taken: Callable[[str], Any] = lambda _: None  # somebody else's Workflow of a name

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
        """What Argo Server would say."""
        if path == f"{WORKFLOWS}/submit":
            return self._submit(body)
        if path == WORKFLOWS:
            return 200, {"items": list(self.workflows.values()) or None}
        if path.startswith("/api/v1/workflow-templates/training/"):
            return self._found(self.templates, path)
        if path.startswith("/artifacts/training/"):
            found = self.artifacts.get((path.split("/")[4], path.split("/")[5]))
            return (200, found) if found is not None else (500, {"message": "Internal Server Error"})
        if path.endswith("/log"):
            lines = self.logs.get(query["podName"][0], [])
            return 200, "\n".join(json.dumps({"result": {"content": line}}) for line in lines).encode()
        return (200, {}) if method == "PUT" else self._found(self.workflows, path)

    def _submit(self, body: Any) -> Answer:
        options = body["submitOptions"]
        name = options["name"]
        if other := self.taken(name):
            self.workflows[name] = other
        if name in self.workflows:
            return 409, {"code": 6, "message": f'workflows.argoproj.io "{name}" already exists'}
        labels = dict(pair.split("=") for pair in options["labels"].split(","))
        given = [dict(zip(("name", "value"), item.split("=", 1), strict=True)) for item in options["parameters"]]
        metadata = {"name": name, "labels": labels, "creationTimestamp": "2026-11-23T00:00:00Z"}
        self.workflows[name] = {"metadata": metadata, "spec": {"arguments": {"parameters": given}}, "status": {}}
        return 200, self.workflows[name]

    @staticmethod
    def _found(where: dict[str, Any], path: str) -> Answer:
        name = path.rpartition("/")[2]
        return (200, where[name]) if name in where else (404, {"code": 5, "message": f'"{name}" not found'})


@contextmanager
def argo_api() -> Iterator[ArgoApi]:
    """A server on a free port."""
    api = ArgoApi()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Says nothing."""

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
            api.asked.append((self.command, parts.path, body))
            api.headers.append(dict(self.headers))
            fault = api.faults.pop(0) if api.faults else 200
            if fault == "after":
                api.answer(self.command, parts.path, parse_qs(parts.query), body)
            if fault in {None, "after"}:
                self.close_connection = True
                return
            answer = (int(fault), {"message": "not now"})
            self._send(*(answer if fault != 200 else api.answer(self.command, parts.path, parse_qs(parts.query), body)))

        def _send(self, status: int, content: Any) -> None:
            packed = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/octet-stream" if packed is content else "application/json")
            self.send_header("Content-Length", str(len(packed)))
            self.end_headers()
            self.wfile.write(packed)

        do_GET = do_POST = do_PUT = _handle  # noqa: N815 - the standard library calls them so

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
