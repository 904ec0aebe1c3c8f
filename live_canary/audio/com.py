"""Windows gives sound through COM, which each thread has to ask for; PortAudio and soundcard ask in the first one only.

Elsewhere they fail with CO_E_NOTINITIALIZED: PortAudio's issue 250, SoundCard's issue 83.
"""

import sys
from functools import cache

if sys.platform == "win32":
    import ctypes


@cache
def let_every_thread_use_com() -> None:
    """From now on a thread that has not asked for COM has it all the same; nothing where there is none."""
    if sys.platform == "win32":
        ctypes.WinDLL("ole32").CoIncrementMTAUsage(ctypes.byref(ctypes.c_void_p()))
