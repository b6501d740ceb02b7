"""What goes wrong on the way to a service, as our own errors with nothing secret in them."""

from __future__ import annotations

from mosel_gym.errors import MissingKey, ModelError, ModelUnavailable
from mosel_gym.llm.config import ChatConfig
from mosel_gym.llm.keys import Key

CHECK_S = 10.0
"""Seconds for a look whether a key is taken; what takes longer is left to the first call."""


def key_turned_down(name: str, key: Key, status: int) -> MissingKey:
    """For HTTP 401 and the like. The service's words are left out: they quote the key."""
    return MissingKey(
        f"{name} turned the key down (HTTP {status}). It comes from {key.variable}; check it, and "
        "that its account may use this model, then set it again. No further try was made."
    )


def from_status(name: str, key: Key, status: int, said: str, config: ChatConfig) -> ModelError:
    """An answer with an HTTP status that is no success.

    Args:
        name: Of the model.
        key: To clean out of what was said.
        status: The HTTP status of the last try.
        said: The service's words.
        config: Says how many tries were made.
    """
    if status in (401, 403):
        return key_turned_down(name, key, status)
    words = key.clean(said) or "nothing"
    if status == 429:
        advice = (
            f"{_tries(config)}. It is a rate limit or an empty account; --llm.calls-per-minute "
            "spaces calls out, --llm.retries waits longer."
        )
    elif status in (408, 409) or status >= 500:
        advice = f"{_tries(config)}. The trouble is the service's; run again later."
    else:
        advice = "No further try was made, since the same request would fail again."
        if status == 404:
            advice += " Is the model's name right, and the address?"
    return ModelUnavailable(f"{name} answered HTTP {status} and said: {words!r}. {advice}")


def unreachable(name: str, key: Key, said: str, config: ChatConfig) -> ModelUnavailable:
    """No connection, a connection that was cut, or silence for too long."""
    return ModelUnavailable(
        f"{name} could not be reached ({key.clean(said) or 'connection lost'}). {_tries(config)}, "
        f"each with up to {config.timeout_s:g} s of silence. Check the network and the address; "
        "--llm.timeout-s waits longer."
    )


def not_json(name: str, key: Key, said: str) -> ModelUnavailable:
    """A success whose body is not what the service's interface promises."""
    return ModelUnavailable(
        f"{name} sent a body that is not the JSON of its interface ({key.clean(said)!r}). Is "
        "the address that of such a service, and does a proxy stand between?"
    )


def unexpected(name: str, key: Key, error: Exception) -> ModelUnavailable:
    """Anything else that came out of the library below."""
    return ModelUnavailable(
        f"{name}: the call failed with {type(error).__name__}: {key.clean(f'{error}')!r}. Is "
        "the address right, and do the releases of the service's library and of mosel-gym fit?"
    )


def too_late(name: str, config: ChatConfig) -> ModelUnavailable:
    """The deadline of the whole call has passed."""
    return ModelUnavailable(
        f"{name} has not finished its answer within {config.deadline_s:g} s, all tries counted; "
        "the call was given up. --llm.deadline-s allows more."
    )


def _tries(config: ChatConfig) -> str:
    # Up to: an SDK gives up sooner if the service tells it to, or to wait for minutes.
    return f"Up to {config.retries + 1} tries were made" if config.retries else "One try was made"
