"""Rate limit and state that several processes share in Redis, or in a compatible server.

It needs the extra ``redis`` (``pip install 'arena-groups[redis]'``).
"""

from importlib.util import find_spec

if find_spec("redis") is None:
    raise ImportError(
        "arena_groups.redis needs redis: pip install 'arena-groups[redis]'", name="redis"
    )

from arena_groups.redis.pacer import RedisPacer
from arena_groups.redis.store import RedisStore

__all__ = ["RedisPacer", "RedisStore"]
