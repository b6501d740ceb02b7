"""Any agent as a model server of vla-eval: one agent for every episode that is running."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread
from vla_eval.model_servers.base import ModelServer, SessionContext
from vla_eval.model_servers.serve import serve_async
from vla_eval.specs import DimSpec

from mosel_gym.errors import MoselError
from mosel_gym.integrations.layouts import layout
from mosel_gym.integrations.vla_eval_episode import EpisodeLimits, ServedEpisode
from mosel_gym.integrations.vla_eval_specs import action_spec, observation_params, observation_spec

if TYPE_CHECKING:
    # A benchmark's process imports this module too, and does without torch.
    from mosel_gym.agents.pretrained import PolicyAgent
    from mosel_gym.integrations.serving import OnReady, ServeConfig

_SPARE_S = 5.0
"""What is left of vla-eval's 30 s when we give up."""


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
        - The result of the last action is never seen; the agent's trace leaves it out.
        - vla-eval reads messages of any size before we see them. Keep the server on loopback.

    Args:
        agent: Name of an embedded checkpoint, a folder, or a function that builds an agent which
            shares nothing with those before it.
        device: "cpu" or "cuda", for an agent by name.
        goal: For clients that send no `task_description`.
        sessions: Episodes at the same time; one more is answered with an error.
        threads: Observations that are worked on at the same time. One is right where the agent
            computes; more, where it waits for a model elsewhere.
        reply_within_s: After this long an observation is answered with an error. vla-eval's client
            waits 30 s (`server.timeout`), then gives the connection up.
        limits: How much a client may send.

    Raises:
        UnknownId: No such agent.
        DamagedFile: A file of it is missing or damaged.
        SpecMismatch: The agent does not say which robot it is for.
    """

    def __init__(
        self,
        agent: str | Callable[[], PolicyAgent] = "libero-long",
        device: str = "cpu",
        *,
        goal: str | None = None,
        sessions: int = 32,
        threads: int = 1,
        reply_within_s: float = 30.0 - _SPARE_S,
        limits: EpisodeLimits | None = None,
    ) -> None:
        from mosel_gym.integrations.session import robot_of

        for name, value in (("sessions", sessions), ("threads", threads)):
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be a whole number of at least 1.")
        if reply_within_s <= 0:
            raise ValueError(f"reply_within_s is {reply_within_s}; it must be above 0.")
        self.sessions, self.threads, self.reply_within_s = sessions, threads, reply_within_s
        self._build = partial(_loaded, agent, device) if isinstance(agent, str) else agent
        first = self._build()  # now: a wrong name fails here, and the weights are warm
        self.robot = robot_of(first)
        self._layout = layout("vla_eval", self.robot)
        self._new_episode = partial(
            ServedEpisode, self._take, self.robot, self._layout, goal, limits or EpisodeLimits()
        )
        self._idle = [first]
        self._lock = threading.Lock()
        # Weak, because vla-eval drops a context without a word when an episode fails at its end.
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
        task = config.get("task")
        episode = self._new_episode(task if isinstance(task, dict) else {})
        if self.running >= self.sessions:
            episode.end(
                f"The server has all its {self.sessions} `sessions` running. Wait until one of "
                "them has ended, or start it with more."
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
            # Its thread may go on for a while; nobody else gets that agent.
            fault = (
                f"The agent gave no action within {self.reply_within_s:g} s. Raise "
                "`reply_within_s` here and `server.timeout` in vla-eval's config, or serve fewer "
                "clients at once."
            )
            self._free(episode, fault)
            raise MoselError(fault) from error
        except MoselError as error:
            self._free(episode, f"{type(error).__name__}: {error}")
            raise
        except Exception as error:  # vla-eval logs it; its words are no client's business
            fault = f"The server broke on this ({type(error).__name__}); its log says where."
            self._free(episode, fault)
            raise MoselError(fault) from error
        await ctx.send_action({"actions": action})

    async def on_episode_end(self, result: dict[str, Any], ctx: SessionContext) -> None:
        """Free the agent; vla-eval calls this too when a client leaves in mid-episode."""
        episode = self._episodes.pop(ctx, None)
        if episode is not None:
            self._free(episode, "It was ended.")

    def get_action_spec(self) -> dict[str, DimSpec]:
        """Named as vla-eval's LIBERO benchmark names them."""
        return action_spec(self.robot)

    def get_observation_spec(self) -> dict[str, DimSpec]:
        """What the agent needs: the cameras that may not be missing, the state, the text."""
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
    agent: str | Callable[[], PolicyAgent] = "libero-long",
    config: ServeConfig | None = None,
    on_ready: OnReady | None = None,
) -> None:
    """Serve an agent to vla-eval until interrupted.

    Args:
        agent: As for `MoselModelServer`.
        config: Where, and how much; None = port 8000 of loopback.
        on_ready: Called with host and port once clients can connect.

    Raises:
        MoselError: The agent cannot be built, or the port cannot be opened.
    """
    from mosel_gym.integrations.serving import ServeConfig

    config = config or ServeConfig()
    anyio.run(run_server, configured(agent, config), config, on_ready)


def configured(agent: str | Callable[[], PolicyAgent], config: ServeConfig) -> MoselModelServer:
    """The model server that `serve` runs.

    Raises:
        MoselError: The agent cannot be built.
    """
    return MoselModelServer(
        agent,
        goal=config.goal(),
        sessions=config.sessions,
        threads=config.sessions,  # an agent that hangs must not use up the time of the others
        limits=EpisodeLimits(config.max_message_mb, config.max_episode_mb),
    )


async def run_server(
    server: MoselModelServer, config: ServeConfig, on_ready: OnReady | None
) -> None:
    """Listen until cancelled; host, port and errors as for `serve`."""
    try:
        async with anyio.create_task_group() as group:
            port = await group.start(serve_async, server, config.host, config.port)
            if on_ready is not None:
                on_ready(config.host, port)
    except* OSError as errors:
        error: BaseException = errors
        while isinstance(error, BaseExceptionGroup):  # one for each task group of vla-eval and ours
            error = error.exceptions[0]
        raise MoselError(
            f"{config.host}, port {config.port} cannot be opened: {error}. Is "
            "another server running there? `--port` takes another, `--port 0` a free one."
        ) from errors


def _loaded(agent: str, device: str) -> PolicyAgent:
    from mosel_gym.agents.pretrained import load_any

    return load_any(agent, device=device)
