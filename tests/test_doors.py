"""Both doors over a small copy of the project: the same bytes, just the stale stages, gates, versions, a killed build.

One story in the order of the file, for a build costs seconds: a Prefect server with its UI, `instructflow build`, then
`dvc repro` and git over what it left.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from flows.server import is_up
from tasks.core.params import Params
from tasks.core.params_file import load_params, parse_params, spell_out
from tasks.core.schema import answer_text, prompt_text
from tasks.core.text import normalised
from tasks.dag import STEPS, stages

PROJECT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PORT = 4871
WAIT_SECONDS = 200
SMALL: dict[str, dict[str, Any]] = {
    "tokenize": {"vocab_size": 600},
    "train": {"block_size": 128, "pretrain_steps": 4, "max_steps": 4, "batch_size": 2, "eval_every": 4},
    "evaluate": {"n_samples": 2, "max_new_tokens": 4},
    "lift": {"seeds": [0, 1], "max_steps": 2, "batch_size": 2},
}


class House:
    """A small project in a folder of its own, with what its commands need."""

    def __init__(self, root: Path) -> None:
        self.root, self.data = root, root / "data"
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
        self.env |= {"PATH": f"{BIN}{os.pathsep}{self.env['PATH']}", "PREFECT_LOGGING_LEVEL": "INFO"}
        self.env |= {"GIT_CONFIG_GLOBAL": os.devnull, "COLUMNS": "200"}
        for who in ("AUTHOR", "COMMITTER"):
            self.env |= {f"GIT_{who}_NAME": "test", f"GIT_{who}_EMAIL": "test@example.org"}

    def run(self, *command: str, expect: int | None = 0) -> str:
        """Run a command in the project; its output, both streams."""
        done = subprocess.run(
            command, cwd=self.root, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert expect is None or done.returncode == expect, f"{command}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def ran(self) -> set[str]:
        """The stages that the last build ran."""
        return set(json.loads((self.data / "run" / "costs.json").read_text()))

    def hashes(self, *parts: str) -> dict[str, str]:
        """sha256 of every artifact, of the given folders of data or of all."""
        folders = [self.data / part for part in parts] or [
            path for path in self.data.iterdir() if path.name not in {"sources", "run"}
        ]
        files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
        return {f.relative_to(self.data).as_posix(): sha256(f.read_bytes()).hexdigest() for f in files}

    def forget(self) -> None:
        """Remove all that was built, and DVC's cache with it."""
        for path in [p for p in self.data.iterdir() if p.name != "sources"] + [self.root / ".dvc" / "cache"]:
            shutil.rmtree(path)

    def change(self, section: str, **values: Any) -> None:
        """Set params in params.yaml."""
        content = yaml.safe_load((self.root / "params.yaml").read_text())
        content[section] |= values
        (self.root / "params.yaml").write_text(spell_out(parse_params(content, "params.yaml")))

    def api(self, path: str, body: dict[str, Any]) -> Any:
        """Ask the Prefect server."""
        address = f"http://127.0.0.1:{PORT}/api/{path}"
        request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)


def small_params() -> Params:
    content = load_params(PROJECT / "params.yaml").model_dump(by_alias=True, exclude_unset=True)
    planted = content["sources"]["planted"]
    content["sources"] = {"assistants": {"path": "data/sources/assistants.jsonl", "human": True}, "planted": planted}
    for section, values in SMALL.items():
        content[section] |= values
    return parse_params(content, "small")


def wait_for(what: Any, seconds: float = WAIT_SECONDS) -> Any:
    """The first true value of `what()`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.2)
    pytest.fail(f"waited {seconds} s for {what}")


def end(process: "subprocess.Popen[Any]") -> None:
    """Stop a process and all that it started."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("house"))
    without_caches = shutil.ignore_patterns("__pycache__")
    tracked = ("tasks", "expectations", "annotations", "baseline", "dvc.yaml", "requirements.lock")
    for name in (*tracked, ".dvcignore", ".gitignore"):
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, house.root / name, **({"ignore": without_caches} if (PROJECT / name).is_dir() else {}))
    (house.root / ".dvc").mkdir()
    shutil.copy(PROJECT / ".dvc" / "config", house.root / ".dvc" / "config")
    shutil.copy(PROJECT / ".dvc" / ".gitignore", house.root / ".dvc" / ".gitignore")
    sources = PROJECT / "data" / "sources"
    (house.data / "sources").mkdir(parents=True)
    shutil.copy(sources / "planted.jsonl", house.data / "sources")
    lines = [line for name in ("zh", "en") for line in (sources / f"assistant_{name}.jsonl").open(encoding="utf-8")]
    (house.data / "sources" / "assistants.jsonl").write_text("".join(lines), encoding="utf-8")
    (house.root / "params.yaml").write_text(spell_out(small_params()), encoding="utf-8")
    house.run("git", "init", "-q")
    server = subprocess.Popen(
        [str(BIN / "instructflow"), "ui", "--port", str(PORT)],
        cwd=house.root, env=house.env, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: is_up(f"http://127.0.0.1:{PORT}"))
        yield house
    finally:
        end(server)


@pytest.fixture(scope="module")
def first(house: House) -> dict[str, str]:
    """The hashes that the first build through the Prefect door left; its version is committed."""
    output = house.run("instructflow", "build")
    assert f"http://127.0.0.1:{PORT}" in output
    assert "Release:" in output
    assert str(house.data / "report" / "index.html") in output
    house.run("git", "add", "-A")
    house.run("git", "commit", "-qm", "first")
    return house.hashes()


def test_after_a_build_dvc_says_up_to_date(house: House, first: dict[str, str]) -> None:
    assert house.ran() == {stage.name for stage in stages(house.root, house.data, small_params())}
    assert "up to date" in house.run("dvc", "status")
    assert "up to date" in house.run("dvc", "repro")
    assert house.hashes() == first


def test_where_nothing_is_stale_a_build_says_so_without_prefect(house: House, first: dict[str, str]) -> None:
    assert "Everything is up to date." in (output := house.run("instructflow", "build"))
    assert "Flow run" not in output


def test_task_runs_tables_plots_and_progress_are_in_the_ui(house: House, first: dict[str, str]) -> None:
    tasks = {run["name"]: run["state_type"] for run in house.api("task_runs/filter", {})}
    assert set(tasks) == {stage.name for stage in stages(house.root, house.data, small_params())}
    assert set(tasks.values()) == {"COMPLETED"}
    artifacts = house.api("artifacts/filter", {})
    tables = {a["key"] for a in artifacts if a["type"] == "table"}
    assert {step.replace("_", "-") for step in STEPS if step not in {"ingest", "clean", "validate"}} <= tables
    images = [a for a in artifacts if a["type"] == "image"]
    assert len(images) > 20
    assert all(a["data"].startswith("data:image/svg+xml;base64,") for a in images)
    progress = [a for a in artifacts if a["type"] == "progress"]
    assert [a["data"] for a in progress if a["key"] == "build-progress"] == [100.0]


def test_no_family_and_no_pair_is_in_two_splits_and_children_are_in_train(house: House, first: dict[str, str]) -> None:
    splits = {split: pl.read_parquet(house.data / "release" / f"{split}.parquet") for split in ("train", "val", "test")}
    rows = pl.concat(splits.values())
    assert all((frame["split"] == split).all() and len(frame) for split, frame in splits.items())
    pair = pl.concat_str(normalised(prompt_text()), pl.lit("\n"), normalised(answer_text()))
    assert rows.group_by("family").agg(pl.col("split").n_unique())["split"].max() == 1
    assert rows.group_by(pair).agg(pl.col("split").n_unique())["split"].max() == 1
    assert set(rows.filter(pl.col("made_by") != "source")["split"]) == {"train"}


def test_the_ledgers_of_a_whole_build_balance(house: House, first: dict[str, str]) -> None:
    lineage = pl.read_parquet(house.data / "release" / "lineage.parquet")
    n = dict(lineage.group_by("action").len().iter_rows())
    read = lineage.filter(step="ingest", action="create", reason="source").height
    released = sum(pl.read_parquet(house.data / "release" / f"{s}.parquet").height for s in ("train", "val", "test"))
    assert read - n["drop"] - n["merge"] + (n["create"] - read) == released


def test_every_planted_defect_has_its_ledger_line(house: House, first: dict[str, str]) -> None:
    truth = pl.read_csv(PROJECT / "data" / "sources" / "planted_truth.csv", infer_schema=False)
    lineage = pl.read_parquet(house.data / "release" / "lineage.parquet").filter(
        pl.col("id").is_in(pl.read_parquet(house.data / "ingest/planted/examples/*.parquet")["id"].implode())
    )
    ids = dict(lineage.filter(action="create", reason="source").select("source_row", "id").iter_rows())
    rejects = pl.read_parquet(house.data / "ingest" / "planted" / "rejects.parquet")
    rejected = {(row.split("#")[1], error) for row, error in rejects.select("row", "error").iter_rows()}
    events = {tuple(event) for event in lineage.select("id", "step", "action", "reason").iter_rows()}
    touched = {id for id, _, action, _ in events if action in {"drop", "merge"}}
    for planted in truth.iter_rows(named=True):
        lines = planted["line"].split("|")
        if planted["action"] == "reject":
            assert (lines[0], planted["reason"]) in rejected, planted
            continue
        rows = [ids[f"planted.jsonl#{line}"] for line in lines]
        if planted["action"]:
            found = [id for id in rows if (id, planted["step"], planted["action"], planted["reason"]) in events]
            assert len(found) == 1, planted
        else:
            assert not touched & set(rows), planted


@pytest.mark.parametrize("fate", ["released", "edit", "merge", "drop"])
def test_explain_tells_the_life_of_a_row(house: House, first: dict[str, str], fate: str) -> None:
    lineage = pl.read_parquet(house.data / "release" / "lineage.parquet")
    wanted = "create" if fate == "released" else fate
    id = lineage.filter(pl.col("action") == wanted)["id"][-1]
    told = json.loads(house.run("instructflow", "explain", id, "--json"))
    assert told["id"] == id
    assert any(event["action"] == wanted for event in told["events"]) or fate == "released"
    assert (told["survivor"] is not None) == (fate == "merge")


def test_rows_go_out_to_annotators_and_their_labels_come_back(
    house: House, first: dict[str, str], tmp_path: Path
) -> None:
    house.run("instructflow", "annotate", "export", str(tmp_path / "out"))
    rows = [json.loads(line) for line in (tmp_path / "out" / "doccano.jsonl").open(encoding="utf-8")]
    labelled = tmp_path / "labelled.jsonl"
    labelled.write_text(json.dumps(rows[0] | {"label": ["math"]}, ensure_ascii=False), encoding="utf-8")
    house.run("instructflow", "annotate", "import", str(labelled))
    kept = house.root / "annotations" / "labelled.jsonl"
    assert kept.read_bytes() == labelled.read_bytes()
    labelled.write_text(json.dumps(rows[1] | {"label": ["other"]}, ensure_ascii=False), encoding="utf-8")
    assert "there already, with other content" in house.run(
        "instructflow", "annotate", "import", str(labelled), expect=2
    )
    kept.unlink()


def test_dvc_repro_from_nothing_writes_the_same_bytes(house: House, first: dict[str, str]) -> None:
    house.forget()
    house.run("dvc", "repro")
    assert house.hashes() == first
    assert house.run("git", "status", "--porcelain") == ""  # dvc.lock is as the other door wrote it


def test_a_changed_param_makes_exactly_its_stages_run_and_the_old_version_comes_back(
    house: House, first: dict[str, str], tmp_path: Path
) -> None:
    house.run("dvc", "remote", "add", "-d", "folder", str(tmp_path / "remote"))
    house.run("dvc", "push", "-q")
    house.change("release", name="another name")
    ran = set(re.findall(r"Running stage '(.+)'", house.run("dvc", "repro")))
    assert ran == {"release", "validate_whole@release", "report"}
    assert house.hashes("release") != {k: v for k, v in first.items() if k.startswith("release/")}
    house.run("git", "checkout", "-q", "--", "params.yaml", "dvc.lock")
    house.run("dvc", "checkout", "-q")
    assert house.hashes() == first
    house.forget()
    house.run("dvc", "pull", "-q")
    assert house.hashes() == first
    house.run("git", "checkout", "-q", "--", ".dvc/config")


def test_an_edited_source_makes_exactly_its_stages_run(house: House, first: dict[str, str]) -> None:
    source = house.data / "sources" / "planted.jsonl"
    turns = [("user", "说一种红色的水果"), ("assistant", "草莓，成熟后整颗是红色的。")]
    row = {"messages": [{"role": role, "content": content} for role, content in turns]}
    source.write_text(source.read_text(encoding="utf-8") + json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    house.run("instructflow", "build", "--no-train")
    ran = house.ran()
    assert {name for name in ran if "assistants" in name} == set()
    assert {name for name in ran if "planted" in name} == {
        "ingest@planted", "validate@ingest-planted", "clean@planted", "validate@clean-planted"
    }  # fmt: skip
    assert "import_annotations" not in ran
    assert {"dedup", "decontaminate", "classify", "score", "split", "augment", "release"} <= ran
    house.run("git", "checkout", "-q", "--", "data/sources", "dvc.lock")


@pytest.mark.parametrize("door", ["prefect", "dvc"])
def test_a_broken_rule_stops_the_door(house: House, first: dict[str, str], door: str) -> None:
    house.run("instructflow", "build", "--no-train")
    suite = house.root / "expectations" / "dedup.json"
    rule = {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "source", "value_set": ["nobody"]}}
    content = json.loads(suite.read_text(encoding="utf-8"))
    content["expectations"].append(rule | {"meta": {"why": "a rule that cannot hold"}})
    suite.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    command = ("instructflow", "build", "--no-train") if door == "prefect" else ("dvc", "repro")
    output = house.run(*command, expect=1 if door == "prefect" else None)
    assert "a rule that cannot hold" in output
    assert not (house.data / "validate" / "dedup.json").exists()
    evidence = json.loads((house.data / "run" / "failed-dedup.json").read_text())
    assert evidence[0]["ids"]
    if door == "dvc":
        assert "failed to reproduce 'validate_whole@dedup'" in output
        assert "Running stage 'decontaminate'" not in output
    else:
        assert "decontaminate" not in house.ran()
    house.run("git", "checkout", "-q", "--", "expectations")


def test_a_killed_build_leaves_nothing_half_and_the_next_one_ends_with_the_same_release(
    house: House, first: dict[str, str]
) -> None:
    house.forget()
    (house.root / "dvc.lock").unlink()
    build = subprocess.Popen(
        ["instructflow", "build", "--no-train"],
        cwd=house.root, env=house.env, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    costs = house.data / "run" / "costs.json"
    wait_for(lambda: costs.exists() and "dedup" in costs.read_text())
    os.killpg(build.pid, signal.SIGKILL)
    build.wait()
    assert not (house.data / "release").exists()
    house.run("instructflow", "build", "--no-train")
    assert house.hashes("release") == {k: v for k, v in first.items() if k.startswith("release/")}
    assert not list(house.data.rglob("*.partial"))


def test_serve_registers_the_schedule_and_a_run_really_starts(house: House, first: dict[str, str]) -> None:
    house.change("serve", push=False)
    serve = subprocess.Popen(
        ["instructflow", "serve", "--cron", "* * * * *"],
        cwd=house.root, env=house.env, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def scheduled() -> Any:
        flows = {"flows": {"name": {"any_": ["scheduled-build"]}}}
        runs = house.api("flow_runs/filter", flows | {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}})
        return [run for run in runs if run["auto_scheduled"]]

    try:
        [run, *_] = wait_for(scheduled)
        assert run["state_type"] == "COMPLETED"
    finally:
        end(serve)
