"""Addresses that webhooks may be sent to: public ones over HTTPS, unless private ones are allowed.

The address that counts is the one that is connected to: a name may resolve to another one each
time.
"""

import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from attrs import frozen
from yarl import URL

from arena_groups._api import Secret
from arena_groups._http.network import is_loopback

__all__ = [
    "CheckedConnector",
    "Target",
    "TargetRefusedError",
    "address_problem",
    "checked_target",
]

Address = IPv4Address | IPv6Address

NEVER: Final = "no address of a single machine"
GLOBAL_IPV6: Final = IPv6Network("2000::/3")
NAT64: Final = IPv6Network("64:ff9b::/96")
UNREACHABLE: Final = tuple(
    map(IPv4Network, ["224.0.0.0/4", "240.0.0.0/4"])
), IPv6Network("ff00::/8")  # fmt: skip
# The special-purpose registries of IANA, without those above.
SPECIAL_IPV4: Final = {
    IPv4Network("0.0.0.0/8"): "an unspecified address",
    IPv4Network("10.0.0.0/8"): "a private address",
    IPv4Network("100.64.0.0/10"): "an address behind the NAT of a carrier",
    IPv4Network("127.0.0.0/8"): "a loopback address",
    IPv4Network("169.254.0.0/16"): "a link-local address",
    IPv4Network("172.16.0.0/12"): "a private address",
    IPv4Network("192.0.0.0/24"): "a reserved address",
    IPv4Network("192.0.2.0/24"): "an address for documentation",
    IPv4Network("192.88.99.0/24"): "a reserved address",
    IPv4Network("192.168.0.0/16"): "a private address",
    IPv4Network("198.18.0.0/15"): "an address for benchmarks",
    IPv4Network("198.51.100.0/24"): "an address for documentation",
    IPv4Network("203.0.113.0/24"): "an address for documentation",
}
SPECIAL_IPV6: Final = {
    IPv6Network("::/128"): "an unspecified address",
    IPv6Network("::1/128"): "a loopback address",
    IPv6Network("fe80::/10"): "a link-local address",
    IPv6Network("fc00::/7"): "a unique local address",
    IPv6Network("2001::/23"): "a reserved address",
    IPv6Network("2001:db8::/32"): "an address for documentation",
    IPv6Network("3fff::/20"): "an address for documentation",
}
AUTHORITY: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
UNUSUAL: Final = frozenset(map(chr, range(33))) | {"\\", "\x7f", "\u200b", "\ufeff"}
KEEPALIVE: Final = 3.0  # seconds; many servers close idle connections after 5
ALLOW: Final = "allow_private=True allows it"


class TargetRefusedError(OSError):
    """A name or a connection leads to an address that webhooks may not be sent to."""


@frozen
class Target:
    """Checked URL of an endpoint.

    Attributes:
        label: Scheme and host, which may be shown. The rest of the URL may be a secret.
        allow_private: Whether addresses that are not public are allowed.
        loopback_only: Whether the connection must lead to this machine, as it is plain HTTP.
    """

    url: Secret
    label: str
    allow_private: bool
    loopback_only: bool

    def problem_of(self, address: str) -> str:
        """Return why an address must not be connected to, or nothing."""
        if self.loopback_only and not is_loopback(str(_unwrapped(address))):
            return "not a loopback address, as plain HTTP needs"
        return address_problem(address, allow_private=self.allow_private)


def checked_target(url: Secret, *, allow_private: bool) -> Target:
    """Return the target that a URL names.

    Raises ``ValueError`` without the URL if it is not an absolute HTTPS URL, holds a user name or a
    password, or leads to an address that is not public; ``TypeError`` if it is not a string.
    """
    if not url.is_text:
        raise TypeError("url must be a str")
    scheme, host = _scheme_and_host(url)
    if not host:
        raise ValueError("url must be an absolute https URL without a user name or a password")
    if problem := _host_problem(host, allow_private=allow_private):
        raise ValueError(f"url leads to {problem}")
    plain = scheme == "http"
    if plain and not (allow_private and is_loopback(host)):
        raise ValueError("url must be https (plain http only to loopback, with allow_private=True)")
    shown = f"[{host}]" if ":" in host else host
    return Target(url, f"{scheme}://{shown}", allow_private, plain)


def address_problem(address: str, *, allow_private: bool = False) -> str:
    """Return why webhooks must not be sent to an IP address, or nothing.

    An IPv4 address within an IPv6 address counts, as packets may be sent there.
    """
    found = _unwrapped(address)
    multicast_ipv4, multicast_ipv6 = UNREACHABLE
    if isinstance(found, IPv4Address):
        if any(found in network for network in multicast_ipv4):
            return NEVER
        kinds = (kind for network, kind in SPECIAL_IPV4.items() if found in network)
        problem = next(kinds, "")
    elif found in multicast_ipv6:
        return NEVER
    else:
        kinds = (kind for network, kind in SPECIAL_IPV6.items() if found in network)
        problem = next(kinds, "" if found in GLOBAL_IPV6 else "a reserved address")
    return "" if allow_private or not problem else f"{problem} ({ALLOW})"


class CheckedConnector(aiohttp.TCPConnector):
    """Connector of one target: it refuses answers of the resolver and connections to others."""

    def __init__(self, target: Target) -> None:
        resolver = _CheckedResolver(target)
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - of another argument
            resolver=resolver, use_dns_cache=False, limit=1, keepalive_timeout=KEEPALIVE
        )
        self._target = target

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - as aiohttp names it
    ) -> Connection:
        """Return a connection, unless it leads to an address that is refused."""
        connection = await super().connect(req, traces, timeout)
        transport = connection.transport
        peer = None if transport is None else transport.get_extra_info("peername")
        if not peer or self._target.problem_of(peer[0]):
            connection.close()
            raise TargetRefusedError
        return connection


class _CheckedResolver(AbstractResolver):
    """Resolver that leaves out the addresses which the target may not have."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the permitted addresses of a host. Raise an error if it has others only."""
        found = await aiohttp.ThreadedResolver().resolve(host, port, family)
        permitted = [each for each in found if not self._target.problem_of(each["host"])]
        if found and not permitted:
            raise TargetRefusedError
        return permitted

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _scheme_and_host(url: Secret) -> tuple[str, str]:
    """Return the scheme and the host of a URL; the host is empty if it cannot be used."""
    text = url.reveal()
    authority = AUTHORITY.match(text)
    if authority is None or "@" in authority[0] or not UNUSUAL.isdisjoint(text):
        return "", ""
    try:
        parsed = URL(text)
        scheme, host, port = parsed.scheme, parsed.raw_host, parsed.port
    except ValueError:
        return "", ""
    return (scheme, host.lower()) if host and port else ("", "")


def _host_problem(host: str, *, allow_private: bool) -> str:
    """Return why a host is refused, or nothing. A name is judged when it is resolved."""
    try:
        return address_problem(host, allow_private=allow_private) if "%" not in host else NEVER
    except ValueError:
        pass
    last = host.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x") or not last:
        return "a host that is a number or ends in a dot: write four decimal numbers, or a name"
    if last == "localhost" and not allow_private:
        return f"a loopback address ({ALLOW})"
    return ""


def _unwrapped(address: str) -> Address:
    """Return an address, or the IPv4 address in it that a network may translate it to."""
    found = ip_address(address)
    if isinstance(found, IPv4Address):
        return found
    inner = found.ipv4_mapped or found.sixtofour
    if inner is None and found in NAT64:
        inner = IPv4Address(int(found) & 0xFFFF_FFFF)
    return inner or found
