"""Constructor arguments as JSON, so that an environment's spec can be written down.

Wrappers take objects, or a JSON form of them that `spec.to_json()` can store: `{"type":
"module:attr", ...}` for a rater, the folder of a saved model or `"module:attr"` for a reward
function. As with Gymnasium's entry points, a spec names code that will be imported: load specs
only from people you trust.
"""

from collections.abc import Mapping
from typing import Any, Self

from gymnasium.utils import RecordConstructorArgs

from gym_rated.imports import load_attribute


class SharedArguments(dict[str, Any]):
    """Constructor arguments that a copy of a spec shares with the spec.

    Gymnasium copies the specs of inner wrappers. A copied `learner.fit` would train a model that
    nobody uses, and what cannot be copied would turn the spec into None.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a new dict of the same objects."""
        return type(self)(self)


def record_arguments(wrapper: Any, given: Mapping[str, Any]) -> None:
    """Record constructor arguments for `wrapper.spec`, as objects to be shared.

    Args:
        wrapper: A `RecordConstructorArgs`.
        given: The constructor's `locals()` at its very beginning, when they are its arguments.
    """
    hidden = ("self", "env", "__class__")  # the last is what `super()` needs
    arguments = {name: value for name, value in given.items() if name not in hidden}
    RecordConstructorArgs.__init__(wrapper, _disable_deepcopy=True, **arguments)
    wrapper._saved_kwargs = SharedArguments(wrapper._saved_kwargs)


def resolve_rater(rater: Any) -> Any:
    """Return a rater from an object or its JSON form.

    Raises:
        TypeError: If it is neither; a rater has `num_classes`, `pending`, `submit` and `collect`.
    """
    if isinstance(rater, Mapping):
        rater = _made(rater)
    for member in ("num_classes", "pending", "submit", "collect"):
        if not hasattr(rater, member):
            raise TypeError(
                "`rater` must have `num_classes`, `pending`, `submit` and `collect`, got "
                f"{rater!r} without `{member}`; wrap a function in CallableRater"
            )
    return rater


def _made(description: Mapping[str, Any]) -> Any:
    """Make a rater from its JSON form; raters inside it (`SeveralRaters`'s) have the same form."""
    if "type" not in description:
        raise ValueError(f"`rater` must name its class under 'type', got {dict(description)}")
    options = {name: _inner(value) for name, value in description.items() if name != "type"}
    return load_attribute(description["type"])(**options)


def _inner(value: Any) -> Any:
    if isinstance(value, list):
        return [_inner(item) for item in value]
    return _made(value) if isinstance(value, Mapping) else value
