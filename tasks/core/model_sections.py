"""The model's part of the page: tokenize, train, evaluate and lift, each with its sentence, plots and tables."""

from typing import Any, NamedTuple

from tasks.core import plots
from tasks.core.figures import GROUPS
from tasks.core.measures import Table, compared, tables
from tasks.core.report import Report
from tasks.core.schema import SPLITS

FIGURES = {
    "rows": "rows", "perplexity": "perplexity", "bits_per_byte": "bits per byte", "bits_per_byte_95": "95 %",
    "ngram_bits_per_byte": "trigram", "unigram_bits_per_byte": "unigram", "ifd": "ifd",
}  # fmt: skip
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
    return Section(note, "", drawn, tables(report.measures, leave_out=("history", "release")))


def of_evaluate(report: Report) -> Section:
    """How the model does beside models without attention, by language, type and source."""
    measures, note = report.measures, "On answers of val, test and some of train, beside models without attention."
    drawn, found = [], []
    for split in ("test", "val", "train"):
        of_split = measures.get(split, {})
        if split == "test":
            drawn = [svg for group in GROUPS[:3] if (svg := _beside_baselines(group, of_split.get(group, {})))]
        lines = [["overall", of_split.get("overall", {})]]
        lines += [[f"{group}: {name}", of] for group in GROUPS for name, of in of_split.get(group, {}).items()]
        rows = [[name, *(_cell(of.get(figure)) for figure in FIGURES)] for name, of in lines if of]
        found += [Table(split, ["", *FIGURES.values()], rows)] * bool(rows)
    more = tables(measures, leave_out=("train", "val", "test", "samples", "suspects", "sentence", "release"))
    return Section(note, _evaluate_sentence(measures), drawn, [*found, *_counts(report), *more])


def _cell(value: Any) -> Any:
    return " to ".join(f"{bound:.3f}" for bound in value) if isinstance(value, list) else value


def _evaluate_sentence(measures: dict[str, Any]) -> str:
    overall, target = measures.get("test", {}).get("overall", {}), measures.get("target_saving_over_unigram")
    bits, unigram, ngram = (overall.get(f"{model}bits_per_byte") for model in ("", "unigram_", "ngram_"))
    if bits is None or unigram is None or ngram is None:
        return ""
    interval = overall.get("bits_per_byte_95")
    chance = f" (95 % interval {_cell(interval)})" if interval else ""
    aim = (
        "" if target is None else f", {'at least' if 1 - bits / unigram >= target else 'below'} the aim of {target:.0%}"
    )
    return (
        f"On test the model needs {bits:.3f} bits per byte{chance}, a unigram model {unigram:.3f}: "
        f"{_beside(bits, unigram)}{aim}; a trigram model {ngram:.3f}: {_beside(bits, ngram)}."
    )


def _beside(bits: float, baseline: float) -> str:
    return f"{abs(1 - bits / baseline):.1%} {'fewer' if bits < baseline else 'more'}"


def _beside_baselines(group: str, figures: dict[str, Any]) -> str:
    """Bits per byte of the model, of a trigram and of a unigram model, the groups with most rows first."""
    names = ("bits_per_byte", "ngram_bits_per_byte", "unigram_bits_per_byte")
    known = [
        (f"{name} ({of['rows']:,})", tuple(of[figure] for figure in names))
        for name, of in sorted(figures.items(), key=lambda item: (-item[1].get("rows", 0), item[0]))
        if all(of.get(figure) is not None for figure in names)
    ]
    title = f"Bits per byte on test by {group.replace('_', ' ')} (rows)"
    return plots.dots(title, ("model", "trigram", "unigram"), dict(known[:MOST_GROUPS])) if known else ""


def of_lift(report: Report) -> Section:
    """Whether curated rows teach more than raw ones, and, where it was asked, than those that were accepted."""
    note = "The same model trained on raw and on curated rows, with equal tokens."
    measures = dict(report.measures)
    accepted = dict(measures.pop("baseline", {}))
    sentence = " ".join(filter(None, (measures.get("sentence"), accepted.pop("sentence", None))))
    shown = tables(
        measures | ({"baseline": accepted} if accepted else {}),
        leave_out=("sentence", "interval_95", "interval_95_rows", "release"),
    )
    return Section(note, sentence, _differences(measures), [*shown, *_counts(report)])


def _differences(measures: dict[str, Any]) -> list[str]:
    """One dot a seed, and the mean with its interval where there is one."""
    of_seeds = {f"seed {run['seed']}": run["difference"] for run in measures.get("runs", []) if "difference" in run}
    values = {name: (difference,) * 3 for name, difference in of_seeds.items()}
    for name, words in (("interval_95", "mean, 95 % over seeds"), ("interval_95_rows", "mean, 95 % over test rows")):
        if measures.get(name):
            values[words] = (measures["difference"], *measures[name])
    title = "Curated - raw, bits per byte of test (below 0: curation helps)"
    return [plots.intervals(title, values)] if values else []


def _counts(report: Report) -> list[Table]:
    return tables(report.counts)
