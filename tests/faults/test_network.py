"""Nothing that is said leaves the machine."""

import socket

from live_canary.audio.recording import RecordingSource
from live_canary.events import UtteranceFinal
from live_canary.segments.segmenter import Segmenter
from live_canary.segments.vad import load_detector
from live_canary.session.session import Session
from live_canary.transcript.transcriber import CanaryTranscriber
from tests.conftest import ROOT
from tests.faults.sessions import PATIENCE_SECONDS


def test_a_whole_session_opens_no_socket(demo, monkeypatch):
    def forbidden(*arguments, **options):
        raise AssertionError("a session reached for the network")

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    events: list = []
    session = Session(
        [RecordingSource([ROOT / "assets" / "dictation.wav"], speed=None)],
        lambda: Segmenter(load_detector("silero")),
        lambda tell: CanaryTranscriber(demo),
    )
    session.start(events.append)
    assert session.wait(PATIENCE_SECONDS)
    assert any(isinstance(event, UtteranceFinal) for event in events)
