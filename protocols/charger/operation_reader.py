"""Operations as people and programs write them: every field is known, or the whole is refused."""

from __future__ import annotations

from typing import Any, Final, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError

from protocols.charger.commands import AnyOperation, Operation
from protocols.errors import BadText

_STRICT: Final[TypeAdapter[Operation]] = TypeAdapter(AnyOperation, config=ConfigDict(extra="forbid", defer_build=True))
_PROBLEMS_TOLD: Final = 3


def build() -> None:
    """Make the reader now, and not when the first operation comes."""
    _STRICT.rebuild()


def operation_names() -> list[tuple[str, str]]:
    """Each operation with the first line of what its type says of it."""
    kinds = {kind.__dataclass_fields__["operation"].default: kind for kind in get_args(Operation)}
    return [(name, (kinds[name].__doc__ or "").splitlines()[0]) for name in sorted(kinds)]


def validate_operation(document: Any) -> Operation:
    """Raises pydantic's ValidationError."""
    return _STRICT.validate_python(document)


def read_operation(name: str, fields: dict[str, Any]) -> Operation:
    """Raises BadText with what is wrong."""
    names = [known for known, _ in operation_names()]
    if name not in names:
        raise BadText(f"there is no operation {name!r}; the operations are {', '.join(names)}")
    try:
        return validate_operation({**fields, "operation": name})
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)[:_PROBLEMS_TOLD]
        raise BadText("; ".join(f"{_place(problem['loc'])}: {problem['msg']}" for problem in problems)) from error


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location[1:]) or "the operation"
