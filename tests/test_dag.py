"""One name per step, everywhere: dag.py, dvc.yaml, params, modules, suites, tests; and deps on all a step reads."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

from tasks.core.params import Params
from tasks.core.params_file import load_params
from tasks.dag import ROW_WISE, STEPS, TRAINING, Stage, stages

PROJECT = Path(__file__).parent.parent
PARAMS = load_params(PROJECT / "params.yaml")
ALL = list(stages(PROJECT, PROJECT / "data", PARAMS))
GUARDED = ("ingest", "clean", "dedup", "split", "release")


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    return {stage.addressing: stage for stage in Repo(str(PROJECT)).index.stages}


def paths(things: Any) -> set[str]:
    return {Path(str(thing)).resolve().relative_to(PROJECT).as_posix() for thing in things}


def covers(deps: set[str], path: str) -> bool:
    return any(path == dep or path.startswith(f"{dep}/") or dep.startswith(f"{path}/") for dep in deps)


def test_both_doors_have_the_same_stages(recorded: dict[str, Any]) -> None:
    assert {stage.name for stage in ALL} == set(recorded)


def test_the_order_of_dag_is_one_that_dvc_would_take(recorded: dict[str, Any]) -> None:
    made: set[str] = set()
    everything = {out for stage in recorded.values() for out in paths(stage.outs)}
    for stage in ALL:
        for dep in paths(recorded[stage.name].deps):
            needed = {out for out in everything if covers({dep}, out)}
            assert needed <= made, f"{stage.name} needs {sorted(needed - made)}"
        made |= paths(recorded[stage.name].outs)


@pytest.mark.parametrize("step", STEPS)
def test_every_step_has_one_name_everywhere(step: str) -> None:
    module = PROJECT / "tasks" / f"{step}.py"
    functions = {node.name for node in ast.parse(module.read_text()).body if isinstance(node, ast.FunctionDef)}
    assert step in functions
    assert step in {field.alias or name for name, field in Params.model_fields.items()}
    assert (PROJECT / "tests" / f"test_{step}.py").is_file()
    assert (PROJECT / "expectations" / f"{step}.json").is_file() == (step in GUARDED)


def test_the_flow_has_a_task_for_every_step() -> None:
    from flows.steps import TASKS

    assert set(TASKS) == {*STEPS, "export_annotations"}


@pytest.mark.parametrize("stage", ALL, ids=lambda stage: stage.name)
def test_a_stage_runs_its_step_and_depends_on_all_it_reads(stage: Stage, recorded: dict[str, Any]) -> None:
    dvc = recorded[stage.name]
    words = dvc.cmd.split()
    assert words[:4] == ["python", "-m", "tasks", stage.step if "whole" not in stage.name else "validate_whole"]
    assert "-".join(words[4:]) == (stage.name.split("@")[1] if "@" in stage.name else "")
    deps, outs = paths(dvc.deps), paths(dvc.outs)
    assert {"requirements.lock", "tasks/dag.py", "tasks/core", f"tasks/{stage.step}.py"} <= deps
    for path in imported(PROJECT / "tasks" / f"{stage.step}.py"):
        assert covers(deps, path), f"{stage.name} imports {path}"
    target = paths([stage.target]).pop()
    assert all(out == target or out.startswith(f"{target}/") for out in outs)
    for argument in stage.arguments[:-2]:
        path = paths([argument]).pop()
        assert path == "data" or covers(deps, path), f"{stage.name} reads {path}"


def imported(module: Path) -> set[str]:
    """What a step imports of ours, as paths."""
    nodes = [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.ImportFrom)]
    names = [(node.module or "").split(".") for node in nodes]
    return {"/".join(parts[:2]) for parts in names if parts[0] == "tasks" and parts[1:2] != ["dag"]}


@pytest.mark.parametrize("stage", ALL, ids=lambda stage: stage.name)
def test_a_stage_depends_on_the_params_that_it_gets(stage: Stage, recorded: dict[str, Any]) -> None:
    tracked = {name for dep in recorded[stage.name].deps if dep.def_path == "params.yaml" for name in dep.params}
    expected = {stage.step}
    if stage.step == "ingest":
        expected |= {f"sources.{stage.name.split('@')[1]}"}
    if stage.step in {"dedup", "release"}:
        expected |= {"sources"}
    if stage.step == "release":
        expected |= set(STEPS[: STEPS.index("release")])
    if stage.step == "lift":
        expected |= {"train", "tokenize"}
    assert tracked == expected


def test_the_paths_of_benchmarks_are_deps(recorded: dict[str, Any]) -> None:
    deps = paths(recorded["decontaminate"].deps)
    assert {source.path for source in PARAMS.decontaminate.benchmarks.values()} <= deps


def test_a_gate_stands_before_the_next_step(recorded: dict[str, Any]) -> None:
    needs = {"dedup": "data/validate/clean", "decontaminate": "data/validate/dedup.json"}
    needs |= {"augment": "data/validate/split.json", "tokenize": "data/validate/release.json"}
    needs |= {f"clean@{name}": f"data/validate/ingest/{name}.json" for name in PARAMS.sources}
    for stage, gate in needs.items():
        assert gate in paths(recorded[stage].deps), stage


def test_a_gate_depends_on_all_of_the_folder_that_it_judges(recorded: dict[str, Any]) -> None:
    for stage in ALL:
        if stage.step == "validate":
            assert paths([stage.arguments[0]]) <= paths(recorded[stage.name].deps), stage.name


def test_only_row_wise_steps_take_shards() -> None:
    for stage in ALL:
        assert ("run_shards" in inspect.signature(stage.function).parameters) == (stage.step in ROW_WISE), stage.name


def test_dvc_yaml_says_what_each_stage_does() -> None:
    written = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"]
    assert all(len(stage.get("do", stage)["desc"]) > 20 for stage in written.values())


HEAVY = {"torch", "great_expectations", "transformers", "spacy", "matplotlib", "pandas"}
NEEDED = {
    "validate": {"great_expectations", "pandas", "matplotlib"},
    "report": {"matplotlib"},
    **{step: {"torch", "matplotlib", "pandas", "transformers"} for step in TRAINING},
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_imports_no_orchestrator_and_no_library_that_it_does_not_need(step: str) -> None:
    code = f"import sys, tasks.__main__, tasks.{step}; print(*{{name.split('.')[0] for name in sys.modules}})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert not {"prefect", "dvc", "ray", "dask", "flows"} & set(found.stdout.split())
    assert not HEAVY & set(found.stdout.split()) - NEEDED.get(step, set())
