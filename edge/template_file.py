"""Templates: a TOML file of variables that stations of a kind should have.

[[templates]]
name = "fleet defaults"
match = { vendor = "Volt*", model = "V2", firmware = "1.*" }
variables = [
  { component = "OCPPCommCtrlr", variable = "HeartbeatInterval", value = "300" },
  { variable = "MeterValueSampleInterval", value = "60" },   # an OCPP 1.6 key has no component
]
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, ValidationError

from edge.domain.reported_variables import is_secret
from edge.toml_lines import key_lines, line_of
from protocols.charger.jobs import ApplyTemplateJob, StationPattern
from protocols.charger.operations.variables import Attribute, VariableName, VariableSetting
from protocols.errors import BadText


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Name = Annotated[str, Field(min_length=1, max_length=100)]


class _Variable(_Strict):
    variable: Annotated[str, Field(min_length=1, max_length=50)]
    value: Annotated[str, Field(max_length=1000)] | StrictBool | StrictInt | StrictFloat
    component: Annotated[str, Field(max_length=50)] = ""
    component_instance: Annotated[str, Field(max_length=50)] | None = None
    variable_instance: Annotated[str, Field(max_length=50)] | None = None
    evse_id: Annotated[int, Field(ge=0, le=999)] | None = None
    connector_id: Annotated[int, Field(ge=1, le=999)] | None = None
    attribute: Attribute = "Actual"

    @property
    def setting(self) -> VariableSetting:
        # As stations write it: true and false small.
        value = str(self.value).lower() if isinstance(self.value, bool) else str(self.value)
        return VariableSetting(name=VariableName(**self.model_dump(exclude={"value"})), value=value)


class _Template(_Strict):
    name: Name
    variables: Annotated[tuple[_Variable, ...], Field(min_length=1, max_length=100)]
    match: StationPattern = StationPattern()


class _File(_Strict):
    templates: Annotated[tuple[_Template, ...], Field(min_length=1)]


def read_templates(path: Path) -> dict[str, ApplyTemplateJob]:
    """The templates of a file, by name. Raises BadText that names every problem with its line."""
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadText(f"{path}: {error}") from error
    try:
        found = _File(**raw)
    except (ValidationError, TypeError) as error:
        raise BadText("\n".join(_told(path, text, error))) from error
    if problems := [f"{path}: {problem}" for problem in _contradictions(found)]:
        raise BadText("\n".join(problems))
    return {
        each.name: ApplyTemplateJob(
            name=each.name, match=each.match, settings=tuple(variable.setting for variable in each.variables)
        )
        for each in found.templates
    }


def _contradictions(found: _File) -> list[str]:
    problems = []
    for name, count in Counter(each.name for each in found.templates).items():
        if count > 1:
            problems.append(f"template {name!r} stands here {count} times")
    for each in found.templates:
        for setting, count in Counter(variable.setting.name for variable in each.variables).items():
            if count > 1:
                problems.append(f"template {each.name!r} sets {setting.variable} {count} times")
            if is_secret(setting.variable):
                problems.append(
                    f"template {each.name!r} sets {setting.variable}: every station has a secret of its own, and this"
                    " file and the journal would hold it in clear"
                )
    return problems


def _told(path: Path, text: str, error: ValidationError | TypeError) -> list[str]:
    if isinstance(error, TypeError):
        return [f"{path}: {error}"]
    lines = key_lines(text)
    told = []
    for problem in error.errors(include_url=False, include_input=False):
        place: tuple[Any, ...] = problem["loc"]
        line = line_of(lines, place)
        told.append(f"{path}:{line or 1}: {'.'.join(map(str, place))}: {problem['msg']}")
    return list(dict.fromkeys(told))
