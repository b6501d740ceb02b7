"""Task planners and video analyzers by a short text, as the command line names them.

Everything that chooses one goes through here: `mosel run`, `eval` and `judge`, and the examples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mosel_gym.benchmark.module_options import ModuleOptions
from mosel_gym.errors import MoselError, SpecMismatch, UnknownId
from mosel_gym.llm.choose import chat_model, looks_like_model
from mosel_gym.llm.config import ChatConfig

if TYPE_CHECKING:
    from mosel_gym.agents.base import TaskPlanner, VideoAnalyzer
    from mosel_gym.llm.budget import Budget
    from mosel_gym.llm.chat import ChatModel

_CHATS = (
    '"openai:MODEL", "google:MODEL", "openai-compatible:MODEL@URL", "transformers:MODEL", '
    '"scripted:FILE"'
)
PLANNERS = f'"offline", or a model: {_CHATS}'
ANALYZERS = (
    '"pixel" (the judges that ship with the package), "pixel:AGENT" (a checkpoint\'s name, its '
    'folder, or a judge.safetensors), "privileged" (simulator truth), "privileged:P,R" or '
    f'"privileged:P,R,SEED" (truth with the precision P and the recall R), or a model: {_CHATS}'
)


_SHAPES_ANSWERS = ("video_fps", "max_frames", "temperature", "max_output_tokens")
"""Of `ChatConfig`: what an answer depends on, in contrast to what it costs."""


class Models:
    """The foundation models of one run: each is built once, and all share one budget.

    Args:
        config: Settings; its budget is that of all models together.
    """

    def __init__(self, config: ChatConfig | None = None) -> None:
        self.config = config or ChatConfig()
        self._found: dict[str, ChatModel] = {}
        self._budget: Budget | None = None

    def get(self, spec: str) -> ChatModel:
        """The model that a text names; errors as those of `chat_model`."""
        if spec not in self._found:
            self._found[spec] = chat_model(spec, self.config, self._total())
        return self._found[spec]

    def check_keys(self) -> None:
        """Ask the services of all models so far, for nothing, whether they take the keys.

        Raises:
            MissingKey: One was turned down.
        """
        for model in self._found.values():
            check = getattr(model, "check_key", None)
            if check is not None:
                check()

    def _total(self) -> Budget:
        from mosel_gym.llm.extra import require

        require("pydantic")
        from mosel_gym.llm.budget import Budget

        if self._budget is None:
            limits = self.config.max_calls, self.config.max_cost_usd
            self._budget = Budget("The models of this run", *limits)
        return self._budget


def make_planner(
    spec: str, llm: ChatConfig | Models | None = None, shown: ModuleOptions | None = None
) -> TaskPlanner:
    """The task planner that a text names.

    Args:
        spec: "offline", or a foundation model such as "openai:gpt-4.1".
        llm: Settings of the model, or the run's models; None = the defaults.
        shown: What a model is shown; None = the defaults.

    Raises:
        UnknownId: Neither; lists what is allowed.
        DamagedFile: The file of hints cannot be read.
        MissingKey: The model needs a key that is not set.
        MissingLibrary: The model's package is not installed.
    """
    if spec == "offline":
        from mosel_gym.agents.planning.offline import OfflinePlanner

        return OfflinePlanner()
    if uses_model(spec):
        model = _models(llm).get(spec)
        from mosel_gym.agents.planning.language_model import LanguageModelPlanner

        return LanguageModelPlanner(model, hints=(shown or ModuleOptions()).given_hints())
    raise UnknownId(f"Unknown task planner {spec!r}. Allowed: {PLANNERS}.")


def make_analyzer(
    spec: str, llm: ChatConfig | Models | None = None, shown: ModuleOptions | None = None
) -> VideoAnalyzer:
    """The video analyzer that a text names.

    Args:
        spec: One of `ANALYZERS`.
        llm: Settings of the model, or the run's models; None = the defaults.
        shown: What a model is shown; None = the defaults.

    Raises:
        UnknownId: None of them, or no such checkpoint; lists what is allowed.
        DamagedFile: The judge's file, or one that `shown` names, cannot be read.
        SpecMismatch: The checkpoint has no judge that sees pictures.
        MoselError: No noise gives that precision and recall.
        MissingKey: The model needs a key that is not set.
        MissingLibrary: The model's package is not installed.
    """
    kind, _, rest = spec.partition(":")
    if kind == "pixel" and (rest or spec == kind):
        return _pixel(rest)
    if kind == "privileged" and (rest or spec == kind):
        return _privileged(spec, rest)
    if uses_model(spec):
        model = _models(llm).get(spec)
        from mosel_gym.agents.analysis.video_language import VideoLanguageAnalyzer

        wanted = shown or ModuleOptions()
        hints = wanted.given_hints()
        return VideoLanguageAnalyzer(model, wanted.video(), wanted.book(model), hints=hints)
    raise UnknownId(f"Unknown video analyzer {spec!r}. Allowed: {ANALYZERS}.")


def check_modules(
    planner: str,
    analyzer: str,
    llm: ChatConfig | None = None,
    asked: Sequence[str] = (),
    shown: ModuleOptions | None = None,
) -> None:
    """Find out before anything runs whether both can be built, and models that a file names.

    Weights of a model in this process are not loaded for that. Services are asked whether they
    take the keys, which costs nothing.

    Args:
        planner: "stored", or as for `make_planner`.
        analyzer: "stored", or as for `make_analyzer`.
        llm: Settings of the models; None = the defaults.
        asked: Further models, such as those of a stored agent.
        shown: What models are shown; None = the defaults.

    Raises:
        UnknownId, MissingKey, MissingLibrary: As `make_planner` and `make_analyzer`.
        SpecMismatch, DamagedFile: As `ModuleOptions.check`.
    """
    models = Models(llm)
    for make, spec in ((make_planner, planner), (make_analyzer, analyzer)):
        if spec != "stored" and not spec.startswith("transformers:"):
            make(spec, models)
    (shown or ModuleOptions()).check(planner=uses_model(planner), analyzer=uses_model(analyzer))
    for spec in asked:
        if not spec.startswith("transformers:"):
            models.get(spec)
    models.check_keys()


def uses_model(spec: str) -> bool:
    """Whether a text names a foundation model, which costs calls and may need a key."""
    return looks_like_model(spec)


def identity(spec: str, llm: ChatConfig | None = None, shown: str = "") -> str:
    """Differs where a planner or an analyzer of this text would behave differently.

    Limits on time and money, cache and log are left out: a run may go on with others.

    Args:
        spec: As for `make_planner` or `make_analyzer`.
        llm: Settings of the model; None = the defaults.
        shown: `ModuleOptions.planner_identity` or `analyzer_identity`; it counts for models.

    Raises:
        UnknownId: A file or a checkpoint that the text names is not there.
    """
    kind, _, rest = spec.partition(":")
    if uses_model(spec):
        config = llm or ChatConfig()
        told = ", ".join(f"{name} {getattr(config, name)}" for name in _SHAPES_ANSWERS)
        answers = f", {_digest(Path(rest).expanduser())}" if kind == "scripted" else ""
        return f"{spec} ({told}{answers}{f', {shown}' if shown else ''})"
    if kind == "pixel":
        files = [judge_file(rest)] if rest else shipped_judges()
        return f"{spec} ({' '.join(map(_digest, files))})"
    return spec


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise UnknownId(f"{file} cannot be read: {error.strerror}.") from error


def _models(llm: ChatConfig | Models | None) -> Models:
    return llm if isinstance(llm, Models) else Models(llm)


def judge_file(source: str) -> Path:
    """The judge.safetensors that "pixel:SOURCE" reads.

    Raises:
        UnknownId: Neither a file, nor a folder, nor a checkpoint's name.
    """
    from mosel_gym.agents.checkpoint import checkpoint_folder

    path = Path(source)
    return path if path.is_file() else checkpoint_folder(source) / "judge.safetensors"


def shipped_judges() -> list[Path]:
    """The files that "pixel" reads."""
    from mosel_gym.agents.analysis.shipped import JUDGES, judge_path

    return [judge_path(name) for name in dict.fromkeys(JUDGES.values())]


def _pixel(source: str) -> VideoAnalyzer:
    from mosel_gym.agents.analysis.pixel import PixelAnalyzer
    from mosel_gym.agents.checkpoint import load_agent
    from mosel_gym.models.checkpoint import load_module
    from mosel_gym.models.judge import SubgoalJudge

    if not source:
        from mosel_gym.agents.analysis.shipped import ShippedAnalyzer

        return ShippedAnalyzer()
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
