"""What stands where the transcript will be until somebody has spoken."""

from textual.widgets import Static

from live_canary.printable import one_line
from live_canary.screen.state import SessionState, SourceState

DEMO_NOTICE = (
    "This is the small demonstration model: it shows how the program works, not how well Canary-Qwen understands. "
    "The real one (5.1 GB) comes with\n\nlive-canary download"
)


class EmptyState(Static):
    """Says what to do; told by `update_from` whenever the session has changed."""

    def update_from(self, state: SessionState) -> None:
        self.update("\n\n".join(invitation(state)))


def invitation(state: SessionState) -> list[str]:
    """Paragraphs for a user who looks at an empty transcript."""
    paragraphs = [first_sentence(state)]
    if state.listening and not state.model_ready:
        paragraphs.append("The model is still loading. What you say now is kept and transcribed when it is ready.")
    if state.info.demo:
        paragraphs.append(DEMO_NOTICE)
    return paragraphs


def first_sentence(state: SessionState) -> str:
    names = " and ".join(_heard(source) for source in state.sources.values() if not source.lost)
    if state.failure:
        return f"{one_line(state.failure).rstrip('.')}. Press q to leave."
    if state.ended:
        if state.utterances:
            return "Nothing is left of what was said. Press u to bring the lines back one by one, q to leave."
        return "Nothing was said. Press q to leave."
    if state.finishing:
        return "Finishing what was heard…"
    if state.paused:
        return "Paused: nothing is heard. Press p to go on."
    if not names and state.sources:
        lost = " and ".join(one_line(f"{source.name} ({source.lost})") for source in state.sources.values())
        return f"Waiting for {lost}. What is said is heard again when it is back."
    if not names:
        return "Opening " + " and ".join(one_line(name) for name in state.info.sources) + "…"
    return f"Listening to {names}. What is said appears here."


def _heard(source: SourceState) -> str:
    """ "Microphone (Blue Yeti)"."""
    return one_line(f"{source.name} ({source.input})" if source.input not in ("", source.name) else source.name)
