"""Local time zone of tests."""

import time


def set_time_zone() -> None:
    """Use the time zone that the variable ``TZ`` names, where the system can change it."""
    if hasattr(time, "tzset"):
        time.tzset()
