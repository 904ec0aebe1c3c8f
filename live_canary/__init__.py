"""A real-time transcriber for the terminal, around NVIDIA Canary-Qwen 2.5B.

    microphone ─┐                                                      ┌─ screen (Textual or plain)
    system audio┼─ blocks ─> segments ─> model ─> transcript ─ events ─┤
    recording  ─┘  audio/    segments/   model/   transcript/          └─ files (written first)

`session/` is the only home of threads and queues; `cli.py` is the one place that puts the parts together.
"""

__version__ = "0.1.0"
