"""API keys: found in the environment, and kept out of everything that is printed or stored."""

from __future__ import annotations

import os
import re

from mosel_gym.errors import MissingKey

# A run of this many characters of a key that comes back from a service counts as part of it.
_TELLTALE = 6


class Key:
    """A secret that only `reveal` gives out; printing, formatting and pickling do not."""

    def __init__(self, secret: str, variable: str) -> None:
        self._secret = secret
        self.variable = variable
        """The environment variable that it came from."""

    def reveal(self) -> str:
        """The key itself, for the SDK and nobody else."""
        return self._secret

    def __repr__(self) -> str:
        return f"<key from {self.variable}>"

    def __reduce__(self) -> str:
        raise TypeError(
            f"The key from {self.variable} is not pickled, so that it reaches no file. Build the "
            "model in each process with chat_model()."
        )

    def clean(self, text: str, limit: int = 300) -> str:
        """What a service said, shortened, without the key or parts of it.

        Services quote keys with the middle starred out, so every word goes that shares six
        characters in a row with the key, or that has stars in it.
        """
        if len(self._secret) >= 5:  # "none", where a server has no key, may be said
            text = text.replace(self._secret, "[key]")
        text = re.sub(r"[\w.*\-]+", self._clean_word, text)
        return " ".join(text.split())[:limit]

    def _clean_word(self, match: re.Match[str]) -> str:
        word = match.group()
        if "**" in word:
            return "[key]"
        runs = (word[start : start + _TELLTALE] for start in range(len(word) - _TELLTALE + 1))
        return "[key]" if any(run in self._secret for run in runs) else word


def find_key(service: str, variables: tuple[str, ...], where: str) -> Key:
    """The first of these environment variables that is set.

    Args:
        service: Who wants a key, for the message.
        variables: Names to look at, in order.
        where: The page that gives out keys.

    Raises:
        MissingKey: None is set; says which, and how to set one.
    """
    for variable in variables:
        secret = os.environ.get(variable, "").strip()
        if secret:
            if not secret.isascii() or not secret.isprintable() or " " in secret:
                raise MissingKey(
                    f"{variable} holds characters that no key of {service} has (spaces, line "
                    "breaks or letters beyond ASCII). Set it again, without quotation marks."
                )
            return Key(secret, variable)
    raise MissingKey(
        f"{service} needs a key, and {' or '.join(variables)} is not set. Get one at {where} and "
        f"run `export {variables[0]}=...`. Scripted models and local ones need none."
    )
