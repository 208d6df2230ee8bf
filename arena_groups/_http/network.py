"""Network settings of a client: address of the API."""

from ipaddress import ip_address, ip_network

from yarl import URL

from arena_groups._arguments import check_instance

__all__ = ["BASE_URL", "checked_base_url", "is_loopback"]

BASE_URL = "https://api.are.na"
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def checked_base_url(base_url: str, *, insecure_http: bool, name: str = "base_url") -> str:
    """Return ``base_url`` without a slash at its end; ``name`` is its name in errors.

    Raises ``ValueError`` if it is not an absolute URL, has more than a host and a path, or is
    plain HTTP to another machine without ``insecure_http``.
    """
    check_instance(base_url, name, str)
    try:
        url = URL(base_url)
    except ValueError:
        raise ValueError(f"{name} must be an absolute http or https URL") from None
    if url.scheme not in {"http", "https"} or not url.host or not url.host.isprintable():
        raise ValueError(f"{name} must be an absolute http or https URL")
    if url.user is not None or url.password is not None:
        raise ValueError(f"{name} must not hold a user name or a password")
    if url.query_string or url.fragment:
        raise ValueError(f"{name} must not hold a query or a fragment")
    if url.scheme == "http" and not insecure_http and not is_loopback(url.host):
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
