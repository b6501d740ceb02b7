"""One agent on a list of seeds: rates, verdicts, files and a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from mosel_gym.benchmark.eval_rows import check_versions, eval_rows
from mosel_gym.benchmark.execution import Choice, ExecutedAgent, Execution
from mosel_gym.benchmark.module_options import ModuleOptions
from mosel_gym.benchmark.modules import check_modules
from mosel_gym.benchmark.provenance import write_json
from mosel_gym.benchmark.refine import check_rounds
from mosel_gym.benchmark.reliance import MODES, Mode
from mosel_gym.benchmark.report import write_report
from mosel_gym.benchmark.results import EpisodeResult, summarize, verdict_confusion
from mosel_gym.benchmark.rollouts import Keep, rollouts
from mosel_gym.benchmark.rows import Row
from mosel_gym.benchmark.specs import (
    PretrainedAgent,
    ScriptedExpert,
    env_id,
    env_kwargs,
)
from mosel_gym.benchmark.summary import base_summary
from mosel_gym.benchmark.tables import (
    arms_table,
    confusion_text,
    models_text,
    seconds_table,
)
from mosel_gym.errors import BudgetReached, ModelError, MoselError, SpecMismatch
from mosel_gym.llm.config import ChatConfig
from mosel_gym.registry import task_of
from mosel_gym.specs import robot as find_robot

EXPERT = "expert"
"""In place of a checkpoint: the scripted expert carries out the plan."""
TWO_ARM_CAMERAS = ("head_camera", "left_camera", "right_camera")


@dataclass(frozen=True)
class EvalConfig:
    """Which agent, on which task, and how."""

    agent: str = "libero-long"
    """Checkpoint name or folder; "expert" moves the arms with simulator truth, and says so."""
    task: str = "MOSEL-LiberoLong-Task6"
    """Environment id, or the number of a LIBERO-Long task."""
    planner: str = "stored"
    """Task planner: "stored" is the agent's own (of the expert: "offline"), "offline", or a model
    such as "openai:gpt-4.1", "google:gemini-2.5-pro", "openai-compatible:MODEL@URL",
    "transformers:MODEL" or "scripted:FILE"."""
    analyzer: str = "stored"
    """Video analyzer: "stored" is the agent's own (of the expert: "privileged"), "pixel[:AGENT]",
    a model as above, or "privileged[:PRECISION,RECALL[,SEED]]", which reflects with simulator
    truth; the result says so."""
    refine_rounds: int = 0
    """After an episode that was judged a failure: write a new plan from what the analyzer said and
    run the same seed again, up to so many times, at most 3. No weights are touched."""
    llm: ChatConfig = field(default_factory=ChatConfig)
    """How foundation models are called. Their budget is that of the whole run; several processes
    get equal shares of it."""
    shown: ModuleOptions = field(default_factory=ModuleOptions)
    """What foundation models named by --planner and --analyzer are shown."""
    buffer: Path | None = None
    """Keep reflected episodes here, for `mosel improve`."""
    plan: tuple[str, ...] = ()
    """Carry out these skills, in place of the agent's own plan."""
    layout_spread_m: float = 0.0
    """Objects are moved by up to this much in x and y, where the environment can do that."""
    cameras: tuple[str, ...] = ()
    """Pictures that are drawn; none named = those that the agent needs."""
    control: str | None = None
    """"ee_delta" or "joint", where the environment has several; None = the agent's."""
    max_steps: int | None = None
    """Step limit; None = the task's own."""
    disturbed: bool = False
    """Disturb brightness, contrast, colour temperature and gamma of the pictures (paper, G.1)."""
    render_every: int = 4
    """Pictures are drawn on every so many steps."""
    hold: int = 10
    """Steps in a row that count as held."""
    settle: int = 40
    """Steps in a row after which an episode ends: by then the arm has let go, and the last pictures
    show what it left behind."""
    early_advance: Choice = "own"
    """Whether a skill ends as soon as the judge is sure, twice in a row, that its sub-goal is
    reached; "own" = as the agent is stored. The paper has no such thing. A change stands in the
    label of the rows."""
    judge_in_loop: Choice = "own"
    """Whether the judge is asked at all while a skill is carried out; told by the label, too."""
    sampling_steps: int | None = None
    """Sampling steps of the video planner; told by the label, too. None = its own number."""
    temperature: float | None = None
    """Scale of the policy's sampling noise, 0 = none; told by the label, too. None = its own."""
    retry_temperature: float | None = None
    """The same in further tries of a skill that was missed; told by the label, too. None = the
    agent's own."""
    stalled_below: float | None = None
    """A chunk is carried out to its end where no entry of proprioception has changed by this much
    since the chunk before; told by the label, too. None = the agent's own, usually never."""
    guidance: float | None = None
    """How far the policy goes beyond what the goal frame changes, 0 = not at all; told by the
    label, too. None = its own."""
    advance_below: float | None = None
    """A goal frame counts as reached when fewer steps than this are predicted to it; told by the
    label, too. None = the agent's own."""
    steps_per_frame: int | None = None
    """A goal frame is given up for the next one after so many steps; told by the label, too. None =
    the agent's own."""
    more_tries: int | None = None
    """So often, after the plan, the skills that were not reached are begun once more, for as long
    as the episode lasts; told by the label, too. None = the agent's own, usually 0, as in the
    paper."""
    rise_steps: int | None = None
    """Steps of slow rise with which the arms begin their way home; told by the label, too. None =
    the agent's own, usually 20, as in the paper."""
    video: bool = True
    modes: tuple[Mode, ...] = MODES
    """Kinds of goals, for goal reliance."""
    label: str = ""
    """Name of the agent in rows and tables; "" = the last part of --agent."""
    round: int = 0
    """In rows: rounds of improvement that the agent has behind it."""
    repeat: int = 0
    """In rows: which repetition of the whole improvement the agent comes from."""
    information: str = ""
    """In rows: what the agent was given to learn from; "" = what its card says."""

    @property
    def execution(self) -> Execution:
        """What is changed about the agent's way of carrying out a skill."""
        return Execution(
            self.early_advance,
            self.judge_in_loop,
            self.sampling_steps,
            self.temperature,
            self.retry_temperature,
            self.stalled_below,
            self.guidance,
            self.advance_below,
            self.steps_per_frame,
            self.more_tries,
            self.rise_steps,
        )


@dataclass(frozen=True)
class Evaluation:
    """What came of it."""

    text: str
    """Tables, for the terminal."""
    results: list[EpisodeResult]
    """One for each seed that was carried out."""
    models: dict[str, float]
    """What foundation models cost, see `EpisodeResult.models`."""
    rows: list[Row]
    """The results as rows, one for each attempt at a seed."""
    stopped: BudgetReached | None = None
    """The budget of the foundation models, where it ended the run before all seeds were done."""


def evaluate(
    config: EvalConfig,
    out_dir: str | Path,
    seeds: Sequence[int],
    workers: int | None = None,
    *,
    kind: Literal["eval", "run"] = "eval",
    progress: bool = True,
) -> Evaluation:
    """Run the seeds and write `summary.json`, `report.html` and, below `episodes/`, the files.

    Args:
        config: Agent and task.
        out_dir: Finished seeds in there are not run again.
        seeds: One episode each.
        workers: Processes; 1 runs here; None = 2, or 1 if a foundation model is asked.
        kind: "run" also keeps the HDF5 files.
        progress: Show a bar.

    Raises:
        MissingKey: A model's key is not set, which is found out before any episode, or was turned
            down; what was finished until then is kept.
        MoselError: Something else that was asked for is not there.
    """
    folder, task = Path(out_dir), task_of(env_id(config.task))
    check_rounds(config.refine_rounds)
    asks = _agent(config, 1).asked()
    check_modules(config.planner, config.analyzer, config.llm, asks, config.shown)
    if workers is None:
        workers = 1 if asks else 2
    stops: list[ModelError] = []
    results = rollouts(
        _agent(config, workers if asks else 1),
        task.id,
        env_kwargs(
            layout_spread_m=config.layout_spread_m or None,
            success_hold=max(config.hold, config.settle),
            max_steps=config.max_steps,
            render_every=config.render_every,
            **_seen(config),
        ),
        seeds,
        workers,
        folder / "episodes",
        progress,
        plan=config.plan or None,
        keep=Keep(video=config.video, episode=kind == "run", hold=config.hold),
        on_stop=stops.append,
        refine_rounds=config.refine_rounds,
        disturbed=config.disturbed,
    )
    stopped = None
    if stops and not isinstance(stops[0], BudgetReached):
        raise stops[0]
    if stops:
        stopped = BudgetReached(
            f"{len(results)} of {len(seeds)} seeds were carried out and kept, then the budget was "
            f"reached. {stops[0]} The same command goes on where it stopped."
        )
    summary = _summary(config, seeds, kind, results, stopped)
    write_json(folder / "summary.json", summary)
    write_report(folder)
    rows = eval_rows(config, _agent(config, 1), task.id, results)
    return Evaluation(summary["text"], results, summary["models"], rows, stopped)


def check_rows(
    config: EvalConfig, path: str | Path, seeds: Sequence[int], *, replaced: bool = False
) -> None:
    """Insist on a file of rows in which no other agent, or version of it, goes by this label.

    Args:
        config: Agent and task.
        path: The file; it need not exist.
        seeds: Of the episodes to come.
        replaced: Remove rows of the other one instead.

    Raises:
        SpecMismatch: There are such rows; they would be replaced, or mixed with ours.
    """
    # The seeds stand for themselves here: an episode that nobody carried out has no outcome yet.
    wanted = [EpisodeResult(seed) for seed in seeds]
    rows = eval_rows(config, _agent(config, 1), task_of(env_id(config.task)).id, wanted)
    check_versions(path, rows, replaced=replaced)


def _seen(config: EvalConfig) -> dict[str, Any]:
    """Cameras and control: as asked for, else what the agent needs beyond an environment's own.

    A video analyzer from outside is shown every view of two arms, which the shipped one insists on.
    """
    cameras, control = config.cameras, config.control
    if config.agent != EXPERT:
        from mosel_gym.agents.needs import needs_of

        needs = needs_of(config.agent)
        if len(find_robot(needs.robot).arms) > 1:
            looks = config.analyzer != "stored" and not config.analyzer.startswith("privileged")
            cameras = cameras or (TWO_ARM_CAMERAS if looks else needs.cameras)
            control = control or needs.control
    return {"cameras": cameras or None, "control": control}


def _agent(config: EvalConfig, shares: int) -> PretrainedAgent | ScriptedExpert | ExecutedAgent:
    """The recipe, with a budget for one of `shares` processes."""
    buffer = None if config.buffer is None else str(config.buffer)
    llm = _share(config.llm, shares)
    execution = config.execution
    if config.agent == EXPERT:
        if execution.words:
            raise SpecMismatch(
                f"The scripted expert takes no {' and no '.join(execution.words)}: it has neither "
                "video planner nor judge in its loop. Leave these options out."
            )
        planner = "offline" if config.planner == "stored" else config.planner
        analyzer = "privileged" if config.analyzer == "stored" else config.analyzer
        return ScriptedExpert(planner, analyzer, buffer, llm, config.shown)
    agent = PretrainedAgent(
        config.agent, config.analyzer, buffer, config.planner, llm, config.shown
    )
    return ExecutedAgent(agent, execution) if execution.words else agent


def _share(llm: ChatConfig, shares: int) -> ChatConfig:
    calls, cost_usd = llm.max_calls, llm.max_cost_usd
    if calls is not None and 0 < calls < shares:
        raise MoselError(
            f"A budget of {calls} calls cannot be shared by {shares} processes. Raise "
            "--llm.max-calls or lower --workers."
        )
    return replace(
        llm,
        max_calls=None if calls is None else calls // shares,
        max_cost_usd=None if cost_usd is None else cost_usd / shares,
    )


def _summary(
    config: EvalConfig,
    seeds: Sequence[int],
    kind: str,
    results: list[EpisodeResult],
    stopped: BudgetReached | None,
) -> dict[str, Any]:
    """What `summary.json` holds; a report can be made of it."""
    arms = {"episodes": results}
    if config.refine_rounds:
        arms = {
            _plan_name(number): [result.after(number) for result in results]
            for number in range(config.refine_rounds + 1)
        }
    attempts = [attempt for result in results for attempt in (*result.earlier, result)]
    task = task_of(env_id(config.task))
    summary = base_summary(kind, task, arms, config, seeds[0] if seeds else 0, attempts)
    for number, arm in enumerate(summary["arms"].values()):
        arm["folder"] = "episodes"
        arm["refinement"] = number
    summary["stopped"] = "" if stopped is None else str(stopped)
    columns = [summarize(name, arm) for name, arm in arms.items()]
    if not config.refine_rounds:
        columns = [summarize("success [Wilson 95 %]", results)]
    privileged = " (PRIVILEGED: the arms are moved with simulator truth)"
    hinted = " A person's hints were given." if summary["hints"] else ""
    text = "\n\n".join(
        [
            f"Agent: {summary['agent']}{privileged if summary['privileged_agent'] else ''}\n"
            f"Task planner: {summary['planner']}. Video analyzer: {summary['analyzer']}."
            f"{hinted}\n"
            f"{models_text(summary['models'])}",
            arms_table(columns),
            confusion_text(verdict_confusion(attempts), str(summary["analyzer"])),
            seconds_table("where the time went", summary["seconds_by_part"]),
        ]
    )
    return summary | {"text": text}


def _plan_name(refinements: int) -> str:
    return f"refined plan {refinements}" if refinements else "first plan"
