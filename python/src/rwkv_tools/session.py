"""Sessions: feed a context, generate, keep the state. The loop runs in the library."""
import ctypes as c
from typing import Callable, Optional, Sequence, Union

import numpy as np

from . import _structs as s
from . import states
from ._library import Handle, call, lib, path_bytes
from .model import RWKV, as_pointer
from .sampling import sampler_options, token_array
from .tokenizer import Tokenizer

ENDS = ("length", "stop_string", "stop_token", "callback")


class Generated(str):
    """A text that was generated; `.end` tells why it ended (one of ENDS), `.n_tokens` how long it is."""

    end: str
    n_tokens: int


class Session:
    """A text that grows: prompts are fed, answers generated, the state kept or exchanged.

        session = Session(model, seed=1, temperature=0.8)
        session.feed("User: hello\\n\\nAssistant:")
        text = session.generate(100, stops=["\\n\\n"], callback=lambda piece: print(piece, end=""))

    settings: of the sampler, by name (docs/sampling.md); preset="rwkv", "llama" or "hf".
    """

    def __init__(self, model: RWKV, tokenizer: Optional[Tokenizer] = None, seed: Optional[int] = None,
                 **settings):
        self.model = model
        self.tokenizer = tokenizer or Tokenizer(None, model.n_vocab, model.path)
        options = sampler_options(seed=seed, tokenizer=self.tokenizer, **settings)
        self._handle = Handle("rk_session_new", "rk_session_free", model._context.pointer,
                              self.tokenizer.handle.pointer, c.byref(options),
                              keeps=(model, self.tokenizer))

    def configure(self, **settings) -> None:
        """Other sampling settings from now on."""
        options = sampler_options(tokenizer=self.tokenizer, **settings)
        call("rk_sampler_configure", lib.rk_session_sampler(self._handle.pointer), c.byref(options))

    def reset(self) -> None:
        """Empties the state and forgets the text."""
        call("rk_session_clear", self._handle.pointer)

    def feed(self, text: Union[str, bytes]) -> int:
        """Adds a text that was not generated; returns its number of tokens."""
        data = text.encode("utf-8") if isinstance(text, str) else text
        fed = c.c_size_t()
        call("rk_session_feed", self._handle.pointer, data, len(data), None, c.byref(fed))
        return fed.value

    def generate(self, max_tokens: int = 100, stops: Sequence[str] = (), stop_tokens: Sequence[int] = (),
                 callback: Optional[Callable[[str], Optional[bool]]] = None,
                 ignore_end_of_text: bool = False, flush: bool = True) -> Generated:
        """Goes on with the text. Stop strings are neither returned nor in the state.

        The callback gets whole characters as they come; returning False ends the generation. With
        flush=False, what may be the beginning of a character or of a stop string when max_tokens ends the
        text is held back and comes with the next call.
        """
        pieces, problems = [], []

        def on_text(_, data, length):
            try:
                piece = data[:length].decode("utf-8", "replace")
                pieces.append(piece)
                return callback is None or callback(piece) is not False
            except BaseException as problem:  # must not pass through C
                problems.append(problem)
                return False

        texts = [stop.encode("utf-8") for stop in stops]
        function = s.TextFunction(on_text)
        options = s.GenerateOptions(
            max_tokens=max_tokens, text=function, ignore_end_of_text=ignore_end_of_text,
            stops=(s.Text * len(texts))(*((text, len(text)) for text in texts)), n_stops=len(texts),
            stop_tokens=token_array(stop_tokens), n_stop_tokens=len(stop_tokens))
        result = s.GenerateResult()
        try:
            call("rk_session_generate", self._handle.pointer, c.byref(options), c.byref(result))
            if flush:
                lib.rk_session_flush(self._handle.pointer, function, None)
        finally:
            if problems:
                raise problems[0]
        text = Generated("".join(pieces))
        text.end, text.n_tokens = ENDS[result.end], result.n_drawn_tokens - result.n_withdrawn
        return text

    @property
    def state(self) -> states.State:
        """A copy of the state."""
        state = self.model._empty_views()
        call("rk_state_export", lib.rk_session_state(self._handle.pointer), 0,
             as_pointer(state.flat, c.c_float), state.flat.size)
        return state

    @state.setter
    def state(self, state: Optional[Sequence[np.ndarray]]) -> None:
        """Another state; None: the empty one. What comes next wants a fed text before it."""
        handle = lib.rk_session_state(self._handle.pointer)
        if state is None:
            call("rk_state_clear", handle, 0)
        else:
            flat = states.collect(state, self.model._scratch)
            call("rk_state_import", handle, 0, as_pointer(flat, c.c_float), flat.size)
        lib.rk_session_state_changed(self._handle.pointer)

    def save(self, path) -> None:
        """The whole session, so that another process goes on as this one would."""
        call("rk_session_save", self._handle.pointer, path_bytes(path))

    def load(self, path) -> None:
        call("rk_session_load", self._handle.pointer, path_bytes(path))
