"""A training set comes from one renderer, one set of assets and one robot, or from none."""

from __future__ import annotations

from mosel_gym.errors import SpecMismatch
from mosel_gym.specs import ROBOTS
from mosel_gym.types import Episode

PUBLISHED = "LIBERO demonstration"
"""`provenance["source"]` of an episode out of LIBERO's published files."""
_SIMULATOR = "the simulator"
_MEND = {
    "renderer": "Give the files of one renderer only, or draw the others again (`mosel data "
    "redraw`).",
    "assets": "The same objects look different in each. Give the files of one kind only, or draw "
    "the others again (`mosel data redraw`).",
    "robot": "Give the files of one robot only.",
    "control mode": "The numbers of an action mean something else in each. Give the files of one "
    "control mode only, or collect the others again.",
    "source of pictures": "What drew the others is not known. Give the files of one source only.",
    "picture shape": "Squeezed into a square, things would have other proportions in each. Give "
    "the files of one shape only, or draw the others again (`mosel data redraw`).",
}


def renderer_kind(name: str) -> str:
    """What drew the pictures, without the library that it drew through: "mujoco" of "mujoco-egl".

    MuJoCo through EGL and through OSMesa draw the same scene within a few grey levels, less than
    the augmentation of the training changes. Another renderer has other light, edges and colours.
    """
    return name.split("-")[0]


def assets_kind(name: str) -> str:
    """Which set of objects, without its hash: "procedural" of "procedural-dd6dca66e1bd".

    The hash changes with every small change of a set, also of objects that a task does not have.
    """
    return name.rpartition("-")[0] or name


def robot_of(episode: Episode) -> str:
    """The row of `specs.ROBOTS` that recorded it; files that do not say are LIBERO's, "panda"."""
    return episode.provenance.get("robot", "panda")


class OneSource:
    """Looks at episode after episode and refuses the first that does not fit those before.

    A file that does not name its renderer or its assets fits any. LIBERO's published ones do not,
    but theirs are MuJoCo and LIBERO's own assets.
    """

    def __init__(self) -> None:
        """Have seen nothing yet."""
        self._seen: dict[str, tuple[str, str, str]] = {}

    def check(self, episode: Episode, where: str) -> None:
        """Compare with the first episode that told the same.

        Args:
            episode: The next one.
            where: Its file, for the message.

        Raises:
            SpecMismatch: Another kind of renderer or of assets, another robot or control mode,
                another source of pictures, or another shape of the same camera's pictures; names
                both files, and what to do.
        """
        told = dict(episode.provenance)
        if told.get("source") == PUBLISHED:
            told = {"renderer": "mujoco", "assets": "real", **told, "source": _SIMULATOR}
        if "source" in told or "renderer" in told:
            source = told.get("source", _SIMULATOR)
            self._compare("source of pictures", source, source, where)
        if "renderer" in told:
            self._compare("renderer", renderer_kind(told["renderer"]), told["renderer"], where)
        if "assets" in told:
            self._compare("assets", assets_kind(told["assets"]), told["assets"], where)
        self._compare("robot", robot_of(episode), robot_of(episode), where)
        for name, rows in episode.observations.items():
            if rows.ndim == 4:
                height, width = rows.shape[1:3]
                shape, kind = f"{height}x{width}", f"{height / width:.3f}"
                self._compare(f"picture shape of {name}", kind, shape, where)

    def _compare(self, what: str, kind: str, told: str, where: str) -> None:
        first_kind, first_told, first_where = self._seen.setdefault(what, (kind, told, where))
        if kind == first_kind:
            return
        if what == "robot" and _same_arms(kind, first_kind):
            what = "control mode"
        mend = next(text for start, text in _MEND.items() if what.startswith(start))
        raise SpecMismatch(
            f"A training set must not mix {_plural(what)}: {first_where} has {first_told!r}, "
            f"{where} has {told!r}. {mend}"
        )


def _same_arms(one: str, other: str) -> bool:
    return one in ROBOTS and other in ROBOTS and ROBOTS[one].arms == ROBOTS[other].arms


def _plural(what: str) -> str:
    """The word for several: renderers, assets, sources of pictures."""
    head, of, rest = what.partition(" of ")
    return (head if head.endswith("s") else head + "s") + of + rest
