"""Argo Server's HTTP API: the few calls by which a run is submitted and followed, with retries.

Hera's client was not taken: it gives an artifact as the text of a Python literal, takes a stream of log lines for one
document, and needs two seconds to be imported.

Source: api/openapi-spec/swagger.json of Argo Workflows 4.0; the variables are those of the command `argo`.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from workflows.errors import ClusterError, NotOnCluster, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

NAMESPACE = "training"
TIMEOUT_S = 30.0
STREAM_S = 0.5  # a stream of events never ends; what has not come by then is not there yet
SHORT_S, LONG_S = (
    3.0,
    300.0,
)  # how long a server that does not answer is tried again: at first, and once it has answered
STORED = ("status.storedTemplates", "status.storedWorkflowTemplateSpec", "metadata.managedFields")
BUSY = frozenset({429, 502, 503, 504})
TRUE = frozenset({"1", "t", "true"})
FORWARD = "kubectl -n argo port-forward svc/argo-workflows-server 2746"


class _Unanswered(Exception):  # noqa: N818 - never seen outside
    """The server may answer when asked again."""


@dataclass(frozen=True)
class Address:
    """Where Argo Server is, as whom it is asked, and about which namespace."""

    url: str
    namespace: str = NAMESPACE
    token: str = field(default="", repr=False)
    verify: bool = True


def address(
    server: str | None = None, namespace: str | None = None, environment: Mapping[str, str] = os.environ
) -> Address:
    """The address from the options, or else from ARGO_SERVER, ARGO_NAMESPACE, ARGO_TOKEN and so on.

    Raises: UsageError (no server is named).
    """
    host = server or environment.get("ARGO_SERVER")
    if not host:
        raise UsageError(
            "Argo Server's address is not given: set ARGO_SERVER or --server, "
            f"for example to localhost:2746 while `{FORWARD}` runs"
        )
    if "://" not in host:
        host = f"{'https' if _true(environment, 'ARGO_SECURE', 'true') else 'http'}://{host}"
    token = environment.get("ARGO_TOKEN", "")
    return Address(
        url=f"{host.rstrip('/')}/{environment.get('ARGO_BASE_HREF', '').strip('/')}".rstrip("/"),
        namespace=namespace or environment.get("ARGO_NAMESPACE") or NAMESPACE,
        token=token if not token or " " in token.strip() else f"Bearer {token}",
        verify=not _true(environment, "ARGO_INSECURE_SKIP_VERIFY", "false"),
    )


class ArgoServer:
    """One server, asked about one namespace.

    Every call raises ClusterError: out of reach for longer than the patience, not allowed, refused; and NotOnCluster.
    `waiting` is told in a sentence whenever the server has to be asked again.
    """

    def __init__(self, address: Address, waiting: Callable[[str], None] = lambda _: None) -> None:
        self.address = address
        self.waiting = waiting
        self._patience_s = SHORT_S
        headers = {"Authorization": address.token} if address.token else {}
        try:
            self._client = httpx.Client(
                base_url=address.url, headers=headers, verify=address.verify, timeout=TIMEOUT_S, follow_redirects=True
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise UsageError(
                f"{address.url} is no address of a server ({error}): expected host:port or a URL"
            ) from None

    def template(self, name: str) -> dict[str, Any]:
        """A WorkflowTemplate."""
        return self._json("GET", f"/api/v1/workflow-templates/{self.address.namespace}/{name}")

    def submit(self, template: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Makes a Workflow from a WorkflowTemplate; `options` are Argo's SubmitOpts."""
        body = {"resourceKind": "WorkflowTemplate", "resourceName": template, "submitOptions": options}
        return self._json("POST", f"{self._workflows}/submit", json=body)

    def workflow(self, name: str) -> dict[str, Any]:
        """A Workflow, without the templates that it has stored, which are most of it."""
        return self._json("GET", f"{self._workflows}/{name}", params={"fields": f"-{','.join(STORED)}"})

    def workflows(self) -> list[dict[str, Any]]:
        """The names and creation times of all Workflows of the namespace."""
        found = self._json(
            "GET", self._workflows, params={"fields": "items.metadata.name,items.metadata.creationTimestamp"}
        )
        return found.get("items") or []

    def stop(self, name: str, *, at_once: bool = False) -> None:
        """Stops a Workflow; its exit handler still runs, unless all has to end at once."""
        body = {"name": name, "namespace": self.address.namespace}
        self._json("PUT", f"{self._workflows}/{name}/{'terminate' if at_once else 'stop'}", json=body)

    def log(self, name: str, pod: str, lines: int) -> list[str]:
        """The last lines of a pod's main container; none if the pod is gone."""
        asked: dict[str, str | int] = {
            "podName": pod,
            "logOptions.container": "main",
            "logOptions.tailLines": lines,
        }
        text = self._request("GET", f"{self._workflows}/{name}/log", params=asked).text
        return [entry["content"] for entry in _results(text.splitlines()) if "content" in entry]

    def warnings(self, pod: str) -> list[str]:
        """What the nodes and the scheduler warn of about a pod, oldest first; none if events may not be read."""
        asked = {"listOptions.fieldSelector": f"involvedObject.name={pod},type=Warning"}
        lines: list[str] = []
        try:
            with self._client.stream(
                "GET",
                f"/api/v1/stream/events/{self.address.namespace}",
                params=asked,
                timeout=httpx.Timeout(TIMEOUT_S, read=STREAM_S),
            ) as response:
                lines.extend(response.iter_lines())
        except httpx.TransportError:
            pass  # the time is up
        return [entry["message"] for entry in _results(lines) if entry.get("message")]

    def artifact(self, name: str, node: str, artifact: str, target: Path) -> None:
        """Writes an output artifact as the store has it: a plain file, or a compressed archive."""
        response = self._request("GET", f"/artifacts/{self.address.namespace}/{name}/{node}/{artifact}")
        target.write_bytes(response.content)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    @property
    def _workflows(self) -> str:
        return f"/api/v1/workflows/{self.address.namespace}"

    def _json(self, method: str, path: str, **asked: Any) -> dict[str, Any]:
        response = self._request(method, path, **asked)
        with self._understood(response):
            document = response.json()
            if isinstance(document, dict):
                return document
        raise ClusterError(_no_argo(self.address.url, response))

    @contextmanager
    def _understood(self, response: httpx.Response) -> Iterator[None]:
        try:
            yield
        except ValueError:
            raise ClusterError(_no_argo(self.address.url, response)) from None

    def _request(self, method: str, path: str, **asked: Any) -> httpx.Response:
        """One answered request. Raises: ClusterError (never answered, or refused)."""
        again = Retrying(
            retry=retry_if_exception_type(_Unanswered),
            stop=stop_after_delay(self._patience_s),
            wait=wait_exponential(multiplier=0.1, max=5),
            before_sleep=self._tell,
            reraise=True,
        )
        try:
            response = again(self._once, method, path, **asked)
        except _Unanswered as error:
            raise ClusterError(
                f"Argo Server at {self.address.url} does not answer ({error}): check ARGO_SERVER, "
                "ARGO_SECURE=false for plain HTTP, ARGO_INSECURE_SKIP_VERIFY=true for a certificate of its own"
            ) from None
        self._patience_s = LONG_S
        return self._accepted(response)

    def _once(self, method: str, path: str, **asked: Any) -> httpx.Response:
        try:
            response = self._client.request(method, path, **asked)
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise _Unanswered(str(error) or type(error).__name__) from None
        if response.status_code in BUSY:
            raise _Unanswered(f"status {response.status_code}")
        return response

    def _tell(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self.waiting(f"Argo Server does not answer ({error}), asking again")

    def _accepted(self, response: httpx.Response) -> httpx.Response:
        """Raises: NotOnCluster; ClusterError (not allowed, refused)."""
        if response.is_success:
            return response
        if "json" not in response.headers.get("content-type", "") and response.status_code == httpx.codes.NOT_FOUND:
            raise ClusterError(_no_argo(self.address.url, response))
        said = _message(response)
        if response.status_code == httpx.codes.NOT_FOUND:
            raise NotOnCluster(f"{said} (namespace {self.address.namespace})")
        if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise ClusterError(
                f"Argo Server at {self.address.url} does not allow it ({said}): give a token that may by ARGO_TOKEN"
            )
        raise ClusterError(f"Argo Server at {self.address.url} refused with {response.status_code}: {said}")


def _true(environment: Mapping[str, str], name: str, default: str) -> bool:
    return environment.get(name, default).strip().lower() in TRUE


def _results(lines: list[str]) -> Iterator[dict[str, Any]]:
    """The entries of a stream: one JSON document a line, as server-sent events or bare."""
    for line in lines:
        try:
            entry = json.loads(line.removeprefix("data: "))
        except ValueError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("result"), dict):
            yield entry["result"]


def _message(response: httpx.Response) -> str:
    """What the server says, or as much of its page as fits a sentence."""
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return " ".join(response.text[:200].split()) or response.reason_phrase


def _no_argo(url: str, response: httpx.Response) -> str:
    kind = response.headers.get("content-type", "no type")
    return f"{url} does not speak as Argo Server does (it answered with {kind}): check ARGO_SERVER"
