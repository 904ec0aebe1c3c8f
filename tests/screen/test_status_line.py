from datetime import datetime
from pathlib import Path

import pytest
from rich.cells import cell_len

from live_canary.events import (
    BacklogChanged,
    Event,
    LevelChanged,
    ModelProgress,
    OutputWritten,
    SessionEnded,
    SourceLost,
    SourceMuted,
    SourceOpened,
    SourceRecovered,
    SpeechEnded,
    SpeechStarted,
    StageFailed,
    UtteranceFinal,
)
from live_canary.screen.contract import SessionInfo
from live_canary.screen.header_line import phase
from live_canary.screen.state import SessionState
from live_canary.screen.status_line import Parts, doing_of, meter, session_row, source_row
from tests.screen.fake_session import commanded, said
from tests.screen.in_app import FrozenClock

MICROPHONE = "USB Microphone"
NOTES, TALK = Path("notes.md"), Path("talk.srt")
OPENED = (SourceOpened(MICROPHONE), ModelProgress("ready", ready=True))


def state_after(*events: Event, clock: FrozenClock | None = None) -> SessionState:
    info = SessionInfo("demo model on cpu", (MICROPHONE,), (NOTES, TALK))
    state = SessionState(info, clock or FrozenClock(), datetime(2026, 3, 4, 9, 30))
    for event in events:
        state.apply(event)
    return state


def text(parts: Parts) -> str:
    return "".join(part for part, _ in parts)


def doing(*events: Event) -> str:
    return doing_of(state_after(*OPENED, *events).sources[MICROPHONE])[0]


def level(rms_dbfs: float, peak_dbfs: float | None = None) -> LevelChanged:
    return LevelChanged(MICROPHONE, rms_dbfs, rms_dbfs if peak_dbfs is None else peak_dbfs)


def test_a_source_listens_speaks_and_listens_again():
    assert doing() == "listening"
    assert doing(SpeechStarted(MICROPHONE, 1.0)) == "speaking"
    assert doing(SpeechStarted(MICROPHONE, 1.0), SpeechEnded(MICROPHONE)) == "listening"


def test_a_source_is_lost_until_it_is_back():
    lost = (SpeechStarted(MICROPHONE, 1.0), level(-20), SourceLost(MICROPHONE, "unplugged"))
    assert doing(*lost) == "lost: unplugged"
    assert doing(*lost, SourceRecovered(MICROPHONE, 3.0)) == "listening"
    assert "━" not in text(meter(state_after(*OPENED, *lost).sources[MICROPHONE], 10))


def test_a_muted_source_shows_no_level_until_it_is_heard_again():
    muted = (level(-20), SourceMuted(MICROPHONE, True), level(-20))
    assert doing(*muted) == "muted"
    assert "━" not in text(meter(state_after(*OPENED, *muted).sources[MICROPHONE], 10))
    assert doing(*muted, SourceMuted(MICROPHONE, False)) == "listening"


def test_a_source_has_stopped_once_the_user_leaves():
    state = state_after(*OPENED, level(-20))
    state.finish()
    state.apply(level(-20))
    source = state.sources[MICROPHONE]
    assert doing_of(source)[0] == "stopped"
    assert "━" not in text(meter(source, 10))
    assert "Ctrl-C stops at once" in text(session_row(state, 80))


def test_clipping_is_told_for_three_seconds():
    clock = FrozenClock()
    state = state_after(*OPENED, level(-3, 0.0), clock=clock)
    source = state.sources[MICROPHONE]
    assert doing_of(source)[0] == "too loud"
    clock.seconds = 2.9
    state.apply(level(-20))
    assert doing_of(source)[0] == "too loud"
    clock.seconds = 3.0
    state.apply(level(-20))
    assert doing_of(source)[0] == "listening"


@pytest.mark.parametrize(("dbfs", "cells"), [(-90, 0), (-60, 0), (-30, 30), (-12, 48), (0, 60), (3, 60)])
def test_the_bar_is_as_long_as_the_level_is_high(dbfs, cells):  # 60 dB over 60 cells: one a decibel
    drawn = text(meter(state_after(*OPENED, level(dbfs)).sources[MICROPHONE], 60))
    assert drawn.count("━") == cells
    assert len(drawn) == 60


def test_the_bar_turns_yellow_and_red_where_it_gets_too_loud():
    bar = meter(state_after(*OPENED, level(-1)).sources[MICROPHONE], 60)
    assert [(len(part), colour) for part, colour in bar[:3]] == [(48, "$success"), (9, "$warning"), (2, "$error")]


def test_the_peak_stays_marked_for_a_moment_and_then_falls():
    clock = FrozenClock()
    state = state_after(*OPENED, level(-40, -20), clock=clock)
    source = state.sources[MICROPHONE]
    state.apply(level(-40, -35))
    assert text(meter(source, 60)).index("┃") == 40
    clock.seconds = 1.5
    state.apply(level(-40, -35))
    assert text(meter(source, 60)).index("┃") == 25


def test_backlog_is_told_once_it_can_be_felt():
    assert "behind" not in text(session_row(state_after(*OPENED, BacklogChanged(0.4)), 80))
    assert "3.2 s behind" in text(session_row(state_after(*OPENED, BacklogChanged(3.2)), 80))


def test_what_is_over_is_told_no_more_after_the_end():
    state = state_after(SourceOpened(MICROPHONE), ModelProgress("reading 5.1 GB"), BacklogChanged(3.2))
    state.finish()
    row = text(session_row(state, 120))
    assert all(told in row for told in ("finishing what was heard", "reading 5.1 GB", "3.2 s behind"))
    state.apply(SessionEnded(1, 2.0))
    assert text(session_row(state, 120)) == " notes.md, talk.srt · demo model on cpu"


def test_latency_is_told_as_median_and_95th_percentile():
    finals = [UtteranceFinal(said("Yes.").utterance, latency_seconds=n / 1000) for n in range(1, 101)]
    assert "text after 50 ms, 95% within 95 ms" in text(session_row(state_after(*OPENED, *finals), 80))
    slow = UtteranceFinal(said("Yes.").utterance, latency_seconds=1.25)
    assert "text after 1.2 s, 95% within 1.2 s" in text(session_row(state_after(*OPENED, slow), 80))


def test_files_have_a_mark_once_everything_is_on_the_disk():
    both = (OutputWritten(NOTES, 0), OutputWritten(TALK, 0))
    assert "✓" not in text(session_row(state_after(*OPENED, both[0]), 80))
    assert "✓ notes.md, talk.srt" in text(session_row(state_after(*OPENED, *both), 80))
    row = text(session_row(state_after(*OPENED, *both, OutputWritten(NOTES, 3)), 80))
    assert "3 not saved in notes.md" in row
    assert "✓" not in row


def test_that_there_is_no_file_is_told():
    state = state_after(*OPENED)
    state.info = SessionInfo("demo model on cpu", (MICROPHONE,))
    assert text(session_row(state, 80)) == " not written to a file · demo model on cpu"


def test_loading_of_the_model_comes_first():
    row = session_row(state_after(SourceOpened(MICROPHONE), ModelProgress("reading 5.1 GB")), 80)
    assert text(row).startswith(" reading 5.1 GB")


def test_a_failure_comes_before_everything():
    row = session_row(state_after(*OPENED, StageFailed("model", "Out of memory.", fatal=True)), 80)
    assert text(row).startswith(" Out of memory.")


def test_what_is_below_the_reader_is_told():
    assert text(session_row(state_after(*OPENED), 80, below=1234)).startswith(" ↓ 1,234 below, End shows the newest")


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_no_row_is_wider_than_the_terminal(width):
    state = state_after(*OPENED, BacklogChanged(7.0), said("Yes."), OutputWritten(NOTES, 2), level(-20, -10))
    assert cell_len(text(session_row(state, width))) <= width
    assert cell_len(text(source_row(state.sources[MICROPHONE], MICROPHONE, min(14, width // 3), width))) <= width
    state.apply(SourceLost(MICROPHONE, "日本語: it delivers no more sound, and is awaited as long as it takes"))
    assert cell_len(text(source_row(state.sources[MICROPHONE], MICROPHONE, min(14, width // 3), width))) <= width


def test_what_matters_most_is_cut_where_the_row_is_narrow_and_never_left_out():
    failed = StageFailed("model", f"The model cannot be loaded: {'/folder' * 20}", fatal=True)
    assert text(session_row(state_after(*OPENED, failed), 40)) == " The model cannot be loaded: /folder/f…"
    saved = OutputWritten(Path("notes-of-the-meeting-on-thursday.md"), 2)
    assert text(session_row(state_after(*OPENED, saved), 40)) == " 2 not saved in notes-of-the-meeting-o…"


def test_a_long_or_wide_name_is_shortened_to_its_column():
    name = "日本語のとても長いマイクの名前"
    row = text(source_row(state_after(SourceOpened(name)).sources[name], name, 10, 60))
    assert row.startswith(" ● 日本語の… ")


def test_the_header_tells_the_phases_of_a_session():
    state = state_after()
    told = [phase(state)[0]]
    for event in (*OPENED, SourceLost(MICROPHONE, "unplugged")):
        state.apply(event)
        told.append(phase(state)[0])
    state.finish()
    told.append(phase(state)[0])
    state.apply(SessionEnded(1, 2.0))
    told.append(phase(state)[0])
    assert told == ["not listening", "listening, model loading", "listening", "not listening", "finishing…", "ended"]


def test_time_stands_still_when_the_session_has_ended():
    clock = FrozenClock()
    state = state_after(*OPENED, clock=clock)
    clock.seconds = 61.0
    state.apply(SessionEnded(1, 61.0))
    clock.seconds = 90.0
    assert state.elapsed_seconds == 61.0


def test_words_are_counted():
    assert state_after(*OPENED, said("one two"), said("three", index=1)).words == 3


def test_a_voice_command_is_no_word_of_the_transcript():
    state = state_after(*OPENED, said("one two"), commanded("New line.", "new line", index=1))
    assert (state.words, state.utterances) == (2, 1)
