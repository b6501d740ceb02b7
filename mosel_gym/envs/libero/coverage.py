"""Which of a long task's skills LIBERO-90 teaches, and where."""

from __future__ import annotations

from dataclasses import dataclass

from mosel_gym.envs.libero.skills import SKILLS_OF_SCENE
from mosel_gym.envs.libero.tasks import LIBERO_TASKS, LiberoTask


@dataclass(frozen=True)
class Coverage:
    """One skill that a long task needs."""

    task_id: str
    scene: str
    skill: str
    in_scene: bool
    """LIBERO-90 has demonstrations of it in the task's own scene."""
    elsewhere: tuple[str, ...]
    """Other scenes whose LIBERO-90 skills have the same words."""

    @property
    def verdict(self) -> str:
        """In words."""
        if self.in_scene:
            return "in the scene"
        if self.elsewhere:
            return f"only in {', '.join(self.elsewhere)}"
        return "nowhere in LIBERO-90"


def coverage() -> tuple[Coverage, ...]:
    """For every skill of every long task's reference plan, where LIBERO-90 has it."""
    return tuple(
        _covered(row, text)
        for row in LIBERO_TASKS
        if row.suite == "libero_10"
        for text in row.task.plan
    )


def _covered(row: LiberoTask, text: str) -> Coverage:
    scenes = [
        scene
        for scene, skills in SKILLS_OF_SCENE.items()
        if text in {skill.text for skill in skills}
    ]
    return Coverage(
        task_id=row.task.id,
        scene=row.scene,
        skill=text,
        in_scene=row.scene in scenes,
        elsewhere=tuple(scene for scene in scenes if scene != row.scene),
    )
