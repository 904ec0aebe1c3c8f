"""The model's packages, imported without holding up the threads that hear and draw meanwhile.

A microphone that PortAudio hears gives its sound to Python every 20 ms and keeps 60. Importing torch and, at that
time, transformers held all threads up for 0.1 to 0.3 s, six times: once while the system linked torch's library, and
whenever Python looked for garbage among all that had been imported so far.
"""

import ctypes
import gc
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from live_canary.errors import SessionError
from live_canary.printable import one_line

if TYPE_CHECKING:
    from live_canary.transcript.transcriber import CanaryTranscriber

TORCH_LIBRARIES = {  # opened as torch does
    "libtorch_global_deps.so": ctypes.RTLD_GLOBAL,
    "libtorch_cpu.so": ctypes.RTLD_LOCAL,
}


def import_transcriber() -> "type[CanaryTranscriber]":
    """What was imported is not looked through for garbage any more: it stays. Raises SessionError."""
    _link_torch()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        from live_canary.transcript.transcriber import CanaryTranscriber
    except (ImportError, OSError) as error:  # the second of a library that torch opens by itself
        raise SessionError(
            f"What computes the model cannot be loaded ({one_line(str(error))}); install live-canary again, or, where "
            "memory is limited (ulimit -v), allow it more."
        ) from error
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
    return CanaryTranscriber


def _link_torch() -> None:
    """Has the system open torch's libraries while other threads run, which `import` does not; it finds them open then.

    What cannot be opened so, torch opens in its own way, and says what is wrong.
    """
    spec = find_spec("torch")
    if sys.platform == "linux" and spec and spec.origin:
        dlopen = ctypes.CDLL(None).dlopen
        dlopen.argtypes, dlopen.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
        for name, mode in TORCH_LIBRARIES.items():
            dlopen(os.fsencode(Path(spec.origin).parent / "lib" / name), os.RTLD_NOW | mode)
