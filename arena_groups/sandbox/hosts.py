"""Host names of a sandbox, and the check that a request was meant for it.

A web page can let its own domain resolve to 127.0.0.1 (DNS rebinding). The browser then lets its
scripts read every response, but it sends the name of that domain in `Host`.
"""

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv6Address, ip_address
from typing import cast

import attrs
from aiohttp import HttpVersion11, web

from arena_groups.sandbox.responses import foreign_host, foreign_origin, invalid_host

_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?"
_IPV6 = r"[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~%-]+)?"
_AUTHORITY = re.compile(rf"({_NAME}|\[{_IPV6}\])(?::([0-9]{{0,5}}))?", re.ASCII)
_ALLOWED = re.compile(rf"{_NAME}|\[?{_IPV6}\]?", re.ASCII)
_TARGET = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)", re.ASCII)
_LARGEST_PORT = 65_535
SAFE_METHODS = frozenset({"GET", "HEAD"})


def normalize_host(host: str) -> str:
    """Return a name or address so that equal ones are equal texts."""
    name = host.lower().removesuffix(".").strip("[]").partition("%")[0]
    try:
        address = ip_address(name)
    except ValueError:
        return name
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def parse_authority(authority: str) -> str | None:
    """Return the normalized host of `HOST` or `HOST:PORT`, None if it is malformed."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None or int(match[2] or 0) > _LARGEST_PORT:
        return None
    return normalize_host(match[1])


def authority_of(request: web.BaseRequest) -> str | None:
    """Return the host and port that a request names, None if it names none.

    Raises `ApiError`, a 400, if `Host` is missing in HTTP/1.1, repeated or malformed. A target
    that is a whole URL takes precedence over `Host`.
    """
    named = request.headers.getall("Host", [])
    if len(named) > 1 or (not named and request.version >= HttpVersion11):
        raise invalid_host()
    target = _TARGET.match(request.raw_path)
    authorities = [*named, target[1]] if target else named
    if any(parse_authority(each) is None for each in authorities):
        raise invalid_host()
    return authorities[-1] if authorities else None


@attrs.frozen
class HostNames:
    """The names that a sandbox answers to. Ports are not compared, as a port may be forwarded."""

    _names: frozenset[str]

    @classmethod
    def of(cls, host: str, allowed: Iterable[str]) -> "HostNames":
        """Return the names of loopback, the address to listen on, and those that are allowed.

        Raises `TypeError` or `ValueError` if `allowed` is not a list of names without a port.
        """
        if isinstance(allowed, str | bytes) or not isinstance(allowed, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError("allowed_hosts must be a list of names, as in ['arena']")
        names = tuple(allowed)
        for name in names:
            check_allowed_host(name)
        return cls(frozenset(map(normalize_host, ("127.0.0.1", "localhost", "::1", host, *names))))

    def check(self, request: web.BaseRequest) -> None:
        """Raise `ApiError` unless the request names the sandbox."""
        authority = authority_of(request)
        if authority is not None and not self._includes(authority, request):
            raise foreign_host(parse_authority(authority) or "")

    def check_origin(self, request: web.BaseRequest, allow: Callable[[str], bool]) -> None:
        """Raise `ApiError` for a write by a page of another site that is not allowed."""
        if request.method not in SAFE_METHODS:
            for origin in request.headers.getall("Origin", []):
                match = _TARGET.fullmatch(origin)
                is_own = match is not None and self._includes(match[1], request)
                if not is_own and not allow(origin):
                    raise foreign_origin()

    def _includes(self, authority: str, request: web.BaseRequest) -> bool:
        name = parse_authority(authority)
        return name is not None and (name in self._names or name == _local_address(request))


def check_allowed_host(name: object) -> None:
    """Raise `ValueError` or `TypeError` unless `name` is a name or address without a port."""
    if not isinstance(name, str):
        raise TypeError(f"allowed_hosts must be names, not {name!r}")
    if not _ALLOWED.fullmatch(name):
        raise ValueError(
            f"invalid allowed host {name!r}: use a name or an address, without a scheme, a port "
            "or a wildcard"
        )


def _local_address(request: web.BaseRequest) -> str:
    """Return the address at which the connection arrived, for a sandbox on all addresses."""
    local = cast("tuple[str, int] | None", request.get_extra_info("sockname"))
    return normalize_host(local[0]) if local else ""
