"""One set of exceptions, whatever the storage: those that files raise."""

from __future__ import annotations

from typing import Any

from firstpass.errors import FirstpassError
from firstpass.outages import outage

_MISSING = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}
_DENIED = {
    "403", "AccessDenied", "AllAccessDisabled", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken",
    "SignatureDoesNotMatch",
}  # fmt: skip


class file_errors:  # noqa: N801 - used like a function
    """Turns S3's answers into the exceptions that files raise, so that callers need one set of handlers.

    What is away or full becomes Unavailable, for files too.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if error is None:
            return
        if away := outage(error, self.uri):
            raise away from error
        code = ""
        if isinstance(response := getattr(error, "response", None), dict):
            code = str(response.get("Error", {}).get("Code", ""))
        if code in _MISSING:
            raise FileNotFoundError(f"{self.uri}: {code}") from error
        if code in _DENIED:
            raise PermissionError(f"{self.uri}: {code}") from error
        if type(error).__name__ in {"NoCredentialsError", "PartialCredentialsError"}:
            raise FirstpassError(
                f"{self.uri}: there are no credentials for object storage",
                "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a role, or a connection in FIRSTPASS_S3_CONN_ID",
            ) from error
