"""Network settings of a client: address of the API, proxy, and certificates."""

from __future__ import annotations

import os
import re
import ssl
from base64 import b64encode
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import cast

import aiohttp
from msgspec import Struct
from multidict import CIMultiDict
from yarl import URL

from arena_groups._api import Secret
from arena_groups._arguments import check_flag, check_instance

__all__ = [
    "BASE_URL",
    "BASE_URL_VARIABLE",
    "Network",
    "Proxy",
    "checked_base_url",
    "checked_network",
    "has_environment_token",
    "is_loopback",
    "is_production",
    "resolve_base_url",
]

BASE_URL = "https://api.are.na"
BASE_URL_VARIABLE = "ARENA_BASE_URL"
PROXY_VARIABLES = {
    "http": ("http_proxy", "HTTP_PROXY"),
    "https": ("https_proxy", "HTTPS_PROXY"),
    "all": ("all_proxy", "ALL_PROXY"),
}
NO_PROXY_VARIABLES = ("no_proxy", "NO_PROXY")
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_ADDRESS_WITHOUT_SCHEME = r"[^/?#]*:\d+/?"


class Proxy(Struct, frozen=True):
    """HTTP proxy, without its user name and password.

    Attributes:
        url: Address of the proxy.
        setting: What set it: an argument or a variable, as named in errors.
        headers: Header with the user name and the password; empty if there are none.
    """

    url: URL
    setting: str
    _login: Secret | None = None

    @property
    def headers(self) -> CIMultiDict[str]:
        """The header with the user name and the password; empty if there are none."""
        login = self._login
        return CIMultiDict({} if login is None else {"Proxy-Authorization": login.reveal()})


class Network(Struct, frozen=True):
    """Network settings of a client, checked.

    Attributes:
        base_url: Address of the API, without a slash at its end.
        proxy: Proxy of all requests, if any.
        tls: Context of all connections; ``None`` for the default one of aiohttp.
    """

    base_url: str
    proxy: Proxy | None = None
    tls: ssl.SSLContext | None = None


def checked_network(
    base_url: str,
    *,
    session: aiohttp.ClientSession | None,
    proxy: Secret | None,
    tls: object,
    trust_env: bool,
) -> Network:
    """Return the network settings of a client that sends requests to ``base_url``.

    Raises ``ValueError`` if the proxy or a certificate file cannot be used, and for settings beside
    an external session; ``TypeError`` for arguments of a wrong type.
    """
    check_flag(trust_env, "trust_env")
    context = None if tls is None else _checked_context(tls)
    through = None if proxy is None else _checked_proxy(proxy, "proxy")
    if session is not None:
        given = {"proxy": through is not None, "ssl": context is not None, "trust_env": trust_env}
        for name in (name for name, is_given in given.items() if is_given):
            raise ValueError(f"{name}= cannot be used with session=: configure that session")
    if trust_env:
        url = URL(base_url)
        through = through or _proxy_of_environment(url)
        schemes = {url.scheme, through.url.scheme if through else ""}
        context = context or (_context_of_environment() if "https" in schemes else None)
    return Network(base_url, through, context)


def resolve_base_url(
    base_url: str | None, *, insecure_http: bool = False, name: str = "base_url"
) -> str:
    """Return the address of the API: ``base_url``, or ``ARENA_BASE_URL``, or else that of Are.na.

    Raises ``ValueError`` that names the argument or the variable if it is not valid.
    """
    if base_url is None and os.environ.get(BASE_URL_VARIABLE):
        base_url, name = os.environ[BASE_URL_VARIABLE], BASE_URL_VARIABLE
    return checked_base_url(
        BASE_URL if base_url is None else base_url, insecure_http=insecure_http, name=name
    )


def has_environment_token(base_url: str) -> bool:
    """Return whether ``ARENA_TOKEN`` may be sent to ``base_url``.

    If ``ARENA_BASE_URL`` is set too, the token belongs to that server, and no other gets it.
    """
    named = os.environ.get(BASE_URL_VARIABLE)
    if not named:
        return True
    try:
        return checked_base_url(named, insecure_http=True) == base_url
    except ValueError:
        return False


def is_production(base_url: str) -> bool:
    """Return whether ``base_url`` is a server of Are.na."""
    host = URL(base_url).host or ""
    return host == "are.na" or host.endswith(".are.na")


def checked_base_url(base_url: str, *, insecure_http: bool, name: str = "base_url") -> str:
    """Return ``base_url`` without a slash at its end; ``name`` is its name in errors.

    Raises ``ValueError`` if it is not an absolute URL, has more than a host and a path, or is
    plain HTTP to another machine without ``insecure_http``.
    """
    check_instance(base_url, name, str)
    try:
        url = URL(base_url)
        host = url.host or ""  # decodes IDNA, which may fail
    except ValueError:
        raise ValueError(f"{name} must be an absolute http or https URL") from None
    if url.scheme not in {"http", "https"} or not host or not host.isprintable():
        raise ValueError(f"{name} must be an absolute http or https URL")
    if url.user is not None or url.password is not None:
        raise ValueError(f"{name} must not hold a user name or a password")
    if url.query_string or url.fragment:
        raise ValueError(f"{name} must not hold a query or a fragment")
    if url.path.rstrip("/") == "/v3":
        raise ValueError(f"{name} must not end in /v3: the client adds it")
    if url.scheme == "http" and not insecure_http and not is_loopback(host):
        raise ValueError(
            f"{name} must be https: over http the token can be read on its way "
            "(insecure_http=True allows it)"
        )
    return str(url).rstrip("/")


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is this machine: ``localhost``, 127.0.0.0/8 or ``::1``.

    Names below ``localhost`` are not, as a resolver may send them elsewhere.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower() == "localhost"
    return any(address in network for network in LOOPBACK)


def _checked_context(given: object) -> ssl.SSLContext:
    check_instance(given, "ssl", ssl.SSLContext, ", such as ssl.create_default_context(), or None")
    context = cast("ssl.SSLContext", given)
    if context.verify_mode != ssl.CERT_REQUIRED or not context.check_hostname:
        raise ValueError(
            "ssl must verify the server's certificate and name: start with "
            "ssl.create_default_context(), and add your authority with load_verify_locations()"
        )
    return context


def _checked_proxy(given: Secret, setting: str) -> Proxy:
    if not given.is_text:
        raise TypeError(f"{setting} must be a str or None")
    found = _split_proxy(given)
    if found is None:  # here, as an error of the parser may hold the password
        raise ValueError(
            f"{setting} must be http://host:port or https://host:port, with user:password@ before "
            "the host if the proxy asks for it; for SOCKS pass a session with a connector for it"
        )
    url, login = found
    return Proxy(url, "proxy=" if setting == "proxy" else setting, login)


def _split_proxy(given: Secret) -> tuple[URL, Secret | None] | None:
    """Return the address of a proxy, and its login as in the header; ``None`` if it is invalid."""
    try:
        url = URL(given.reveal())
    except ValueError:
        return None
    host = url.host or " "
    if url.scheme not in {"http", "https"} or not host.isprintable() or " " in host:
        return None
    if not url.port or url.raw_path not in {"", "/"} or url.query_string or url.fragment:
        return None
    if url.user is None and url.password is None:
        return url.origin(), None
    login = b64encode(f"{url.user or ''}:{url.password or ''}".encode()).decode()
    return url.origin(), Secret(f"Basic {login}")


def _proxy_of_environment(target: URL) -> Proxy | None:
    """Return the proxy that the environment names for ``target``, as curl and Python find it.

    Loopback addresses are never proxied: a proxy elsewhere cannot reach the sandbox here.
    """
    if is_loopback(target.host or "") or _is_excluded(target):
        return None
    for scheme in (target.scheme, "all"):
        name = _present(PROXY_VARIABLES[scheme])
        if name == "HTTP_PROXY" and "REQUEST_METHOD" in os.environ:
            continue  # in a CGI program, the client of its server sets this, by a header
        if name and os.environ[name].strip():
            return _checked_proxy(_with_scheme(name), name)
    return None


def _present(names: Sequence[str]) -> str:
    """Return the first of the names that is in the environment; empty for none."""
    return next((name for name in names if name in os.environ), "")


def _with_scheme(name: str) -> Secret:
    """Return the proxy of a variable; one without a scheme, as ``host:port``, is an HTTP proxy."""
    text = os.environ[name].strip()
    return Secret(f"http://{text}" if re.fullmatch(_ADDRESS_WITHOUT_SCHEME, text) else text)


def _is_excluded(target: URL) -> bool:
    """Return whether ``NO_PROXY`` has the host, a domain above it, or a network that it is in."""
    host = (target.raw_host or "").lower()
    for entry in os.environ.get(_present(NO_PROXY_VARIABLES), "").lower().replace(",", " ").split():
        name = entry.removesuffix(f":{target.port}").removeprefix("*").lstrip(".")
        if entry == "*" or name == host or host.endswith(f".{name}") or _is_within(host, name):
            return True
    return False


def _is_within(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network.strip("[]"), strict=False)
    except ValueError:
        return False


def _context_of_environment() -> ssl.SSLContext | None:
    """Return a context that trusts what SSL_CERT_FILE and SSL_CERT_DIR have; ``None`` for none.

    OpenSSL reads them too, but ignores one that is not there: then nothing would be trusted.
    """
    file, folders = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if not file and not folders:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if file:
        _load_authorities(context, file)
    for folder in filter(None, (folders or "").split(os.pathsep)):
        if not Path(folder).is_dir():
            raise ValueError(f"SSL_CERT_DIR must name folders of certificates; {folder} is none")
        context.load_verify_locations(capath=folder)
    return context


def _load_authorities(context: ssl.SSLContext, file: str) -> None:
    try:
        context.load_verify_locations(cafile=file)
    except OSError as error:  # also for a file without certificates
        reason = "has no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise ValueError(
            f"SSL_CERT_FILE must name a file of certificates in PEM format; {file}: {reason}"
        ) from None
