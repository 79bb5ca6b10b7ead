"""Memory that was needed once: return it to the system. A first pull may need ten times the memory of an idle daemon.

glibc keeps what threads freed in their own arenas, for good unless it is asked.
"""

import ctypes
import gc


def give_back() -> None:
    """Return what is free to the system; where the C library knows no such thing, only collect."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
