"""Errors of aiohttp in plain words, and whether the server may have received the request."""

from __future__ import annotations

import re
from contextvars import ContextVar
from http import HTTPStatus
from typing import TypeVar

import aiohttp
from aiohttp.client_exceptions import UnixClientConnectorError
from msgspec import Struct
from yarl import URL

from arena_groups._api import Operation
from arena_groups._retry import TRANSIENT_STATUSES
from arena_groups.errors import ArenaConnectionError, ArenaTimeoutError

__all__ = ["PROGRESS", "RepeatedRequestError", "RequestProgress", "map_aiohttp_error"]

T = TypeVar("T")

NOT_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
)
PERMANENT = (
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
)
UNKNOWN_AUTHORITY = frozenset({18, 19, 20, 21})  # codes of OpenSSL
REFUSALS = frozenset(
    {
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    }
)  # alerts of a server, as Python names them
NOT_TLS = frozenset(
    {"HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "WRONG_VERSION_NUMBER"}
)  # reasons of OpenSSL for a peer that answers, but not in TLS
TLS_ALERT = re.compile(r"b['\"]\\x15\\x03")  # as the parser of aiohttp shows its first bytes
NO_CONNECTION = "no connection within the time limit"
ERROR_CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ConnectionTimeoutError, NO_CONNECTION),
    (aiohttp.SocketTimeoutError, "the server sent nothing for longer than the time limit"),
    (TimeoutError, "no complete response within the time limit"),
    (aiohttp.ServerDisconnectedError, "the server closed the connection without a response"),
    (aiohttp.ClientPayloadError, "the body of the response ended early or is damaged"),
    (aiohttp.ClientResponseError, "the response is not valid HTTP"),
    (aiohttp.InvalidURL, "the address of the proxy must be http://host:port"),
)
# Sentences of aiohttp and of its parser that hold nothing of what the server sent.
PARSER_PROBLEM = r"""
    Can\ not\ decode\ content-encoding:\ [a-z]+(?:\ \([a-z]+\)\.\ Please\ install\ `[\w.]+`)?
    | Got\ more\ than\ \d+\ bytes
    | Not\ enough\ data\ \w+\ satisfy\ \w+\ length\ header
    | Too\ many\ (?:headers|trailers)\ received
    | Invalid\ HTTP\ header
    | Duplicate\ '[\w-]+'\ header
    | Transfer-Encoding\ can't\ be\ present\ with\ Content-Length
    | [A-Z][\w ,/'-]{3,80}(?=:\n\s*(?:b['"]|\n))
    | Bad\ status\ line
    """


class RepeatedRequestError(aiohttp.ClientError):
    """Something inside the aiohttp session was about to send the request a second time."""


class RequestProgress(Struct):
    """Progress of one request inside aiohttp.

    ``proxy_setting`` names what set the proxy. ``made`` says that aiohttp has made the request,
    with its proxy; ``started`` that it asked for a connection, ``connected`` that it got one: what
    follows may reach the server.
    """

    proxy: URL | None = None
    proxy_setting: str = ""
    made: bool = False
    started: bool = False
    connected: bool = False

    @property
    def certainly_unsent(self) -> bool:
        """Whether aiohttp took the request, and never had a connection for it."""
        return self.started and not self.connected

    def rejected_by(self, error: BaseException) -> bool:
        """Return whether an error kept aiohttp from making the request."""
        return isinstance(error, ValueError) and not self.made


PROGRESS: ContextVar[RequestProgress] = ContextVar("arena_groups_request_progress")
"""Progress of the last request of the running task."""


def map_aiohttp_error(
    operation: Operation[T], error: Exception, progress: RequestProgress
) -> ArenaConnectionError:
    """Return the error of this package for one of aiohttp.

    The texts hold nothing that the server sent, and no credentials of a proxy.
    """
    kind = ArenaTimeoutError if isinstance(error, TimeoutError) else ArenaConnectionError
    unsent = progress.certainly_unsent or isinstance(error, NOT_SENT)
    return kind(
        _cause(error, progress, unsent=unsent),
        method=operation.method,
        route=operation.route,
        request_sent=(progress.connected or not unsent) and not _tls_refusal(error),
        retryable=_is_retryable(error),
    )


def _is_retryable(error: Exception) -> bool:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return error.status in TRANSIENT_STATUSES
    if isinstance(error, (*PERMANENT, RepeatedRequestError)):
        return False
    return not (_tls_refusal(error) or _expects_no_tls(error) or _speaks_tls(error))


def _cause(error: Exception, progress: RequestProgress, *, unsent: bool) -> str:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        refused = f"{_proxy_name(progress)} refused to connect ({_status(error.status)})"
        return refused + _proxy_advice(error, progress)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _certificate_problem(error, progress)
    if problem := _tls_problem(error, progress):
        return problem
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.strerror or type(error.os_error).__name__
        advice = f": check {progress.proxy_setting}" if _is_proxy(error, progress) else ""
        return f"cannot connect to {_peer(error, progress)} ({reason}){advice}"
    if isinstance(error, RepeatedRequestError):
        return (
            "a middleware or a subclass of the aiohttp session was about to send a second "
            "request: leave that to retry= and to a token provider"
        )
    if unsent and isinstance(error, TimeoutError):
        error = aiohttp.ConnectionTimeoutError()
    known = (text for kind, text in ERROR_CAUSES if isinstance(error, kind))
    cause = next(known, f"the connection failed ({type(error).__name__})")
    if unsent and progress.proxy is not None:
        cause += f", through {_proxy_name(progress)}"
    problem = _parser_problem(error)
    return f"{cause} ({problem})" if problem else cause


def _parser_problem(error: Exception) -> str:
    """Return what the parser of aiohttp found; empty for anything else."""
    if not isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        return ""
    found = re.search(PARSER_PROBLEM, str(getattr(error, "message", error)), re.VERBOSE)
    return "" if found is None else found[0]


def _tls_refusal(error: Exception) -> str:
    """Return the alert of a server that did not accept our part of the handshake; empty for none.

    With TLS 1.3 it arrives after the request was sent, which the server has not read.
    """
    alert = str(getattr(error.__cause__, "reason", None))
    return alert.lower().replace("_", " ") if alert in REFUSALS else ""


def _tls_problem(error: Exception, progress: RequestProgress) -> str:
    """Return why TLS does not come about: a refusal, or only one side speaks it; empty for none."""
    if refusal := _tls_refusal(error):
        return (
            f"the server refused the TLS connection ({refusal}): it may want a client certificate, "
            "from load_cert_chain() of the context in ssl="
        )
    if isinstance(error, aiohttp.ClientConnectorError) and _expects_no_tls(error):
        setting = progress.proxy_setting if _is_proxy(error, progress) else "the base URL"
        peer = _peer(error, progress)
        return f"{peer} answers, but not in TLS: check https:// and the port in {setting}"
    return "the server answers in TLS: write https:// in the base URL" if _speaks_tls(error) else ""


def _expects_no_tls(error: Exception) -> bool:
    """Return whether the peer of a TLS handshake answered in another protocol."""
    return getattr(error, "os_error", None) is not None and _ssl_reason(error) in NOT_TLS


def _ssl_reason(error: Exception) -> str:
    return str(getattr(getattr(error, "os_error", None), "reason", None))


def _speaks_tls(error: Exception) -> bool:
    """Return whether the answer to plain HTTP is a record of TLS."""
    if not isinstance(error, aiohttp.ClientResponseError):
        return False
    return TLS_ALERT.search(error.message) is not None


def _proxy_advice(error: aiohttp.ClientHttpProxyError, progress: RequestProgress) -> str:
    if error.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return f": check the user name and the password in {progress.proxy_setting}"
    if _is_retryable(error):
        return ""
    target = error.request_info.url
    return f": it may not allow connections to {target.host}:{target.port}"


def _certificate_problem(
    error: aiohttp.ClientConnectorCertificateError, progress: RequestProgress
) -> str:
    peer = _proxy_name(progress) if _is_proxy(error, progress) else error.host
    problem = f"the certificate of {peer} is not trusted"
    reason = getattr(error.certificate_error, "verify_message", "")
    problem += f" ({reason})" if reason else ""
    if getattr(error.certificate_error, "verify_code", 0) not in UNKNOWN_AUTHORITY:
        return problem
    problem += ": trust its authority with ssl= or SSL_CERT_FILE"
    return problem if progress.proxy is None else f"{problem}; {_proxy_name(progress)} may have one"


def _is_proxy(
    error: aiohttp.ClientConnectorError | aiohttp.ClientConnectorCertificateError,
    progress: RequestProgress,
) -> bool:
    proxy = progress.proxy
    return proxy is not None and (error.host, error.port) == (proxy.host, proxy.port)


def _peer(error: aiohttp.ClientConnectorError, progress: RequestProgress) -> str:
    if _is_proxy(error, progress):
        return _proxy_name(progress)
    if isinstance(error, UnixClientConnectorError):
        return error.path
    return f"{error.host}:{error.port}"


def _proxy_name(progress: RequestProgress) -> str:
    proxy = progress.proxy
    return "the proxy" if proxy is None else f"the proxy {proxy.host}:{proxy.port}"


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
