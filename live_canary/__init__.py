"""A real-time transcriber for the terminal, around NVIDIA Canary-Qwen 2.5B.

    microphone ─┐                                                      ┌─ screen (Textual or plain)
    system audio┼─ blocks ─> segments ─> model ─> transcript ─ events ─┤
    recording  ─┘  audio/    segments/   model/   transcript/          └─ files (written first)

`session/` is the only home of a session's threads and queues; `cli/` is the one place that puts the parts together.
"""

import os

if "OMP_WAIT_POLICY" not in os.environ:  # torch's OpenMP reads them when it is loaded
    # How often its threads look for work before they give up their core: half a millisecond. By itself it is ten, after
    # every step, and where another program has one of the cores, waiting becomes most of what is done.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")

__version__ = "0.1.0"
