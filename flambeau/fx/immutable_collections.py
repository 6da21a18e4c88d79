"""`torch.fx.immutable_collections`: the lists and dicts in a node's arguments, which are changed by assigning new ones.

May import `flambeau.trees`.
"""

from __future__ import annotations

from typing import Any, NoReturn

from flambeau.trees import register

__all__ = ["immutable_dict", "immutable_list"]


def _refused(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
    kind = type(self).__name__
    raise TypeError(
        f"'{kind}' object does not support mutation. If you are attempting to modify the kwargs or args of a torch.fx.Node "
        "object,\ninstead create a new copy of it and assign the copy to the node:\n    new_args = ... # copy and mutate args\n"
        "    node.args = new_args"
    )


class immutable_list(list):
    """A list that can't be changed. Raises TypeError where one tries."""

    append = clear = extend = insert = pop = remove = reverse = sort = _refused  # type: ignore[assignment]
    __delitem__ = __iadd__ = __imul__ = __setitem__ = _refused  # type: ignore[assignment]

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self))

    def __reduce__(self) -> Any:
        return immutable_list, (tuple(self),)


class immutable_dict(dict):
    """A dict that can't be changed. Raises TypeError where one tries."""

    clear = pop = popitem = setdefault = update = _refused  # type: ignore[assignment]
    __delitem__ = __ior__ = __setitem__ = _refused  # type: ignore[assignment]

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))

    def __reduce__(self) -> Any:
        return immutable_dict, (dict(self),)


register(immutable_dict, lambda d: (list(d.values()), tuple(d)), lambda values, keys: immutable_dict(zip(keys, values)))
