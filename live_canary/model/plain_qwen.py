"""The same weights without the transcription adapter: Qwen3, which answers text (LLM mode)."""

from collections.abc import Callable, Iterator
from pathlib import Path

from live_canary.errors import LiveCanaryError
from live_canary.model.compute import DType, trouble_of
from live_canary.model.decoder import LeanDecoder
from live_canary.model.prompt import WITHOUT_THOUGHTS, Prompt
from live_canary.model.quantized_file import QuantizedFile, quantized_decoder
from live_canary.model.trees import BITS, load_trees, load_where_it_fits


class PlainQwen:
    """A checkpoint's LLM, which reads texts and answers them; it hears nothing."""

    def __init__(self, decoder: LeanDecoder, prompt: Prompt):
        """decoder: made without the adapter."""
        self.decoder, self.prompt = decoder, prompt

    @classmethod
    def load(
        cls,
        path_or_id: str | Path,
        device: str = "auto",
        dtype: DType = "auto",
        threads: int | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ) -> "PlainQwen":
        """As `CanaryQwen.load`, which see."""
        return load_where_it_fits(cls._load, path_or_id, device, dtype, threads, tell)

    @classmethod
    def _load(cls, folder: Path, device: str, dtype: DType) -> "PlainQwen":
        trees = load_trees(folder, device, dtype)
        if trees.form not in BITS:
            return cls(LeanDecoder(trees.qwen, adapter=False), trees.prompt)
        made_anew = QuantizedFile(None, "").maker(BITS[trees.form])  # the matrices in the file have the adapter in them
        return cls(quantized_decoder(trees.qwen, made_anew, adapter=False), trees.prompt)

    def tokens(self, text: str) -> int:
        """How many tokens a text has."""
        return len(self.prompt.tokenizer.encode(text, add_special_tokens=False).ids)

    def answer(
        self, message: str, max_new_tokens: int, read: Callable[[int, int], None] = lambda read, total: None
    ) -> Iterator[str]:
        """The answer to a message, as it grows: pieces that together are the text, with … at the end if it was cut off.

        Greedy, so the same message gets the same answer, and without the thoughts that Qwen3 else writes first.
        read: told, again and again until the first piece, how many of the message's tokens have been read, of how many.
        Raises LiveCanaryError for a graphics card that is full or fails.
        """
        ids = self.prompt.ids(self._harmless(message), WITHOUT_THOUGHTS)
        answered: list[int] = []
        text = ""
        try:
            for token in self.decoder.stream(
                ids, max_new_tokens, self.prompt.end_id, lambda tokens: read(tokens, len(ids))
            ):
                answered.append(token)
                whole = self.prompt.tokenizer.decode(answered, skip_special_tokens=True)
                if not whole.endswith("\ufffd"):  # half of a letter, whose other bytes the next token has
                    yield whole[len(text) :]
                    text = whole
        except RuntimeError as error:
            if (trouble := trouble_of(error)) is None:
                raise
            raise LiveCanaryError(f"{trouble}; run it again with --compute-device cpu.") from None
        if len(answered) == max_new_tokens:
            yield "…"

    def _harmless(self, text: str) -> str:
        """The text without what would end the message, or begin another: tokens that only the form itself may use."""
        for token in self.prompt.tokenizer.get_added_tokens_decoder().values():
            text = text.replace(token.content, " ")  # not "": its ends may be another
        return text
