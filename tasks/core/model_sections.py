"""The model's part of the page: tokenize, train, evaluate and lift, each with its sentence, plots and tables."""

from typing import Any, NamedTuple

from tasks.core import plots
from tasks.core.measures import Table, compared, tables
from tasks.core.report import Report
from tasks.core.schema import SPLITS

FIGURES = (
    "rows", "n_tokens", "loss", "perplexity", "bits_per_byte", "unigram_bits_per_byte", "saving_ratio"
)  # fmt: skip
GROUPS = ("language", "instruction_type", "source", "length")
MOST_GROUPS = 24  # in one plot


class Section(NamedTuple):
    """What the page shows of one step of the training part; the plots are SVG."""

    note: str
    sentence: str
    plots: list[str]
    tables: list[Table]


def sections(model: dict[str, Report]) -> dict[str, Section]:
    """A section for each report of `model`, by step."""
    builders = {"tokenize": of_tokenize, "train": of_train, "evaluate": of_evaluate, "lift": of_lift}
    return {step: builders[step](report) for step, report in model.items()}


def of_tokenize(report: Report) -> Section:
    """How long the rows are in tokens."""
    note = "A byte-level BPE tokenizer, trained on the train split alone."
    splits = {split: report.measures[split] for split in SPLITS if split in report.measures}
    tokens = {split: {"tokens": report.counts.get(f"{split}_tokens", {}), **of} for split, of in splits.items()}
    single = tables(report.measures, leave_out=(*SPLITS, "release"))
    return Section(note, "", [], [*single, compared("by split", tokens)])


def of_train(report: Report) -> Section:
    """How the model learned."""
    note = "A small Transformer: all text of train first, then answers only."
    drawn = list(plots.step_plots(report).values())
    return Section(note, "", drawn, tables(report.measures, leave_out=("history",)))


def of_evaluate(report: Report) -> Section:
    """How the model does on rows that it was not trained on, beside a unigram model, by language, type and source."""
    measures, note = report.measures, "On answers of val and test, beside what a unigram model says of the same tokens."
    drawn, found = [], []
    for split in ("test", "val"):
        of_split = measures.get(split, {})
        if split == "test":
            drawn = [svg for group in GROUPS[:3] if (svg := _against_unigram(group, of_split.get(group, {})))]
        lines = [["overall", of_split.get("overall", {})]]
        lines += [[f"{group}: {name}", of] for group in GROUPS for name, of in of_split.get(group, {}).items()]
        rows = [[name, *(of.get(figure) for figure in FIGURES)] for name, of in lines if of]
        found += [Table(split, ["", *FIGURES], rows)] * bool(rows)
    more = tables(measures, leave_out=("val", "test", "samples", "sentence"))
    return Section(note, _evaluate_sentence(measures), drawn, [*found, *_counts(report), *more])


def _evaluate_sentence(measures: dict[str, Any]) -> str:
    overall, target = measures.get("test", {}).get("overall", {}), measures.get("target_saving_ratio")
    saving, bits, base = (overall.get(name) for name in ("saving_ratio", "bits_per_byte", "unigram_bits_per_byte"))
    if saving is None or bits is None or base is None:
        return ""
    aim = "" if target is None else f", {'at least' if saving >= target else 'below'} the aim of {target:.0%}"
    return f"On test the model needs {bits:.3f} bits per byte, a unigram model {base:.3f}: {saving:.1%} fewer{aim}."


def _against_unigram(group: str, figures: dict[str, Any]) -> str:
    """Bits per byte of the model and of the unigram model, the groups with most rows first."""
    known = [
        (f"{name} ({of['rows']:,})", (of["bits_per_byte"], of["unigram_bits_per_byte"]))
        for name, of in sorted(figures.items(), key=lambda item: (-item[1].get("rows", 0), item[0]))
        if of.get("bits_per_byte") is not None and of.get("unigram_bits_per_byte") is not None
    ]
    title = f"Bits per byte on test by {group.replace('_', ' ')} (rows)"
    return plots.pairs(title, ("model", "unigram"), dict(known[:MOST_GROUPS])) if known else ""


def of_lift(report: Report) -> Section:
    """Whether curated rows teach more than raw ones."""
    note = "The same model trained on raw and on curated rows, with equal tokens."
    measures = report.measures
    shown = tables(measures, leave_out=("sentence", "interval_95"))
    return Section(note, measures.get("sentence", ""), _differences(measures), [*shown, *_counts(report)])


def _differences(measures: dict[str, Any]) -> list[str]:
    """One dot a seed, and the mean with its interval where there is one."""
    of_seeds = {f"seed {run['seed']}": run["difference"] for run in measures.get("runs", []) if "difference" in run}
    values = {name: (difference,) * 3 for name, difference in of_seeds.items()}
    if measures.get("interval_95"):
        low, high = measures["interval_95"]
        values["mean, 95 % interval"] = (measures["difference"], low, high)
    title = "Curated - raw, bits per byte of test (below 0: curation helps)"
    return [plots.intervals(title, values)] if values else []


def _counts(report: Report) -> list[Table]:
    return tables(report.counts)
