"""A file of templates: read as it is meant, and every problem named."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.main import app
from edge.template_file import read_templates
from protocols.charger.jobs import ApplyTemplateJob, StationPattern
from protocols.charger.operations.variables import VariableName, VariableSetting
from protocols.errors import BadText

GOOD = """
[[templates]]
name = "fleet"
match = { model = "M*" }
variables = [
  { component = "OCPPCommCtrlr", variable = "HeartbeatInterval", value = 300 },
  { variable = "LocalAuthorizeOffline", value = true },
  { component = "Connector", evse_id = 1, connector_id = 2, variable = "X", variable_instance = "a", value = "b" },
]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "templates.toml"
    path.write_text(text)
    return path


def test_a_good_file(tmp_path: Path) -> None:
    assert read_templates(write(tmp_path, GOOD)) == {
        "fleet": ApplyTemplateJob(
            name="fleet",
            match=StationPattern(model="M*"),
            settings=(
                VariableSetting(
                    name=VariableName(component="OCPPCommCtrlr", variable="HeartbeatInterval"), value="300"
                ),
                VariableSetting(name=VariableName(variable="LocalAuthorizeOffline"), value="true"),
                VariableSetting(
                    name=VariableName(
                        component="Connector", variable="X", variable_instance="a", evse_id=1, connector_id=2
                    ),
                    value="b",
                ),
            ),
        )
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[templates]]\nname = 'a'\nvariables = []\n", "templates.toml:3: templates.0.variables"),
        ("[[templates]]\nname = 'a'\nvariablez = []\n", "variablez"),
        ("[[templates]]\nname = 'a'\n[[templates.variables]]\nvariable = 'x'\nvalue = ['y']\n", ":5: templates.0"),
        (GOOD + GOOD, "template 'fleet' stands here 2 times"),
        (GOOD.replace("LocalAuthorizeOffline", "AuthorizationKey"), "every station has a secret of its own"),
        (
            GOOD
            + "[[templates]]\nname = 'b'\nvariables = [{ variable = 'x', value = 1 }, { variable = 'x', value = 2 }]",
            "sets x 2",
        ),
        ("templates = 3", "templates"),
        ("x", "templates.toml"),
    ],
)
def test_problems(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(BadText) as error:
        read_templates(write(tmp_path, text))
    assert problem in str(error.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadText):
        read_templates(tmp_path / "none.toml")


def test_the_command_says_what_is_good_and_what_is_not(tmp_path: Path) -> None:
    good = CliRunner().invoke(app, ["template", "check", str(write(tmp_path, GOOD))])
    assert (good.exit_code, good.output) == (
        0,
        "fleet: good. 3 variables for vendor *, model M*, firmware *.\n",
    )
    bad = CliRunner().invoke(app, ["template", "check", str(write(tmp_path, "templates = []"))])
    assert bad.exit_code == 2
