"""Web pages that may use a sandbox besides its own (CORS)."""

import re
from collections.abc import Iterable, Mapping

import attrs
from aiohttp import web

from arena_groups.sandbox.hosts import parse_authority
from arena_groups.sandbox.server_protocol import SerializedResponse

EVERY = "*"
"""Every page: for the API only, never for the control surface."""

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#@\s]+)", re.ASCII)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_METHODS = "GET, HEAD, POST, PUT, DELETE"
_EXPOSED = (
    "ETag, Location, Retry-After, X-RateLimit-Limit, X-RateLimit-Reset, X-RateLimit-Tier, "
    "X-RateLimit-Window, X-Request-Id"
)
_SECONDS = "600"  # for which a browser remembers the answer to a preflight request


def check_origin(origin: object) -> str:
    """Return the origin as browsers send it, or `*`.

    Raises `TypeError` or `ValueError` unless it is a scheme and a host, perhaps with a port.
    """
    if not isinstance(origin, str):
        raise TypeError(f"cors must be origins, not {origin!r}")
    match = _ORIGIN.fullmatch(origin.lower())
    if origin != EVERY and (match is None or parse_authority(match[2]) is None):
        raise ValueError(
            f"invalid origin {origin!r}: use a scheme, a host and an optional port, as in "
            "http://localhost:3000, or * for the API alone"
        )
    return origin.lower().removesuffix(_DEFAULT_PORTS.get(match[1], "") if match else "")


@attrs.frozen
class AllowedOrigins:
    """The origins of the pages that may use a sandbox besides its own."""

    _origins: frozenset[str]

    @classmethod
    def of(cls, origins: Iterable[str]) -> "AllowedOrigins":
        """Return the allowed origins. Raises `TypeError` or `ValueError` for an invalid one."""
        if isinstance(origins, str | bytes) or not isinstance(origins, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError("cors must be a list of origins, as in ['http://localhost:3000']")
        return cls(frozenset(map(check_origin, origins)))

    def allow(self, origin: str, *, control: bool) -> bool:
        """Return whether a page of this origin may use the API, or the control surface."""
        # `*` is no origin: a request that gives it as its own is not allowed by it.
        return origin != EVERY and (
            origin in self._origins or (not control and EVERY in self._origins)
        )

    def headers(self, request: web.BaseRequest, *, control: bool) -> Mapping[str, str]:
        """Return the headers that let a page read the response."""
        if not self._origins:
            return {}
        origin = request.headers.get("Origin", "")
        if not origin or not self.allow(origin, control=control):
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED,
        }

    def answer_preflight(
        self, request: web.BaseRequest, *, control: bool
    ) -> SerializedResponse | None:
        """Return the permission that a browser asks for before a page's request, if it is given."""
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        if not self.allow(request.headers.get("Origin", ""), control=control):
            return None
        headers = {
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Max-Age": _SECONDS,
        }
        asked = request.headers.get("Access-Control-Request-Headers")
        if asked:
            headers["Access-Control-Allow-Headers"] = asked
        if "Access-Control-Request-Private-Network" in request.headers:
            headers["Access-Control-Allow-Private-Network"] = "true"
        return SerializedResponse(204, {**headers, **self.headers(request, control=control)})
