"""Task planners and video analyzers by a short text, as the command line names them.

Everything that chooses one goes through here: `mosel run`, `eval` and `judge`, and the examples.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mosel_gym.errors import MoselError, SpecMismatch, UnknownId

if TYPE_CHECKING:
    from mosel_gym.agents.base import TaskPlanner, VideoAnalyzer
    from mosel_gym.llm.config import ChatConfig

SHIPPED_JUDGE = "libero-long"
"""The checkpoint whose judge "pixel" means."""
_CHATS = (
    '"openai:MODEL", "google:MODEL", "openai-compatible:MODEL@URL", "transformers:MODEL", '
    '"scripted:FILE"'
)
PLANNERS = f'"offline", or a model: {_CHATS}'
ANALYZERS = (
    '"pixel" (the judge of the shipped agent), "pixel:AGENT" (a checkpoint\'s name, its folder, or '
    'a judge.safetensors), "privileged" (simulator truth), "privileged:P,R" or '
    f'"privileged:P,R,SEED" (truth with the precision P and the recall R), or a model: {_CHATS}'
)


def make_planner(spec: str, llm: ChatConfig | None = None) -> TaskPlanner:
    """The task planner that a text names.

    Args:
        spec: "offline", or a foundation model such as "openai:gpt-4.1".
        llm: Settings of the model; None = the defaults.

    Raises:
        UnknownId: Neither; lists what is allowed.
        MissingKey: The model needs a key that is not set.
        MissingLibrary: The model's package is not installed.
    """
    if spec == "offline":
        from mosel_gym.agents.planning.offline import OfflinePlanner

        return OfflinePlanner()
    if uses_model(spec):
        from mosel_gym.agents.planning.language_model import LanguageModelPlanner
        from mosel_gym.llm.choose import chat_model

        return LanguageModelPlanner(chat_model(spec, _config(llm)))
    raise UnknownId(f"Unknown task planner {spec!r}. Allowed: {PLANNERS}.")


def make_analyzer(spec: str, llm: ChatConfig | None = None) -> VideoAnalyzer:
    """The video analyzer that a text names.

    Args:
        spec: One of `ANALYZERS`.
        llm: Settings of the model; None = the defaults.

    Raises:
        UnknownId: None of them, or no such checkpoint; lists what is allowed.
        DamagedFile: The judge's file cannot be read.
        SpecMismatch: The checkpoint has no judge that sees pictures.
        MoselError: No noise gives that precision and recall.
        MissingKey: The model needs a key that is not set.
        MissingLibrary: The model's package is not installed.
    """
    kind, _, rest = spec.partition(":")
    if kind == "pixel" and (rest or spec == kind):
        return _pixel(rest or SHIPPED_JUDGE)
    if kind == "privileged" and (rest or spec == kind):
        return _privileged(spec, rest)
    if uses_model(spec):
        from mosel_gym.agents.analysis.video_language import VideoLanguageAnalyzer
        from mosel_gym.llm.choose import chat_model

        return VideoLanguageAnalyzer(chat_model(spec, _config(llm)))
    raise UnknownId(f"Unknown video analyzer {spec!r}. Allowed: {ANALYZERS}.")


def uses_model(spec: str) -> bool:
    """Whether a text names a foundation model, which costs calls and may need a key."""
    from mosel_gym.llm.choose import looks_like_model

    return looks_like_model(spec)


def _config(llm: ChatConfig | None) -> ChatConfig:
    from mosel_gym.llm.config import ChatConfig

    return llm or ChatConfig()


def judge_file(source: str) -> Path:
    """The judge.safetensors that "pixel:SOURCE" reads.

    Raises:
        UnknownId: Neither a file, nor a folder, nor a checkpoint's name.
    """
    from mosel_gym.agents.checkpoint import checkpoint_folder

    path = Path(source)
    return path if path.is_file() else checkpoint_folder(source) / "judge.safetensors"


def _pixel(source: str) -> VideoAnalyzer:
    from mosel_gym.agents.analysis.pixel import PixelAnalyzer
    from mosel_gym.agents.checkpoint import load_agent
    from mosel_gym.models.checkpoint import load_module
    from mosel_gym.models.judge import SubgoalJudge

    file = judge_file(source)
    if (file.parent / "agent.json").is_file() and not Path(source).is_file():
        # An agent's folder also says from which probability on its judge is believed.
        analyzer = load_agent(source).analyzer
        if not isinstance(analyzer, PixelAnalyzer):
            raise SpecMismatch(
                f"The agent {source!r} reflects with {analyzer.name!r}, not with a judge that sees "
                f"pictures. Allowed: {ANALYZERS}."
            )
        return analyzer
    return PixelAnalyzer(load_module(file, SubgoalJudge))


def _privileged(spec: str, numbers: str) -> VideoAnalyzer:
    from mosel_gym.agents.analysis.privileged import PrivilegedAnalyzer

    if not numbers:
        return PrivilegedAnalyzer()
    parts = numbers.split(",")
    try:
        if len(parts) not in (2, 3):
            raise ValueError(f"{len(parts)} numbers")
        precision, recall = float(parts[0]), float(parts[1])
        seed = int(parts[2]) if len(parts) == 3 else 0
    except ValueError as error:
        raise UnknownId(
            f'Unknown video analyzer {spec!r} ({error}). After "privileged:" come a precision '
            'and a recall in 0..1, then a whole number as the seed if you like: "privileged:0.9,'
            f'0.8" or "privileged:0.9,0.8,3". Allowed: {ANALYZERS}.'
        ) from error
    try:
        return PrivilegedAnalyzer(precision, recall, seed)
    except ValueError as error:
        raise MoselError(f"The video analyzer {spec!r} is impossible: {error}") from error
