"""PulseAudio, or PipeWire in its place: the sources it knows by human names, and recording from one of them.

Used instead of PortAudio where such a server runs. There PortAudio sees only "default", and a stream whose microphone
is unplugged is moved silently to whatever source is left, even to the monitor of the speakers; here a stream stays
with its source or ends.
"""

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import byref, c_size_t, c_void_p
from dataclasses import replace
from typing import Any, TypeVar

from live_canary.audio import libpulse
from live_canary.audio.soundsystem import ANOTHER_INPUT, Deliver, Input
from live_canary.errors import DeviceError

Answer = TypeVar("Answer")

ANSWER_SECONDS = 3.0
NO_ANSWER = "The sound server (PulseAudio or PipeWire) does not answer; restart it and try again."
FRAGMENT_SECONDS = 0.02  # half of it costs twice the CPU, and blocks of 20 ms are complete no sooner
FLOAT32_BYTES = 4
MAX_CHANNELS = 2  # the server mixes 5.1 down to stereo as it should be; a mean of six would bury the voice


def is_running() -> bool:
    """A sound server answers."""
    try:
        Connection().close()
    except DeviceError:
        return False
    return True


class Pulse:
    """A SoundSystem: each source of the server is an input, numbered in the server's order."""

    def inputs(self) -> list[Input]:
        with Connection() as connection:
            return connection.inputs()

    def open(self, chosen: Input, deliver: Deliver) -> "PulseInput":
        return PulseInput(chosen, deliver)

    def refresh(self) -> None:
        """The server's list is always fresh."""


class Connection:
    """A connection to the sound server, with a thread of its own. Raises DeviceError where no server answers."""

    def __init__(self) -> None:
        try:
            self.pa = libpulse.load()
        except OSError as error:
            raise DeviceError("libpulse is not installed: apt install libpulse0.") from error
        self.changed = threading.Event()
        self.on_state = libpulse.StateCallback(lambda *_: self.changed.set())
        self._loop = self.pa.threaded_mainloop_new()
        self.context = self.pa.context_new(self.pa.threaded_mainloop_get_api(self._loop), b"live-canary")
        self.pa.context_set_state_callback(self.context, self.on_state, None)
        connecting = self.pa.context_connect(self.context, None, libpulse.NO_AUTOSPAWN, None) >= 0
        self.pa.threaded_mainloop_start(self._loop)
        if not connecting or not self.reaches(libpulse.CONTEXT_READY, self._state):
            reason = self.error()
            self.close()
            raise DeviceError(f"The sound server (PulseAudio or PipeWire) does not answer: {reason}; restart it.")

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self.locked():
            self.pa.context_disconnect(self.context)
            self.pa.context_unref(self.context)
        self.pa.threaded_mainloop_stop(self._loop)
        self.pa.threaded_mainloop_free(self._loop)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Around every call that touches the context or a stream, except in a callback."""
        self.pa.threaded_mainloop_lock(self._loop)
        try:
            yield
        finally:
            self.pa.threaded_mainloop_unlock(self._loop)

    def reaches(self, wanted: int, state: Callable[[], int]) -> bool:
        """Wait until a context or stream is in the wanted state: False when it went past it, or after 3 s."""
        end = time.monotonic() + ANSWER_SECONDS
        while (now := state()) < wanted and time.monotonic() < end:
            self.changed.wait(0.1)
            self.changed.clear()
        return now == wanted

    def error(self) -> str:
        with self.locked():
            return str(self.pa.strerror(self.pa.context_errno(self.context)).decode())

    def inputs(self) -> list[Input]:
        """All sources, monitors of outputs too. Raises DeviceError."""
        defaults = self._ask(self.pa.context_get_server_info, libpulse.ServerCallback, _default_names)
        if not defaults:  # an error instead of an answer
            raise DeviceError(NO_ANSWER)
        sources: list[Input] = self._ask(
            self.pa.context_get_source_info_list, libpulse.SourceCallback, lambda info: _input(info, *defaults[0])
        )
        return [replace(source, index=index) for index, source in enumerate(sources)]

    def request(self, function: Any, *arguments: Any) -> None:
        """Start an operation on the context; none starts where the server has gone. Call it `locked`."""
        operation = function(self.context, *arguments)
        if operation:
            self.pa.operation_unref(operation)

    def _ask(self, request: Any, callback_type: Any, convert: Callable[[Any], Answer]) -> list[Answer]:
        """What the server tells: a list ends with a call without item, a single answer is one call without `end`."""
        answers: list[Answer] = []
        done = threading.Event()

        def collect(context: int, info: Any, *end_and_data: Any) -> None:
            if info:
                answers.append(convert(info.contents))
            if not info or len(end_and_data) == 1:
                done.set()

        callback = callback_type(collect)
        with self.locked():
            self.request(request, callback, None)
        if not done.wait(ANSWER_SECONDS):
            raise DeviceError(NO_ANSWER)
        return answers

    def _state(self) -> int:
        with self.locked():
            return int(self.pa.context_get_state(self.context))


class PulseInput:
    """A source being heard; `deliver` is called every 20 ms until `close()`. Raises DeviceError."""

    def __init__(self, chosen: Input, deliver: Deliver):
        self.rate, self.channels = chosen.rate, min(chosen.channels, MAX_CHANNELS)
        self._deliver = deliver
        self._overflowed = False
        self._server_changed = False
        self._connection = Connection()
        self._pa = self._connection.pa
        self._on_read = libpulse.ReadCallback(self._read)
        self._on_overflow = libpulse.StateCallback(self._overflow)
        self._on_server_event = libpulse.SubscribeCallback(self._server_event)
        spec = libpulse.SampleSpec(libpulse.FLOAT32_LE, self.rate, self.channels)
        with self._connection.locked():
            self._stream = self._pa.stream_new(self._connection.context, b"listening", byref(spec), None)
            if self._stream:
                self._connect(chosen.identity)
                self._watch_server()
        if not self._stream or not self._connection.reaches(libpulse.STREAM_READY, self._state):
            reason = self._connection.error()
            self.close()
            raise DeviceError(f"Input '{chosen.name}' cannot be opened: {reason}; {ANOTHER_INPUT}")

    def alive(self) -> bool:
        return self._state() == libpulse.STREAM_READY

    def defaults_changed(self) -> bool:
        changed, self._server_changed = self._server_changed, False
        return changed

    def close(self) -> None:
        if self._stream:
            with self._connection.locked():
                self._pa.stream_set_read_callback(self._stream, libpulse.ReadCallback(0), None)
                self._pa.stream_disconnect(self._stream)
                self._pa.stream_unref(self._stream)
        self._connection.close()

    def _connect(self, source_name: str) -> None:
        self._pa.stream_set_state_callback(self._stream, self._connection.on_state, None)
        self._pa.stream_set_read_callback(self._stream, self._on_read, None)
        self._pa.stream_set_overflow_callback(self._stream, self._on_overflow, None)
        whatever = 0xFFFFFFFF
        fragment = round(self.rate * FRAGMENT_SECONDS) * self.channels * FLOAT32_BYTES
        buffers = libpulse.BufferAttributes(whatever, whatever, whatever, whatever, fragment)
        flags = libpulse.DONT_MOVE | libpulse.ADJUST_LATENCY
        self._pa.stream_connect_record(self._stream, source_name.encode(), byref(buffers), flags)

    def _watch_server(self) -> None:
        self._pa.context_set_subscribe_callback(self._connection.context, self._on_server_event, None)
        self._connection.request(self._pa.context_subscribe, libpulse.SERVER_EVENTS, None, None)

    def _server_event(self, context: int, event: int, index: int, data: int) -> None:
        self._server_changed = True

    def _state(self) -> int:
        with self._connection.locked():
            return int(self._pa.stream_get_state(self._stream))

    def _overflow(self, stream: int, data: int) -> None:
        self._overflowed = True

    def _read(self, stream: int, readable: int, data: int) -> None:
        """Called in libpulse's thread. A fragment without address is a hole: sound that the server lost."""
        address, size = c_void_p(), c_size_t()
        while self._pa.stream_peek(stream, byref(address), byref(size)) >= 0 and size.value:
            if address.value:
                self._deliver(ctypes.string_at(address, size.value), self.channels, self._overflowed)
            self._overflowed = not address.value
            self._pa.stream_drop(stream)


def _default_names(server: libpulse.ServerInfo) -> tuple[bytes, bytes]:
    return server.default_source_name or b"", server.default_sink_name or b""


def _input(info: libpulse.SourceInfo, default_source: bytes, default_sink: bytes) -> Input:
    is_monitor = info.monitor_of_sink != libpulse.INVALID_INDEX
    return Input(
        index=info.index,
        name=(info.description or info.name).decode(errors="replace"),
        channels=info.sample_spec.channels,
        rate=info.sample_spec.rate,
        is_default=info.monitor_of_sink_name == default_sink if is_monitor else info.name == default_source,
        hears="system" if is_monitor else "microphone",
        identity=info.name.decode(),
    )
