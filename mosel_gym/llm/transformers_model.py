"""A vision-language model in this process, through transformers: no key, no server, no cost."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from mosel_gym.errors import ModelUnavailable
from mosel_gym.llm.chat import Answer, Usage
from mosel_gym.llm.config import ChatConfig
from mosel_gym.llm.extra import require
from mosel_gym.llm.local_messages import chat_of, clips_of, control_tokens
from mosel_gym.llm.local_weights import find, load
from mosel_gym.llm.messages import Message
from mosel_gym.llm.schema import schema_in_words

if TYPE_CHECKING:
    from transformers import GenerationConfig


class TransformersProvider:
    """Runs any instruction-tuned image-text-to-text model of transformers.

    Non-obvious behaviour:

    - The model is loaded here, at once, so that a wrong name fails before any episode runs.
    - Nothing holds the model to the schema: it is told in words, and its answer is checked, with
      one repair, as that of every model.
    - Video goes in as video where the processor and its chat template take it, else as labelled
      pictures. Either way at most `config.max_frames` evenly spaced frames, the last included.
    - Words in a message stay words: special tokens in a task text are broken up by a space, so
      that they can neither end a turn nor stand for a picture.
    - Sampling draws from a generator that is seeded with the number of the call; torch's own stays
      as it was.
    - Of the config's limits in time `deadline_s` holds: it is looked at after each token, so
      reading a long prompt in can go beyond it.

    Args:
        name: A folder, or a model's name on the Hugging Face hub, which is downloaded if needed.
        config: `max_frames`, `temperature`, `max_output_tokens`, `deadline_s` are used.
        device: "cpu", "cuda", "cuda:1", "mps"; "auto" takes a GPU where there is one.

    Raises:
        MissingLibrary: transformers is not installed.
        ModelUnavailable: There is no such model here and it cannot be downloaded, or it is of
            another kind.
    """

    def __init__(self, name: str, config: ChatConfig | None = None, device: str = "auto") -> None:
        require("torch", "torchvision", "transformers")
        self._config = config or ChatConfig()
        self._chosen = name
        folder = find(name)
        self.endpoint = str(folder.resolve())
        """Where the weights lie, of a hub name with its revision; part of the cache's key."""
        self._processor, self._model = load(folder, name, device)
        self._controls = control_tokens(self._processor)
        self._calls = 0
        self._lock = threading.Lock()  # one answer at a time: they share the device

    @property
    def name(self) -> str:
        """The model as it was chosen, after "transformers:"."""
        return f"transformers:{self._chosen}"

    def ask(self, messages: Sequence[Message], schema: type[BaseModel]) -> Answer:
        """Generate one answer.

        Raises:
            ModelUnavailable: No whole answer within `deadline_s`, or the model failed.
        """
        told = schema_in_words(schema)  # a schema that cannot be said is no fault of the model
        with self._lock:
            self._calls += 1
            started = time.monotonic()
            try:
                inputs = self._inputs(messages, told)
                written = self._generate(inputs, started)
            except ModelUnavailable:
                raise
            except Exception as error:  # whatever else a library may come up with
                raise ModelUnavailable(
                    f"{self.name}: the call failed with {type(error).__name__}: "
                    f"{' '.join(str(error).split())[:300]!r}. Does the model take pictures of this "
                    "size, and does the release of transformers fit?"
                ) from error
            text = self._processor.tokenizer.decode(written, skip_special_tokens=True)
            usage = Usage(
                calls=1,
                input_tokens=int(inputs["input_ids"].shape[1]),
                output_tokens=len(written),
                seconds=time.monotonic() - started,
            )
        return Answer(text.strip(), usage, cut_off=not self._ended(written))

    def _inputs(self, messages: Sequence[Message], told: str) -> Any:
        """Tokens and pixels, on the model's device."""
        import jinja2

        clips = clips_of(messages, self._config.max_frames) if self._takes_video() else []
        chat = chat_of(
            messages,
            self._config.max_frames,
            told,
            self._controls,
            video=bool(clips),
        )
        try:
            inputs = self._processor.apply_chat_template(
                chat,
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
                processor_kwargs=(
                    {"do_sample_frames": False, "video_metadata": [[c.metadata for c in clips]]}
                    if clips
                    else {}
                ),
            )
        except jinja2.TemplateError as error:
            raise ModelUnavailable(
                f"The chat template of {self._chosen} does not take this conversation: {error}. "
                "Take an instruction-tuned model that knows system messages and pictures."
            ) from error
        return inputs.to(self._model.device, dtype=self._model.dtype)

    def _takes_video(self) -> bool:
        """Whether the processor has a part for video, and the chat template a place for it."""
        return getattr(self._processor, "video_processor", None) is not None and "video" in str(
            self._processor.chat_template
        )

    def _generate(self, inputs: Any, started: float) -> list[int]:
        """The new tokens."""
        import torch

        settings = self._settings(self._config.deadline_s - (time.monotonic() - started))
        device = self._model.device
        cards = range(torch.cuda.device_count())
        try:
            with (
                torch.inference_mode(),
                torch.random.fork_rng(devices=cards, enabled=bool(settings.do_sample)),
            ):
                if settings.do_sample:
                    torch.manual_seed(self._calls)
                tokens = self._model.generate(**inputs, generation_config=settings)
        except torch.OutOfMemoryError as error:
            raise ModelUnavailable(
                f"{self.name} ran out of memory on {device} with {inputs['input_ids'].shape[1]} "
                f"tokens of prompt. Lower max_frames={self._config.max_frames}, or take a smaller "
                "model."
            ) from error
        written: list[int] = tokens[0, inputs["input_ids"].shape[1] :].tolist()
        if not self._ended(written) and len(written) < self._config.max_output_tokens:
            raise ModelUnavailable(
                f"{self.name} had written {len(written)} tokens when deadline_s="
                f"{self._config.deadline_s:g} was over. Raise deadline_s, lower max_frames="
                f"{self._config.max_frames}, or take a smaller model or a faster device."
            )
        return written

    def _ended(self, written: list[int]) -> bool:
        """Whether the model said itself that it had finished."""
        ends = self._model.generation_config.eos_token_id
        return bool(written) and written[-1] in (ends if isinstance(ends, list) else [ends])

    def _settings(self, seconds: float) -> GenerationConfig:
        """The model's own settings, with the config's limits and temperature."""
        settings: GenerationConfig = copy.deepcopy(self._model.generation_config)
        settings.max_length = None  # counts the prompt, and would compete with max_new_tokens
        settings.max_new_tokens = self._config.max_output_tokens
        settings.max_time = max(seconds, 0.0)
        temperature = self._config.temperature
        if temperature == 0:
            settings.do_sample = False
            settings.temperature = settings.top_p = settings.top_k = None
        elif temperature is not None:
            settings.do_sample = True
            settings.temperature = temperature
        return settings
