"""The README's words are those of the code: commands, steps, files, the DAG."""

import re
from pathlib import Path

import pytest
import typer
import yaml

from flows.cli import app
from tasks.core.params_file import load_params
from tasks.dag import STEPS

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def commands() -> set[str]:
    group = typer.main.get_command(app)
    return set(group.commands)  # type: ignore[attr-defined]


def test_every_command_is_in_the_readme_and_every_one_there_exists():
    told = set(re.findall(r"`(?:\.venv/bin/)?instructflow (\w+)", README))
    assert told == commands()


def test_every_command_has_help():
    group = typer.main.get_command(app)
    assert all(command.help for command in group.commands.values())  # type: ignore[attr-defined]


def test_every_step_is_in_the_table_and_in_the_dag():
    assert set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)) == set(STEPS)
    [chain] = re.findall(r"^sources > (.*)$", README, re.MULTILINE)
    order = [step for step in STEPS if step not in {"import_annotations", "validate"}]
    assert chain.split(" > ") == order


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_every_link_leads_somewhere(target):
    assert target.startswith("http") or (PROJECT / target).exists()


def test_every_make_target_in_the_readme_exists():
    made = set(re.findall(r"^(\w+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|[`\s])make (\w+)", README)) & {"run", "test", "ui"} <= made


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 210


def test_the_deployment_of_prefect_yaml_is_a_flow_on_the_schedule_of_params_yaml():
    from flows.scheduled import scheduled_build

    [deployment] = yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]
    file, name = deployment["entrypoint"].split(":")
    assert (PROJECT / file).is_file()
    assert name == scheduled_build.fn.__name__
    serve = load_params(PROJECT / "params.yaml").serve
    assert deployment["schedules"] == [{"cron": serve.cron, "timezone": serve.timezone}]
