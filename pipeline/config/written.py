"""Read YAML and keep the text of each value: a version 1.10 is not 1.1, and a class `no` is not False."""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from tfx_contrastive.contract.errors import ConfigError

_STR_TAG = "tag:yaml.org,2002:str"


@dataclasses.dataclass
class Written:
    """A value that YAML does not read as text.

    Attributes:
        value: The value as YAML reads it: a number, date, boolean or None, or from --set a list or mapping.
        text: The text as it was written.
    """

    value: Any
    text: str


_MAX_VALUES = 100_000  # far more than any configuration that a person writes


class Loader(yaml.SafeLoader):
    """YAML's safe loader, which also refuses text whose aliases stand for very many values."""

    def compose_document(self) -> yaml.Node | None:
        """Return the root node of the document.

        Raises:
            yaml.YAMLError: If the document has too many values with its aliases written out.
        """
        node: yaml.Node | None = super().compose_document()
        count = 0 if node is None else _num_values(node, {})
        if count > _MAX_VALUES:
            raise yaml.YAMLError(
                f"it stands for {count:,} values with its aliases (such as *name) written out, expected at "
                f"most {_MAX_VALUES:,}; use fewer aliases"
            )
        return node


def _num_values(node: yaml.Node, known: dict[int, int]) -> int:
    """Return the number of values of a node, with itself; `known` has the numbers of nodes by their ids."""
    if id(node) not in known:
        inner: Iterable[yaml.Node] = ()
        if isinstance(node, yaml.SequenceNode):
            inner = node.value
        elif isinstance(node, yaml.MappingNode):
            inner = itertools.chain.from_iterable(node.value)
        known[id(node)] = 1 + sum(_num_values(each, known) for each in inner)
    return known[id(node)]


def read(text: str) -> Any:
    """Read YAML into lists, mappings with text as keys, text, and `Written` for all other values.

    Raises:
        ConfigError: If it is not YAML, has too many values, or a mapping in it has the same key twice.
    """
    try:
        loader = Loader(text)  # refuses control characters
    except yaml.YAMLError as error:
        raise ConfigError(str(error)) from error
    try:
        node = loader.get_single_node()
        return Written(None, "") if node is None else _tree(loader, node)
    except yaml.YAMLError as error:
        raise ConfigError(str(error)) from error
    except RecursionError:
        raise ConfigError("it is nested too deeply, or contains itself") from None
    finally:
        loader.dispose()


def read_override(text: str) -> Any:
    """Read the value of `--set KEY=VALUE` and keep its text; a value that is not YAML is text."""
    typed = text.strip()
    try:
        value = read(text)
    except ConfigError:
        return typed
    if isinstance(value, Written):
        return Written(value.value, typed)
    if isinstance(value, str):
        return value if typed[:1] in "\"'!" else typed  # YAML would drop a comment or an anchor
    return Written(value, typed)


def plain(tree: Any) -> Any:
    """Return the values as YAML reads them, without their texts."""
    if isinstance(tree, Written):
        return plain(tree.value)
    if isinstance(tree, dict):
        return {key: plain(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [plain(value) for value in tree]
    return tree


def take_text(tree: Any, errors: Sequence[Mapping[str, Any]]) -> bool:
    """Replace values by their text wherever pydantic expected text.

    Args:
        tree: The result of `read`; changed in place.
        errors: The errors of pydantic's ValidationError for `plain(tree)`.

    Returns:
        Whether a value was replaced, so that the tree should be validated again.
    """
    changed = False
    for item in errors:
        if item["type"] not in ("string_type", "literal_error", "tuple_type"):
            continue
        holder, key = _place(tree, item["loc"])
        value = None if holder is None else holder[key]
        if not isinstance(value, Written):
            continue
        if item["type"] == "literal_error" and repr(value.text) not in item["ctx"]["expected"]:
            continue
        if item["type"] == "tuple_type" and isinstance(value.value, list | dict):
            continue
        if not value.text:  # no value was written; empty text would be written as ''
            continue
        holder[key] = value.text
        changed = True
    return changed


def inside(tree: Any) -> Any:
    """Return the list or mapping inside a `Written` override; any other tree as it is."""
    return tree.value if isinstance(tree, Written) and isinstance(tree.value, list | dict) else tree


def _place(tree: Any, location: Sequence[Any]) -> tuple[Any, Any]:
    """Return the container and key of a location, without the union tags and type names of pydantic."""
    holder, key, at = None, None, tree
    for part in location:
        within = inside(at)
        if (isinstance(within, dict) and part in within) or (
            isinstance(within, list) and isinstance(part, int) and part < len(within)
        ):
            holder, key = within, part
            at = within[part]
    return holder, key


def _tree(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [_tree(loader, each) for each in node.value]
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node)
    if node.tag == _STR_TAG:
        return node.value
    try:
        value = loader.construct_object(node, deep=True)
    except (ValueError, yaml.constructor.ConstructorError):
        if node.tag.startswith("!"):
            raise
        return node.value  # such as the 13th month of 2024-13-01
    return value if isinstance(value, str) else Written(value, node.value)


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[str, Any]:
    seen = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(f"line {key.start_mark.line + 1} has a list or a mapping as a key")
        if key.value in seen:
            raise ConfigError(f"line {key.start_mark.line + 1} has the key {key.value!r} a second time")
        seen.add(key.value)
    loader.flatten_mapping(node)  # `<<: *other`
    return {key.value: _tree(loader, value) for key, value in node.value}
