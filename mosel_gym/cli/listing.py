"""`mosel list`."""

from __future__ import annotations

from mosel_gym.registry import TASKS


def main() -> None:
    """List the environments with their goals, and the embedded agents."""
    for task in TASKS.values():
        print(f"{task.id}\n    {task.goal}\n    skills: {'; '.join(task.skill_texts)}")
    names = _embedded()
    print(f"\nagents: {', '.join(names) if names else 'none ships with this build'}")


def _embedded() -> list[str]:
    # Read off the disk: asking mosel_gym.agents would load torch for a list of names.
    from importlib import resources

    folder = resources.files("mosel_gym") / "checkpoints"
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if (entry / "agent.json").is_file())
