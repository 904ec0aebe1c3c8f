"""libpulse, the client library of PulseAudio and PipeWire, through ctypes: constants, structures, typed functions.

Only what `pulse.py` calls. The structures end with the last field that is read there; pulse/introspect.h has only ever
appended to them. (The pip packages do not do: `soundcard` polls every millisecond, which costs 3 % of a core for each
source, and waits for ever for a source that has gone; `pulsectl` does not record.)
"""

import ctypes
from ctypes import POINTER, Structure, c_char_p, c_int, c_size_t, c_uint8, c_uint32, c_void_p
from types import SimpleNamespace
from typing import Any

FLOAT32_LE = 5
NO_AUTOSPAWN = 0x1
DONT_MOVE, ADJUST_LATENCY = 0x0200, 0x2000
CONTEXT_READY = 4
STREAM_READY = 2
SERVER_EVENTS = 0x80  # another default source or sink is one
INVALID_INDEX = 0xFFFFFFFF


class SampleSpec(Structure):
    _fields_ = [("format", c_int), ("rate", c_uint32), ("channels", c_uint8)]


class ChannelMap(Structure):
    _fields_ = [("channels", c_uint8), ("map", c_int * 32)]


class Volume(Structure):
    _fields_ = [("channels", c_uint8), ("values", c_uint32 * 32)]


class BufferAttributes(Structure):
    _fields_ = [(name, c_uint32) for name in ("maxlength", "tlength", "prebuf", "minreq", "fragsize")]


class ServerInfo(Structure):
    _fields_ = [
        *((name, c_char_p) for name in ("user_name", "host_name", "server_version", "server_name")),
        ("sample_spec", SampleSpec),
        ("default_sink_name", c_char_p),
        ("default_source_name", c_char_p),
    ]


class SourceInfo(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("index", c_uint32),
        ("description", c_char_p),
        ("sample_spec", SampleSpec),
        ("channel_map", ChannelMap),
        ("owner_module", c_uint32),
        ("volume", Volume),
        ("mute", c_int),
        ("monitor_of_sink", c_uint32),
        ("monitor_of_sink_name", c_char_p),
    ]


StateCallback = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
ReadCallback = ctypes.CFUNCTYPE(None, c_void_p, c_size_t, c_void_p)
SubscribeCallback = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_uint32, c_void_p)
ServerCallback = ctypes.CFUNCTYPE(None, c_void_p, POINTER(ServerInfo), c_void_p)
SourceCallback = ctypes.CFUNCTYPE(None, c_void_p, POINTER(SourceInfo), c_int, c_void_p)

SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "threaded_mainloop_new": (c_void_p, []),
    "threaded_mainloop_get_api": (c_void_p, [c_void_p]),
    "threaded_mainloop_start": (c_int, [c_void_p]),
    "threaded_mainloop_stop": (None, [c_void_p]),
    "threaded_mainloop_free": (None, [c_void_p]),
    "threaded_mainloop_lock": (None, [c_void_p]),
    "threaded_mainloop_unlock": (None, [c_void_p]),
    "context_new": (c_void_p, [c_void_p, c_char_p]),
    "context_set_state_callback": (None, [c_void_p, StateCallback, c_void_p]),
    "context_connect": (c_int, [c_void_p, c_char_p, c_int, c_void_p]),
    "context_get_state": (c_int, [c_void_p]),
    "context_disconnect": (None, [c_void_p]),
    "context_unref": (None, [c_void_p]),
    "context_errno": (c_int, [c_void_p]),
    "context_get_server_info": (c_void_p, [c_void_p, ServerCallback, c_void_p]),
    "context_get_source_info_list": (c_void_p, [c_void_p, SourceCallback, c_void_p]),
    "context_set_subscribe_callback": (None, [c_void_p, SubscribeCallback, c_void_p]),
    "context_subscribe": (c_void_p, [c_void_p, c_int, c_void_p, c_void_p]),
    "operation_unref": (None, [c_void_p]),
    "stream_new": (c_void_p, [c_void_p, c_char_p, POINTER(SampleSpec), c_void_p]),
    "stream_set_state_callback": (None, [c_void_p, StateCallback, c_void_p]),
    "stream_set_read_callback": (None, [c_void_p, ReadCallback, c_void_p]),
    "stream_set_overflow_callback": (None, [c_void_p, StateCallback, c_void_p]),
    "stream_connect_record": (c_int, [c_void_p, c_char_p, POINTER(BufferAttributes), c_int]),
    "stream_get_state": (c_int, [c_void_p]),
    "stream_peek": (c_int, [c_void_p, POINTER(c_void_p), POINTER(c_size_t)]),
    "stream_drop": (c_int, [c_void_p]),
    "stream_disconnect": (c_int, [c_void_p]),
    "stream_unref": (None, [c_void_p]),
    "strerror": (c_char_p, [c_int]),
}


def load() -> SimpleNamespace:
    """The functions of `SIGNATURES`, without their prefix `pa_`. Raises OSError where libpulse is not installed."""
    library = ctypes.CDLL("libpulse.so.0")
    functions = SimpleNamespace()
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(library, f"pa_{name}")
        function.restype, function.argtypes = result, arguments
        setattr(functions, name, function)
    return functions
