"""Operations as a person types them: a name and a JSON object of fields."""

from __future__ import annotations

import json
from typing import Final, get_args

from pydantic import TypeAdapter, ValidationError

from protocols.charger.commands import AnyOperation, Operation
from protocols.errors import BadText

_OPERATION: Final[TypeAdapter[Operation]] = TypeAdapter(AnyOperation)
_PROBLEMS_TOLD: Final = 3


def operation_names() -> list[tuple[str, str]]:
    """Each operation with the first line of what its type says of it."""
    kinds = {kind.__dataclass_fields__["operation"].default: kind for kind in get_args(Operation)}
    return [(name, (kinds[name].__doc__ or "").splitlines()[0]) for name in sorted(kinds)]


def read_operation(name: str, fields: str) -> Operation:
    """Raises BadText with what is wrong."""
    names = [known for known, _ in operation_names()]
    if name not in names:
        raise BadText(f"there is no operation {name!r}; the operations are {', '.join(names)}")
    try:
        given = json.loads(fields)
    except ValueError as error:
        raise BadText(f"the fields are not JSON: {error}") from error
    if not isinstance(given, dict):
        raise BadText('the fields must be a JSON object, such as \'{"type": "OnIdle"}\'')
    try:
        return _OPERATION.validate_python({**given, "operation": name})
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)[:_PROBLEMS_TOLD]
        raise BadText("; ".join(f"{_place(problem['loc'])}: {problem['msg']}" for problem in problems)) from error


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location[1:]) or "the operation"
