"""Every setting of every step, with default, unit and bound: one section per step, named like it.

`params.yaml` spells all of them out for the project; the file of a free build holds only what differs.
"""

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Ratio = Annotated[float, Field(ge=0, le=1)]
LANGUAGE = r"^(?:auto|mixed|und|[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)$"
NO_BASELINE = "requirements.lock"  # a dep of a stage of dvc.yaml can be neither null nor a file that is not there
Seed = Annotated[int, Field(ge=0, lt=2**32)]

INSTRUCTION_TYPES: dict[str, tuple[str, str]] = {
    "customer_service": ("a customer of a business asks for help and gets it", "顾客向商家求助，回答为其提供服务"),
    "code_generation": ("write, fix, explain or test program code", "编写、修改、解释或测试程序代码"),
    "copywriting": ("write a text meant to persuade or announce", "撰写用于宣传、推广或通知的文案"),
    "knowledge_qa": ("a question about facts of the world", "关于客观知识的提问"),
    "translation": ("put a text into another language", "把文本译成另一种语言"),
    "summarization": ("say a given text in fewer words", "概括给定文本"),
    "extraction": ("pull named things out of a given text", "从给定文本中提取信息"),
    "classification": ("choose a label for a given text", "为给定文本选择类别"),
    "rewriting": ("say a given text differently, same content", "改写给定文本，内容不变"),
    "math": ("calculate or prove", "计算或证明"),
    "reasoning": ("draw conclusions from what is given", "根据已知条件推理"),
    "brainstorming": ("find many ideas", "提出多种想法"),
    "role_play": ("answer as a given character", "以指定角色作答"),
    "dialogue": ("everyday conversation over several turns", "多轮日常对话"),
    "tool_use": ("answer with the help of given functions", "借助给定的工具或函数作答"),
    "other": ("none of the others", "不属于以上任何一类"),
}


class Section(BaseModel):
    """A frozen group of settings that accepts no unknown name."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _yes_is_no_number(cls, values: Any) -> Any:
        """YAML takes yes for true, which would count as 1."""
        for name, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(name)
            if isinstance(value, bool) and field is not None and field.annotation in (int, float):
                raise ValueError(f"{name} must be a number, got {str(value).lower()}")
        return values


Format = Literal[
    "auto", "alpaca", "sharegpt", "messages", "prompt_completion", "qa", "csv", "tsv", "parquet", "text", "chatterbot",
    "humaneval", "dialog_sgd", "dialog_crosswoz", "seed_tasks", "preference", "doccano", "prodigy", "lighttag",
    "huggingface", "turns", "multiple_choice", "xtuner",
]  # fmt: skip


class Source(Section):
    """One input: a file, a folder or a package's data."""

    path: str = Field("requirements.lock", min_length=1, description="a file or a folder; of a package the lock file")
    include: str = Field("*", description="which files, where path is a folder")
    package: str | None = Field(None, min_length=1, description="a package's data, as package:path/in/package")
    format: Literal[Format, "fingerprint"] = Field(
        "auto", description="the format of the rows; auto looks at the content; fingerprint: a benchmark, in hashes"
    )
    columns: dict[str, str | int] = Field(default_factory=dict, description="field: column name or 0-based position")
    header: Literal["auto", True, False] = Field("auto", description="whether a CSV or TSV begins with column names")
    template: str | None = Field(None, description="a prompt made from columns, as in 'Translate into Chinese: {en}'")
    family_key: str | None = Field(None, description="a column whose equal values make a family")
    family_space: Name | None = Field(
        None, description="sources with the same one share their family keys (parallel translations); null: the source"
    )
    score_field: str | None = Field(
        None, min_length=1, description="a column in meta whose larger value is better, for dedup's keep order"
    )
    language: str = Field(
        "auto", pattern=LANGUAGE, description="zh, en or another BCP 47 tag, where the source is in one language"
    )
    instruction_type: str | None = Field(None, description="the instruction type of all rows, where known")
    human: bool = Field(False, description="written by people")
    license: str | None = Field(None, description="SPDX id or the source's own words")
    weight: float = Field(1.0, ge=0, description="sampling weight of its rows")
    max_rows: int | None = Field(None, ge=1, description="keep the first n rows by id, for a quick look")

    @model_validator(mode="after")
    def _known_type(self) -> "Source":
        if self.instruction_type is not None and self.instruction_type not in INSTRUCTION_TYPES:
            raise ValueError(f"instruction_type {self.instruction_type!r} is none of {list(INSTRUCTION_TYPES)}")
        return self

    @model_validator(mode="after")
    def _space_has_keys(self) -> "Source":
        if self.family_space is not None and self.family_key is None:
            raise ValueError(f"family_space {self.family_space!r} needs a family_key, a column, got null")
        return self


class ExampleStep(Section):
    """What every step that leaves examples has."""

    rows_per_shard: int = Field(20_000, ge=1, le=10**9, description="most rows in one Parquet file")


class IngestParams(ExampleStep):
    """Read any format into Examples."""

    max_record_bytes: int = Field(16_777_216, ge=1024, description="longest record, in bytes; a longer one is a reject")
    max_reject_ratio: Ratio = Field(1.0, description="share of a source's records that may be rejects; 1 = any but all")


# YAML takes a bare off for false.
Action = Annotated[Literal["drop", "flag", "off"], BeforeValidator(lambda value: "off" if value is False else value)]
PiiKind = Literal["email", "phone", "id_card", "bank_card", "ip", "key"]


class CleanParams(ExampleStep):
    """Redact, repair, and drop or flag, with a ledger line for each."""

    encoding: bool = Field(True, description="repair mojibake (text decoded with the wrong table)")
    unicode: Literal["NFC", "NFKC"] | None = Field(None, description="Unicode normal form; null leaves text as it is")
    special_tokens: bool = Field(True, description="take out leaked special tokens such as <|im_start|>")
    template_remnants: bool = Field(True, description="take out what prompt templates leave: ### Response:, <noinput>")
    template_values: dict[str, str] = Field(default_factory=dict, description="what {{name}} stands for, by name")
    html: bool = Field(True, description="take out HTML tags and entities outside code")
    control: bool = Field(True, description="take out control, zero-width and bidi characters")
    half_width: bool = Field(False, description="write full-width letters and digits in half width")
    simplified: bool = Field(False, description="write Traditional Chinese in Simplified characters (OpenCC)")
    whitespace: bool = Field(True, description="trim lines and ends, at most two line breaks in a row, outside code")
    pii: list[PiiKind] = Field(
        default_factory=lambda: list(get_args(PiiKind)), description="what becomes a typed placeholder; [] is nothing"
    )
    redaction_salt: str = Field("instructflow", description="salt of hashes of redacted values, for joining, no secret")
    min_answer_units: int = Field(1, ge=1, description="shortest answer kept, in units")
    echo: Action = Field("drop", description="an answer that says its prompt again")
    max_echo_ratio: Ratio = Field(0.98, description="largest share of an answer that is its prompt over again")
    refusal: Action = Field("drop", description="an answer that refuses")
    identity: Action = Field("drop", description="an answer that claims to be another model or of another maker")
    knowledge_cutoff: Action = Field("drop", description="an answer that tells the date of its training data")
    missing_input: Action = Field("drop", description="an answer that misses its input and asks for it")
    truncated: Action = Field("drop", description="an answer that breaks off")
    repetition: Action = Field("drop", description="an answer that repeats itself, in tokens or in characters")
    max_repetition_ratio: Ratio = Field(0.7, description="largest share of repeated token 4-grams in an answer")
    max_char_repetition_ratio: Ratio = Field(0.7, description="largest share of repeated character 10-grams in it")
    too_long: Action = Field("drop", description="a conversation that is too long")
    max_units: int = Field(20_000, ge=1, description="longest conversation, in units")
    tokenizer: str | None = Field(
        None, min_length=1, description="a tokenizer.json that counts tokens; null counts none"
    )
    max_tokens: int | None = Field(None, ge=1, description="longest conversation, in tokens of the tokenizer")
    source_language: Action = Field("flag", description="a row in another language than its source states")
    answer_language: Action = Field("flag", description="an answer in another language than asked in, and asked for")
    template_unfilled: Action = Field("flag", description="a placeholder such as {{name}} that nobody filled")
    toxic: Action = Field("flag", description="toxic words")
    max_toxic_words: int = Field(0, ge=0, description="most toxic words in a conversation")
    toxic_words: str | None = Field(
        None, min_length=1, description="a YAML file of toxic words; null takes the shipped list"
    )

    @model_validator(mode="after")
    def _values_are_plain(self) -> "CleanParams":
        if wrong := [value for value in self.template_values.values() if re.search("[{}<>&]", value)]:
            raise ValueError(f"template_values: {wrong[0]!r} may be markup; expected a text without {{ }} < > &")
        return self

    @model_validator(mode="after")
    def _tokens_are_counted(self) -> "CleanParams":
        if self.max_tokens is not None and self.tokenizer is None:
            raise ValueError("max_tokens needs a tokenizer, the path of a tokenizer.json, got null")
        return self


class DedupParams(ExampleStep):
    """Merge rows that repeat or nearly repeat one that stays."""

    ngram: int = Field(3, ge=1, le=64, description="shingle size, in tokens (spaced words, single Han characters)")
    threshold: float = Field(0.8, gt=0, le=1, description="Jaccard similarity from which a pair is merged")
    number_variants: Literal["keep", "merge"] = Field(
        "keep",
        description="near rows whose prompts and whose answers differ in numbers: two problems with two solutions",
    )
    floor: float = Field(0.7, gt=0, le=1, description="Jaccard similarity from which pairs are stored, for previews")
    prompt_threshold: float = Field(0.9, gt=0, le=1, description="Jaccard similarity of prompts that joins families")
    max_rows_ratio: Ratio = Field(
        0.002, description="share of prompts above which an n-gram joins no families (and over 20 prompts)"
    )
    semantic: bool = Field(False, description="also merge what means the same, by embeddings (extra `semantic`)")
    semantic_threshold: float = Field(0.9, gt=0, le=1, description="cosine of embeddings from which a pair is merged")
    semantic_across_languages: bool = Field(False, description="compare embeddings across languages too")
    conflicting_answers: Literal["flag", "keep_best", "drop", "off"] = Field(
        "flag", description="equal prompts with different answers; keep_best drops all but the best, drop all"
    )
    min_retention: Ratio = Field(0.0, description="share of a source's rows that must stay, else the build stops")
    max_cluster: int | None = Field(
        None, ge=2, description="most rows in a cluster, with the one that stays, else the build stops"
    )
    sketch: int = Field(20, ge=4, le=256, description="smallest shingle hashes of a text that find candidates")
    max_bucket: int = Field(200, ge=2, le=10**6, description="most texts of a bucket that are all compared with all")
    max_family: int = Field(
        200, ge=2, le=10**9, description="rows of a family before it is joined again by stricter rules"
    )
    memory_limit_mb: int = Field(2048, ge=100, le=10**9, description="DuckDB's memory, in MB; beyond it spills to disk")
    threads: int = Field(2, ge=1, le=256, description="DuckDB's threads; changes no byte of the result")
    temp_directory: str | None = Field(
        None, min_length=1, description="where texts and what DuckDB spills lie meanwhile; null is the system's place"
    )

    @model_validator(mode="before")
    @classmethod
    def _off_is_a_word(cls, values: Any) -> Any:
        """YAML takes a bare off for false."""
        if isinstance(values, dict) and values.get("conflicting_answers") is False:
            return values | {"conflicting_answers": "off"}
        return values


class DecontaminateParams(ExampleStep):
    """Find rows that overlap with benchmarks."""

    benchmarks: dict[Name, Source] = Field(default_factory=dict, description="what must not be trained on, as sources")
    action: Literal["drop", "flag"] = Field("drop", description="what happens to a row that overlaps")
    ngram_min: int = Field(8, ge=2, le=32, description="n-gram size of short items of spaced text, in words")
    ngram_max: int = Field(13, ge=2, le=32, description="n-gram size of long ones; between them half an item's words")
    ngram_han_min: int = Field(12, ge=2, le=32, description="ngram_min of items that are mostly Han characters")
    ngram_han_max: int = Field(20, ge=2, le=32, description="ngram_max of items that are mostly Han characters")
    threshold: float = Field(0.6, gt=0, le=1, description="share of an item's n-grams in a row that makes a hit")
    min_answer_ngrams: int = Field(
        20, ge=1, description="fewest n-grams with which an item's answer alone is looked for"
    )
    max_rows_ratio: Ratio = Field(
        0.002, description="share of rows above which an n-gram is boilerplate (and over 20 rows)"
    )
    memory_limit_mb: int = Field(2048, ge=100, le=10**9, description="DuckDB's memory, in MB; beyond it spills to disk")
    threads: int = Field(
        2, ge=1, le=256, description="shards searched at a time, and DuckDB's threads; changes no byte of the result"
    )

    temp_directory: str | None = Field(
        None, min_length=1, description="where what DuckDB spills lies meanwhile; null is the system's place"
    )

    @model_validator(mode="after")
    def _bounds_in_order(self) -> "DecontaminateParams":
        for name in ("ngram", "ngram_han"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if low > high:
                raise ValueError(f"{name}_min {low} is above {name}_max {high}; expected at most that")
        return self


class TypeDefinition(Section):
    """What an instruction type means, as annotators read it."""

    en: str = Field(description="the definition in English")
    zh: str = Field(description="the definition in Chinese")


class ClassifyParams(ExampleStep):
    """Give each row an instruction type."""

    types: dict[str, TypeDefinition] = Field(
        default_factory=lambda: {name: TypeDefinition(en=en, zh=zh) for name, (en, zh) in INSTRUCTION_TYPES.items()},
        description="the instruction types and what they mean, in both languages",
    )
    min_confidence: Ratio = Field(0.3, description="a rule's confidence below which the type is other")

    @model_validator(mode="after")
    def _all_types(self) -> "ClassifyParams":
        if set(self.types) != set(INSTRUCTION_TYPES):
            raise ValueError(f"types must be exactly {list(INSTRUCTION_TYPES)}, got {list(self.types)}")
        return self


class ScoreParams(ExampleStep):
    """Measure signals of quality without a model."""

    min_score: Ratio = Field(0.0, description="lowest score kept; 0 keeps all")
    baseline: str = Field(
        NO_BASELINE,
        min_length=1,
        description="`baseline`: rows get the ifd that the accepted model found; the lock file stands for none",
    )
    max_ifd: float | None = Field(
        None,
        gt=0,
        description="highest ifd kept: loss with the instruction / without; over 1 it is in the way; null: all",
    )

    @model_validator(mode="after")
    def _ifd_is_known(self) -> "ScoreParams":
        if self.max_ifd is not None and self.baseline == NO_BASELINE:
            raise ValueError(f"max_ifd needs a baseline, what `instructflow accept` wrote, got {NO_BASELINE}")
        return self


class SplitParams(ExampleStep):
    """Share whole families out over train, val and test."""

    seed: Seed = Field(0, description="seed of the order of families")
    val_ratio: float = Field(0.1, ge=0, lt=1, description="share of rows in val")
    test_ratio: float = Field(0.1, ge=0, lt=1, description="share of rows in test")

    @model_validator(mode="after")
    def _leaves_train(self) -> "SplitParams":
        if self.val_ratio + self.test_ratio >= 1:
            raise ValueError(f"val_ratio + test_ratio must be below 1, got {self.val_ratio + self.test_ratio}")
        return self


class AugmentParams(ExampleStep):
    """Make new train examples from old ones."""

    seed: Seed = Field(0, description="seed of every choice, per row")
    entity: bool = Field(True, description="replace people, places and organisations by others")
    entity_ratio: Ratio = Field(1.0, description="share of train rows that entity replacement tries")
    child_weight: float = Field(0.5, ge=0, description="weight of a child, as a multiple of its parent's")


class ImportAnnotationsParams(Section):
    """Read people's labels and edits."""

    min_votes: int = Field(1, ge=1, description="annotators that must agree on a label")
    pii: bool = Field(True, description="put typed placeholders for personal data that people typed into an edit")


class ExportAnnotationsParams(Section):
    """Choose rows for people to label."""

    max_examples: int = Field(200, ge=1, description="rows in one export, the least confident types first")


class ReleaseParams(Section):
    """Write the dataset in every form that trainers read."""

    name: str = Field("instructflow-release", description="the dataset's name on its card")
    license: str | None = Field(None, description="the licence of the whole; null lists the sources' licences")


class TokenizeParams(Section):
    """Train a byte-level BPE tokenizer and encode the release."""

    vocab_size: int = Field(
        4096, ge=300, le=200_000, description="tokens in the vocabulary, bytes and special ones too"
    )


class TrainParams(Section):
    """The small Transformer and how it is trained."""

    size: Literal["nano", "micro", "mini", "small"] = Field("nano", description="model size; see tasks/core/model.py")
    block_size: int = Field(256, ge=16, description="context length, in tokens")
    pretrain_steps: int = Field(400, ge=0, description="steps on all text of train, before answers only")
    max_steps: int = Field(80, ge=1, description="optimizer steps on answer tokens")
    batch_size: int = Field(4, ge=1, description="sequences in one pass")
    instruction_dropout: Ratio = Field(
        0.1, description="share of rows shown without their instruction: what ifd compares with has to be learned"
    )
    accumulate: int = Field(1, ge=1, description="passes whose gradients make one optimizer step")
    learning_rate: float = Field(2e-3, gt=0, description="peak learning rate of AdamW")
    embedding_lr_ratio: float = Field(10.0, gt=0, description="learning rate of the embedding, as a multiple of it")
    warmup_ratio: Ratio = Field(0.1, description="share of the steps in which the learning rate rises")
    min_lr_ratio: Ratio = Field(0.1, description="last learning rate, as a share of the peak")
    weight_decay: float = Field(0.1, ge=0, description="AdamW weight decay of matrices")
    grad_clip: float = Field(1.0, gt=0, description="largest gradient norm")
    eval_every: int = Field(100, ge=1, description="steps between evaluations on val")
    eval_rows: int = Field(1000, ge=1, description="rows of val in one evaluation, the first by id")
    patience: int | None = Field(
        None,
        ge=1,
        description="evaluations of fine-tuning in a row without a better val loss, then it stops; null: never",
    )
    keep: Literal["best", "last"] = Field("best", description="which weights stay, the best on val or the last")
    keep_states: int = Field(2, ge=1, description="states to go on from that stay while it trains, the last ones")
    seed: Seed = Field(0, description="seed of weights and batches")
    threads: int = Field(2, ge=1, le=256, description="torch threads; float sums, so the checkpoint, depend on it")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where to train; auto takes CUDA if there")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="what matrices are multiplied in; auto is bfloat16 where the device does so natively"
    )
    attention: Literal["auto", "dense", "flex"] = Field(
        "auto", description="how packed rows attend; auto is flex attention on CUDA with compile, else a dense mask"
    )
    compile: bool = Field(False, description="torch.compile the model: slow to start, then faster")
    tensorboard: bool = Field(True, description="write the curves to data/run/tensorboard")
    wandb: bool = Field(False, description="write them for wandb too, offline unless WANDB_MODE says else")


class EvaluateParams(Section):
    """Judge the checkpoint on val, test and some of train."""

    train_rows: int | None = Field(
        2000, ge=0, description="rows of train that are judged too, the first by id; null: all"
    )
    max_rows: int | None = Field(None, ge=1, description="rows of val and of test that are judged; null: all")
    n_suspects: int = Field(10, ge=0, description="rows of each kind of suspect that the report shows")
    n_samples: int = Field(8, ge=0, description="answers generated for the report, one a language and type")
    max_new_tokens: int = Field(64, ge=1, description="longest generated answer, in tokens")
    threads: int = Field(2, ge=1, le=256, description="torch threads; float sums, so the last digits, depend on it")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where to run; auto takes CUDA if there")


class LiftParams(Section):
    """Train on raw and on curated rows and compare."""

    seeds: list[Seed] = Field(
        default_factory=lambda: [0, 1, 2],
        min_length=1,
        description="one run per seed and arm; fewer than 2 prove nothing",
    )
    max_steps: int = Field(48, ge=1, description="optimizer steps of each run; equal tokens in both arms")
    batch_size: int = Field(4, ge=1, description="sequences in one step")
    max_rows: int | None = Field(4000, ge=1, description="rows of test that judge, the first by id; null: all")
    baseline: str = Field(
        NO_BASELINE,
        min_length=1,
        description="`baseline`: stop when curated rows teach less than those accepted; the lock file stands for none",
    )

    @model_validator(mode="after")
    def _different_seeds(self) -> "LiftParams":
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must differ, got {self.seeds}: an equal run says nothing new")
        if self.baseline != NO_BASELINE and len(self.seeds) < 2:
            raise ValueError(f"baseline needs at least 2 seeds, got {self.seeds}: one alone proves nothing")
        return self


class ReportParams(Section):
    """The HTML page."""

    n_samples: int = Field(8, ge=0, description="rows of the release and of the ledger shown, per kind")


class ValidateParams(Section):
    """Great Expectations suites as gates."""

    max_failed_rows: int = Field(20, ge=1, description="ids of failing rows kept as evidence, per rule")


class ServeParams(Section):
    """The schedule of `instructflow serve`, and what a scheduled run does when it is done."""

    cron: str = Field("0 3 * * *", description="when to build, as cron says it")
    timezone: str = Field("UTC", description="the time zone of cron, as IANA names it")
    push: bool = Field(True, description="push to the DVC remote, where one is configured")
    commit: bool = Field(False, description="commit dvc.lock with git")


class Params(Section):
    """All of params.yaml."""

    sources: dict[Name, Source] = Field(default_factory=dict, description="the inputs, by name")
    ingest: IngestParams = IngestParams()
    clean: CleanParams = CleanParams()
    dedup: DedupParams = DedupParams()
    decontaminate: DecontaminateParams = DecontaminateParams()
    import_annotations: ImportAnnotationsParams = ImportAnnotationsParams()
    export_annotations: ExportAnnotationsParams = ExportAnnotationsParams()
    classify: ClassifyParams = ClassifyParams()
    score: ScoreParams = ScoreParams()
    split: SplitParams = SplitParams()
    augment: AugmentParams = AugmentParams()
    release: ReleaseParams = ReleaseParams()
    tokenize: TokenizeParams = TokenizeParams()
    train: TrainParams = TrainParams()
    evaluate: EvaluateParams = EvaluateParams()
    lift: LiftParams = LiftParams()
    report: ReportParams = ReportParams()
    validate_: ValidateParams = Field(ValidateParams(), alias="validate")
    serve: ServeParams = ServeParams()
