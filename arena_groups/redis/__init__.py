"""Rate limit and state that several processes share in Redis, or in a compatible server.

It needs the extra ``redis`` (``python -m pip install "arena-groups[redis]"``).
"""

from importlib.util import find_spec

if find_spec("redis") is None:
    from arena_groups._extras import missing_extra

    raise missing_extra("arena_groups.redis", "redis", "redis")

from arena_groups.redis.pacer import RedisPacer
from arena_groups.redis.store import RedisStore

__all__ = ["RedisPacer", "RedisStore"]
