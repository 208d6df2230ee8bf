"""JSON bytes to models and back.

A body is read by msgspec straight into the models. Where msgspec refuses it, the slow way has
the last word: plain data first, models from it then, with the complete list of faults. Both
give the same for what both take, so nobody can tell which one it was.
"""

from arena_groups._api.codec.conversion import check_json, decode, from_dict, to_dict

__all__ = ["check_json", "decode", "from_dict", "to_dict"]
