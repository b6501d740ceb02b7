"""Any agent as a model server of vla-eval: one agent for every episode that is running."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread
from vla_eval.model_servers.base import ModelServer, SessionContext
from vla_eval.model_servers.serve import serve as serve_forever
from vla_eval.specs import DimSpec

from mosel_gym.agents.pretrained import PolicyAgent, load_any
from mosel_gym.errors import MoselError
from mosel_gym.integrations.layouts import layout
from mosel_gym.integrations.vla_eval_episode import ServedEpisode
from mosel_gym.integrations.vla_eval_specs import action_spec, observation_params, observation_spec
from mosel_gym.specs import ROBOTS, RobotSpec


class MoselModelServer(ModelServer):  # type: ignore[misc]  # vla-eval has no type information
    """Serves an agent to vla-eval's runners, in LIBERO's or RoboTwin's payload.

    Non-obvious behaviour:
        - Every running episode has an agent of its own: networks carry noise generators, and the
          trace grows. After EPISODE_END it goes to the next episode, whose `reset` begins anew.
        - Episodes belong to a connection. What vla-eval calls a session may be shared by several
          connections when it records, so that it is no key here.
        - An error is told as the answer to an observation and ends that episode alone: an agent
          that missed an observation no longer knows where it is. EPISODE_START never fails, because
          vla-eval's client would take its error for the answer to the first observation, and be one
          answer behind from then on.
        - The gripper of a delta action is always -1 or +1, because vla-eval's LIBERO closes at 0.
        - Without EPISODE_END the last action's result is never seen; the trace leaves it out.
        - vla-eval takes messages of any size. Keep the server on loopback, or behind a tunnel.

    Args:
        agent: Name of an embedded checkpoint, or a folder.
        device: "cpu" or "cuda".
        build: Makes an agent, in place of `agent` and `device`.
        reply_within_s: After this long an observation is answered with an error. vla-eval's client
            waits 30 s and then gives the connection up.
        threads: Observations that are worked on at the same time. One is right where the agent
            computes; more, where it waits for a model elsewhere.
        max_episodes: Running at the same time; the next one gets an error.

    Raises:
        UnknownId: No such agent.
        DamagedFile: A file of it is missing or damaged.
    """

    def __init__(
        self,
        agent: str = "libero-long",
        device: str = "cpu",
        *,
        build: Callable[[], PolicyAgent] | None = None,
        reply_within_s: float = 25.0,
        threads: int = 1,
        max_episodes: int = 32,
    ) -> None:
        for name, value in (("threads", threads), ("max_episodes", max_episodes)):
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be a whole number of at least 1.")
        if reply_within_s <= 0:
            raise ValueError(f"reply_within_s is {reply_within_s}; it must be above 0.")
        self._build = build or (lambda: load_any(agent, device=device))
        self.reply_within_s, self.threads, self.max_episodes = reply_within_s, threads, max_episodes
        first = self._build()  # now, so that a wrong name fails here and the weights are warm
        self.robot: RobotSpec = getattr(first, "robot", ROBOTS["panda"])
        self._layout = layout("vla_eval", self.robot)
        self._idle = [first]
        self._lock = threading.Lock()
        self._episodes: WeakKeyDictionary[SessionContext, ServedEpisode] = WeakKeyDictionary()
        self._limiter: anyio.CapacityLimiter | None = None

    @property
    def running(self) -> int:
        """Episodes that have begun and are not over."""
        return sum(not episode.fault for episode in self._episodes.values())

    # -- vla-eval --------------------------------------------------------------------------------

    async def on_serve_start(self, tg: Any) -> None:
        """Make what belongs to the event loop."""
        self._limiter = anyio.CapacityLimiter(self.threads)

    async def on_episode_start(self, config: dict[str, Any], ctx: SessionContext) -> None:
        """Remember the task; the agent is taken at the first observation."""
        task = config.get("task") if isinstance(config, dict) else None
        task = task if isinstance(task, dict) else {}
        episode = ServedEpisode(self._take, self.robot, self._layout, task)
        if self.running >= self.max_episodes:
            episode.end(
                f"the server already runs {self.max_episodes} episodes at once, its "
                "`max_episodes`. Wait until one of them has ended, or start it with more."
            )
        self._episodes[ctx] = episode

    async def on_observation(self, obs: Any, ctx: SessionContext) -> None:
        """Send `{"actions": float32 [A]}`.

        Raises:
            MoselError: Told to this client alone.
        """
        episode = self._episodes.get(ctx)
        if episode is None:
            raise MoselError(
                "An observation came before EPISODE_START, or after EPISODE_END: send "
                "EPISODE_START first, so that the agent begins anew."
            )
        try:
            with anyio.fail_after(self.reply_within_s):
                action = await anyio.to_thread.run_sync(
                    episode.answer, obs, abandon_on_cancel=True, limiter=self._limiter
                )
        except TimeoutError as error:
            # The thread may go on for a while; nobody else gets its agent.
            fault = (
                f"The agent gave no action within {self.reply_within_s} s. Raise `reply_within_s` "
                "and vla-eval's `server.timeout`, or serve fewer clients at once."
            )
            episode.end(fault)
            raise MoselError(fault) from error
        except Exception as error:
            self._free(episode, f"{type(error).__name__}: {error}")
            raise
        await ctx.send_action({"actions": action})

    async def on_episode_end(self, result: dict[str, Any], ctx: SessionContext) -> None:
        """Free the agent; vla-eval calls this too when a client leaves in mid-episode."""
        episode = self._episodes.pop(ctx, None)
        if episode is not None:
            self._free(episode, "it was ended.")

    def get_action_spec(self) -> dict[str, DimSpec]:
        """Named as vla-eval's LIBERO benchmark names them."""
        return action_spec(self.robot)

    def get_observation_spec(self) -> dict[str, DimSpec]:
        """What the agent needs: all cameras that may not be missing, the state, the text."""
        needed = [name for name in self._layout.pictures if name not in self._layout.optional]
        return observation_spec(self.robot, self._layout, needed)

    def get_observation_params(self) -> dict[str, Any]:
        """Makes vla-eval's LIBERO benchmark, and ours, send just that."""
        return observation_params(self.robot)

    # -- details ---------------------------------------------------------------------------------

    def _take(self) -> PolicyAgent:
        """An idle agent, or a new one; called in a worker's thread."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._build()

    def _free(self, episode: ServedEpisode, fault: str) -> None:
        agent = episode.end(fault)
        if agent is not None:
            with self._lock:
                self._idle.append(agent)


def serve(
    agent: str = "libero-long",
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    device: str = "cpu",
    reply_within_s: float = 25.0,
    threads: int = 1,
    max_episodes: int = 32,
) -> None:
    """Serve an agent to vla-eval until interrupted; arguments as those of `MoselModelServer`.

    Args:
        agent: Name of an embedded checkpoint, or a folder.
        host: Loopback by default: there is no password, and messages may have any size.
        port: 0 takes a free one.
        device: "cpu" or "cuda".
        reply_within_s: See `MoselModelServer`.
        threads: See `MoselModelServer`.
        max_episodes: See `MoselModelServer`.
    """
    server = MoselModelServer(
        agent,
        device,
        reply_within_s=reply_within_s,
        threads=threads,
        max_episodes=max_episodes,
    )
    serve_forever(server, host=host, port=port)
