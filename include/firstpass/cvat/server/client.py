"""Requests to CVAT, on top of the SDK's own HTTP layer: reads are retried, writes are never repeated blindly."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, NoReturn
from urllib.parse import urlencode, urlsplit

from firstpass.cvat.server.cvat_connection import CvatConnection, connection
from firstpass.errors import FirstpassError
from firstpass.outages import Away

log = logging.getLogger("firstpass")

Json = dict[str, Any]

READ_BACKOFF = 0.3  # seconds before a read is tried again; doubled each time
_TIMEOUT = (10.0, 120.0)  # seconds to connect, and between two packets
_PAGE = 500  # the most rows that CVAT gives at a time
_LONGEST_WAIT = 60  # seconds that a server may make us wait by Retry-After
_NOT_NOW = frozenset((408, 425, 429, 502, 503, 504))  # the request may do well another time


class CvatDown(Away):
    """CVAT did not answer, however often it was asked: worth another try later. `problem` and `fix` are for people.

    status: the HTTP status that it kept giving, None when there was no answer at all.
    """

    def __init__(self, problem: str, status: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.status = status
        self.fix = (
            "check the host in cvat_default, or wait until CVAT is back; then run this again: what was done is kept"
        )


class Unsure(Exception):
    """A write failed in a way that leaves open whether it was applied; `wait`: seconds that the server asked for."""

    def __init__(self, problem: str, wait: float = 0.0) -> None:
        super().__init__(problem)
        self.wait = wait


class Gone(FirstpassError):
    """A task, project or frame that is not there, or was deleted while we worked."""


class Cvat:
    """One server, seen with one token. Safe to share between threads.

    Reads are tried six times on _NOT_NOW and on lost connections, with growing waits or those that the server asks for;
    then they raise CvatDown. Writes are sent once: see `send`. What a person must fix (host,
    token, rights, a task that is gone) raises FirstpassError.
    """

    def __init__(self, to: CvatConnection) -> None:
        from cvat_sdk.api_client import ApiClient, Configuration
        from urllib3.util import Retry

        self.connection = to
        configuration = Configuration(
            host=to.host, access_token=to.token.get_secret_value(), ssl_ca_cert=to.ca_bundle, verify_ssl=True
        )
        configuration.connection_pool_maxsize = 16
        configuration.retries = Retry(
            total=5,
            status_forcelist=_NOT_NOW,
            allowed_methods={"GET"},
            backoff_factor=READ_BACKOFF,
            backoff_max=10,
            raise_on_status=False,
            retry_after_max=_LONGEST_WAIT,
        )
        self._api = ApiClient(configuration)

    def get(self, path: str, **query: Any) -> Any:
        """JSON of GET `path`. An answer that is cut short or no JSON is asked for twice more."""
        return self._read(path, query, json.loads)

    def pages(self, path: str, **query: Any) -> Iterator[Json]:
        """Every row of a paged list."""
        number, more = 1, True
        while more:
            page = self.get(path, **query, page=number, page_size=_PAGE)
            yield from page["results"]
            number, more = number + 1, bool(page.get("next"))

    def shapes(self, task: int, keep: Callable[[Json], Any]) -> Json:
        """GET the task's annotations, each shape passed through `keep` as it is read: no list of dicts is ever whole.

        Returns {"shapes": [what `keep` gave], "tags": […], "tracks": […]}.
        """

        def hook(item: Json) -> Any:
            return keep(item) if "type" in item and "label_id" in item else item

        path = f"/api/tasks/{task}/annotations/"
        answer: Json = self._read(path, {}, lambda data: json.loads(data, object_hook=hook))
        return answer

    def download(self, path: str, limit: int, **query: Any) -> bytes | None:
        """The bytes of GET `path`; None when there are more than `limit` of them, which are not read then."""
        import urllib3

        for tries_left in (2, 1, 0):
            response = self._request("GET", path, query, stream=True)
            try:
                self._check(response, path)
                data: bytes = response.read(limit + 1)
                return data if len(data) <= limit else None
            except urllib3.exceptions.HTTPError as error:  # the body broke off, after the SDK's own retries
                if not tries_left:
                    raise CvatDown(f"{self.connection.host}{path} breaks off: {_reason(error)}") from None
            finally:
                response.close()
        raise AssertionError

    def send(self, task: int, action: str, shapes: Sequence[Mapping[str, Any]] | str) -> list[Json]:
        """PATCH shapes of a task, `action` create or delete, exactly once; returns the objects that the server names.

        shapes: objects, or a list of them as JSON. Raises Unsure when the request may or may not have been applied: the
        caller has to look (`shapes`) before it sends anything again. Raises FirstpassError when the server refused it.
        """
        from pydantic_core import from_json, to_json  # several times as fast as json

        path = f"/api/tasks/{task}/annotations/"
        text = shapes if isinstance(shapes, str) else to_json(shapes).decode()
        try:
            response = self._request("PATCH", path, {"action": action}, f'{{"shapes":{text},"tags":[],"tracks":[]}}')
        except CvatDown as error:
            raise Unsure(f"PATCH {path}: {_reason(error)}") from error
        if response.status in _NOT_NOW or response.status >= 500 or _is_a_gateways(response):
            raise Unsure(f"PATCH {path}: {response.status}", _wait(response.headers.get("Retry-After")))
        self._check(response, path)
        try:
            created: list[Json] = from_json(response.data)["shapes"]
        except (ValueError, KeyError, TypeError) as error:
            raise Unsure(f"PATCH {path}: an answer that is not CVAT's") from error
        return created

    @cached_property
    def keeps_scores(self) -> bool:
        """Whether shapes have a `score` here: from server 2.57 on."""
        version = str(self.get("/api/server/about").get("version", "0"))
        numbers = [int("".join(filter(str.isdigit, part)) or 0) for part in version.split(".")[:2]]
        return numbers >= [2, 57]

    def _read(self, path: str, query: Mapping[str, Any], parse: Callable[[bytes], Any]) -> Any:
        for tries_left in (2, 1, 0):
            response = self._request("GET", path, query)
            if response.status == 500 and tries_left:  # mostly there to stay, so less patience than with _NOT_NOW
                time.sleep(READ_BACKOFF)
                continue
            self._check(response, path)
            try:
                return parse(response.data)
            except ValueError as error:
                if not tries_left:
                    raise FirstpassError(
                        f"{self.connection.host}{path} does not answer as CVAT does", "check the host in cvat_default"
                    ) from error
        raise AssertionError

    def _request(
        self, method: str, path: str, query: Mapping[str, Any], body: str | None = None, stream: bool = False
    ) -> Any:
        """One request over the SDK's connections; it is the SDK's own way, but for a body that is JSON already."""
        import urllib3
        from urllib3.exceptions import HTTPError, MaxRetryError, NameResolutionError, SSLError

        headers: dict[str, str] = {**self._api.get_common_headers(), "Accept": "application/vnd.cvat+json, */*"}
        self._api.update_params_for_auth(headers, [])
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            return self._api.rest_client.pool_manager.request(
                method,
                self.connection.host + path + (f"?{urlencode(query)}" if query else ""),
                headers=headers,
                body=body,
                preload_content=not stream,
                timeout=urllib3.Timeout(connect=_TIMEOUT[0], read=_TIMEOUT[1]),
            )
        except HTTPError as error:
            cause = error.reason if isinstance(error, MaxRetryError) else error
            if isinstance(cause, SSLError):
                raise self._untrusted(cause) from None
            if isinstance(cause, NameResolutionError) and "Temporary failure" not in str(cause):
                raise FirstpassError(
                    f"there is no host {self.connection.host}", "correct the host in the connection cvat_default"
                ) from None
            raise CvatDown(f"{self.connection.host} does not answer: {_reason(error)}") from None

    def _check(self, response: Any, path: str) -> None:
        status = response.status
        if 200 <= status < 300:
            return
        host = self.connection.host
        if status == 401:
            raise FirstpassError(
                f"{host} refuses the token of cvat_default: it is wrong or has expired",
                "make a new personal access token in CVAT (profile → security) and put it into the connection",
            )
        if status == 403:
            raise FirstpassError(
                f"{host}{path}: not allowed with the token of cvat_default, it may only read or has no access",
                "use a token with write access, of somebody who may annotate the task",
            )
        if status in _NOT_NOW or status >= 500:
            raise CvatDown(f"{host}{path} answers {status}, however often it is asked", status)
        if _is_a_gateways(response):
            raise CvatDown(f"{host}{path} is not there, and the answer does not come from CVAT", status)
        if status == 404:
            raise Gone(f"{host}{path} does not exist (any more)", "check the number of the task or project")
        self._refuse(status, path, response.data)

    def _refuse(self, status: int, path: str, body: bytes) -> NoReturn:
        raise FirstpassError(
            f"{self.connection.host}{path} refuses the request ({status}): {_words(body)}",
            "see whether the task or its labels were changed in the meantime, then run this again",
        )

    def _untrusted(self, reason: object) -> FirstpassError:
        return FirstpassError(
            f"the certificate of {self.connection.host} cannot be trusted: {reason}",
            'give the certificate authority in the connection\'s extra: {"ca_bundle": "/path/to/ca.pem"}',
        )


@lru_cache(maxsize=1)
def cvat() -> Cvat:
    """The client of this process, made from `cvat_default` when first asked for."""
    to = connection()
    if to.host.startswith("http://") and urlsplit(to.host).hostname not in ("localhost", "127.0.0.1", "::1"):
        log.warning("%s is not https: the token of cvat_default can be read on its way", to.host)
    return Cvat(to)


def _words(body: bytes) -> str:
    """CVAT's errors come as a string, a list or an object: the same in words, short."""
    try:
        said = json.loads(body)
    except ValueError:
        said = body.decode("utf-8", "replace")
    while isinstance(said, list) and len(said) == 1:
        said = said[0]
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return text if len(text) <= 300 else text[:300] + "…"


def _is_a_gateways(response: Any) -> bool:
    """Whether a 404 comes from something before CVAT, which answers in JSON: the task need not be gone."""
    return bool(response.status == 404 and "json" not in response.headers.get("Content-Type", ""))


def _wait(header: str | None) -> float:
    """Seconds of a Retry-After, which may be a number or a date; none where it is neither."""
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    try:
        return min(Retry().parse_retry_after(header), _LONGEST_WAIT) if header else 0.0
    except InvalidHeader:
        return 0.0


def _reason(error: BaseException) -> str:
    cause = getattr(error, "reason", None) or error
    return f"{type(cause).__name__}: {cause}" if not isinstance(cause, str) else cause
