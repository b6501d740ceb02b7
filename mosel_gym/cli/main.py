"""Finds the command, lets tyro read its arguments, and turns our own errors into one message."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Sequence

from mosel_gym.errors import MoselError

# Words of the command -> (module in this folder, one line of help). The module's `main` is called,
# or the function that is named after a colon.
COMMANDS: dict[tuple[str, ...], tuple[str, str]] = {
    ("list",): ("listing", "environments, their goals, and the agents that ship with the package"),
    ("doctor",): ("doctor", "check graphics, simulator, packages and disk"),
    ("demo",): ("demo", "act, reflect, improve, act again, beside a control; writes a report"),
    ("collect",): ("collect", "demonstrations by the scripted expert"),
    ("data", "redraw"): ("data_redraw", "draw the pictures of recorded episodes from their states"),
    ("data", "import"): ("data_import", "check and convert LIBERO's published demonstrations"),
    ("data", "export-lerobot"): ("data_export_lerobot", "write episodes as a LeRobotDataset"),
    ("data", "import-lerobot"): ("data_import_lerobot", "read the episodes of a LeRobotDataset"),
    ("train", "video"): ("train_video", "train the video planner"),
    ("train", "policy"): ("train_policy", "train the inverse dynamics"),
    ("train", "judge"): ("train_judge", "train the pixel analyzer's network"),
    ("train", "weak"): ("train_weak", "train a state policy, for failures to train a judge on"),
    ("train", "rl"): ("train_rl", "learn a skill from scratch with SAC or PPO, as a baseline"),
    ("train", "vla"): ("train_vla", "clone one language-conditioned network, to be refined by RL"),
    ("train", "vla-rl"): ("train_vla_rl", "refine that network by PPO on ground-truth reward"),
    ("pack",): ("pack", "put trained networks together into an agent"),
    ("run",): ("run", "run an agent on a task, with an mp4 of each episode"),
    ("improve",): ("improve", "refine an agent from episodes that it reflected on"),
    ("improve-rounds",): (
        "improve_rounds",
        "act, judge, refine, check: rounds over several tasks, with a control",
    ),
    ("eval",): ("evaluate", "success rates of an agent; with --goal-reliance, what goals matter"),
    ("compare",): ("compare", "agents beside each other, from the rows that eval wrote"),
    ("judge",): ("judge", "compare video analyzers with the simulator, on recorded episodes"),
    ("bench", "env"): (
        "bench_env",
        "steps and resets per second, against LIBERO's or ManiSkill's own",
    ),
    ("bench", "agent"): (
        "bench_agent",
        "speed of an agent: act, plans, an episode, a round of improvement",
    ),
    ("bench", "plans"): ("bench_plans", "seconds of an imagined plan, by kind of video planner"),
    ("bench", "strength"): (
        "bench_strength",
        "what the agents must reach, and what they reach, from stored rows",
    ),
    ("bench", "experts"): ("bench_experts", "success of the scripted experts on held-out seeds"),
    ("bench", "judge-curve"): (
        "bench_judge_curve",
        "success after refinement against the precision of the judge (privileged)",
    ),
    ("bench", "table1"): ("bench_paper:table1", "the paper's Table 1: LIBERO-Long, all agents"),
    ("bench", "table2"): ("bench_paper:table2", "Table 2: RoboTwin, all agents"),
    ("bench", "table3"): ("bench_paper:table3", "Table 3: plans and imagined videos"),
    ("bench", "table4"): ("bench_paper:table4", "Table 4: without failure identification"),
    ("bench", "table7"): ("bench_paper:table7", "Table 7: visual disturbances"),
    ("bench", "table8"): ("bench_paper:table8", "Table 8: the analyzer against the truth"),
    ("bench", "table9"): ("bench_paper:table9", "Table 9: other analyzers"),
    ("bench", "table10"): ("bench_paper:table10", "Table 10: the improvement repeated"),
    ("bench", "table11"): ("bench_paper:table11", "Table 11: steps of the video sampler"),
    ("bench", "fig6"): ("bench_paper:fig6", "Fig. 6: success after each of four rounds"),
    ("serve",): ("serve", "let clients of openpi or vla-eval drive an agent over the network"),
    ("report",): ("report", "write report.html again from a summary.json"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0 fine, 1 some episodes broke, 2 bad input, 3 the budget of the foundation
        models was reached, 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["--version"]:
        from mosel_gym import __version__

        print(f"mosel-gym {__version__}")
        return 0
    name = _match(words)
    if name is None:
        return _overview(words)
    import tyro

    file, _, function = COMMANDS[name][0].partition(":")
    program = " ".join(("mosel", *name))
    try:  # importing too: a package that a command needs may be missing
        command = getattr(importlib.import_module(f"mosel_gym.cli.{file}"), function or "main")
        code = tyro.cli(command, prog=program, args=words[len(name) :])
        return int(code or 0)
    except (MoselError, FileNotFoundError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            f"\n{program}: interrupted. The same command goes on where it stopped.", file=sys.stderr
        )
        return 130


def _match(words: Sequence[str]) -> tuple[str, ...] | None:
    for name in COMMANDS:
        if tuple(words[: len(name)]) == name:
            return name
    return None


def _overview(words: Sequence[str]) -> int:
    """List the commands, or those of a group such as `train`; complain about any other word."""
    first = words[0] if words else "--help"
    group = {name: row for name, row in COMMANDS.items() if len(name) > 1 and name[0] == first}
    asked = first in ("-h", "--help") or (group and words[1:] in ([], ["-h"], ["--help"]))
    if not asked:
        said = " ".join(words[:2] if group else words[:1])
        names = [" ".join(name) for name in COMMANDS]
        near = difflib.get_close_matches(said, names, n=3, cutoff=0.4)
        hint = f" Did you mean: {', '.join(near)}?" if near else ""
        text = f"mosel: there is no command {said!r}.{hint} `mosel --help` lists them."
        print(text, file=sys.stderr)
        return 2
    print(f"usage: mosel {first + ' ' if group else ''}COMMAND [options]\n")
    for name, (_, line) in (group or COMMANDS).items():
        print(f"  {' '.join(name):<20}{line}")
    print("\n`mosel COMMAND --help` lists the options of a command.")
    return 0
