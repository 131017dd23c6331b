"""Constructor arguments as JSON, so that an environment's spec can be written down.

Wrappers take objects, or a JSON form of them that `spec.to_json()` can store: `{"type":
"module:attr", ...}` for a rater, the folder of a saved model or `"module:attr"` for a reward
function. As with Gymnasium's entry points, a spec names code that will be imported: load specs
only from people you trust.
"""

from collections.abc import Mapping
from typing import Any, Self
from weakref import WeakKeyDictionary

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


class SharedObject:
    """In a spec, in the place of a rater: it leads back to it in a wrapper's constructor only.

    A spec passes through the rating wrappers, and a synthetic rater knows the true reward.
    """

    def __init__(self, value: Any) -> None:
        self.kind = type(value).__name__
        _OBJECTS[self] = value

    def __repr__(self) -> str:
        """Return the class of the object, and nothing of it."""
        return f"<{self.kind}, shared>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return this: what it stands for is shared."""
        return self

    def __reduce__(self) -> Any:
        """Pickle the object with it."""
        return type(self), (_OBJECTS[self],)


_OBJECTS: WeakKeyDictionary[SharedObject, Any] = WeakKeyDictionary()


def sealed(rater: Any) -> Any:
    """Return a rater as a spec may show it: its JSON form, or something that stands for it."""
    return rater if isinstance(rater, SharedObject) or _is_json(rater) else SharedObject(rater)


def _is_json(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_json(item) for item in value.values())
    if isinstance(value, list | tuple):
        return all(_is_json(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str)


def record_arguments(wrapper: Any, given: Mapping[str, Any]) -> None:
    """Record constructor arguments for `wrapper.spec`, as objects to be shared.

    Args:
        wrapper: A `RecordConstructorArgs`.
        given: The constructor's `locals()` at its very beginning, when they are its arguments.
    """
    hidden = ("self", "env", "__class__")  # the last is what `super()` needs
    arguments = {name: value for name, value in given.items() if name not in hidden}
    if "rater" in arguments:
        arguments["rater"] = sealed(arguments["rater"])
    RecordConstructorArgs.__init__(wrapper, _disable_deepcopy=True, **arguments)
    wrapper._saved_kwargs = SharedArguments(wrapper._saved_kwargs)


def resolve_rater(rater: Any) -> Any:
    """Return a rater from an object or its JSON form.

    Raises:
        TypeError: If it is neither; a rater has `num_classes`, `pending`, `submit` and `collect`.
    """
    if isinstance(rater, SharedObject):
        rater = _OBJECTS[rater]
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
