"""Run Data-Juicer on a folder of Parquet files with a column `text`; prints what it did as one line of JSON.

Run by a Python of its own that has `py-data-juicer==1.6.1 uv aiohttp ray ftfy selectolax torch`: what it lacks,
Data-Juicer installs while it runs, wherever it finds itself. It imports nothing of this project.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import yaml

NOT_FOR = {"zh": "word_repetition_filter", "en": "character_repetition_filter"}


def config(texts: Path, work: Path, language: str) -> Path:
    """The config for one language with its paths, as a file in `work`."""
    content = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    content["process"] = [operator for operator in content["process"] if NOT_FOR[language] not in operator]
    paths = {"dataset_path": texts, "export_path": work / "out.parquet", "work_dir": work}
    content |= {name: str(path) for name, path in paths.items()}
    file = work / "config.yaml"
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return file


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("texts", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("language", choices=sorted(NOT_FOR))
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)

    import data_juicer
    from data_juicer.config import init_configs
    from data_juicer.core import DefaultExecutor

    executor = DefaultExecutor(init_configs(["--config", str(config(args.texts, args.work, args.language))]))
    begin = time.perf_counter()
    kept = executor.run()
    seconds = time.perf_counter() - begin
    result = {"version": data_juicer.__version__, "rows_out": len(kept), "seconds": seconds}
    print(json.dumps(result), file=sys.__stdout__)  # Data-Juicer has made a log of the other one


if __name__ == "__main__":
    main()
