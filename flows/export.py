"""The latest checkpoint in a form that others load: a Hugging Face folder, an ONNX folder, a GGUF file.

An export replaces a former one in the same form, and nothing else: a folder is told by export.json, which has the hash
of every file in it, a GGUF file by a mark among its metadata.
"""

from pathlib import Path
from typing import cast

from tasks.core.errors import ParamsError, SourceError
from tasks.core.files import file_hash, read_json, whole_folder, write_json

FORMATS = ("huggingface", "onnx", "gguf")
DTYPES = ("float32", "float16")
MANIFEST = "export.json"


def export(format: str, target: Path, data: Path, *, int8: bool = False, dtype: str = "float32") -> int:
    """Write the checkpoint and the tokenizer in `data` to `target`, and give the bytes written.

    Raises ParamsError for an unknown format, an option that the format has not, a missing library, or where `target`
    is anything but a former export in the same form; SourceError without a checkpoint or a tokenizer.
    """
    check_options(format, int8, dtype)
    target = target.resolve()  # a link to a former export is followed, not replaced
    check_target(format, target)
    from tasks.core.checkpoints import load_checkpoint

    model, tokenizer_file = load_checkpoint(data / "train" / "checkpoint"), data / "tokenize" / "tokenizer.json"
    if format == "gguf":
        from tasks.exporters import gguf

        gguf.export(model, tokenizer_file, target, dtype=cast(gguf.Dtype, dtype))
        return target.stat().st_size
    with whole_folder(target) as folder:
        if format == "onnx":
            from tasks.exporters import onnx

            onnx.export(model, tokenizer_file, folder, int8=int8)
        else:
            from tasks.exporters import huggingface

            huggingface.export(model, tokenizer_file, folder)
        write_json({"format": format, "sha256": hashes(folder)}, folder / MANIFEST)
    return sum(file.stat().st_size for file in target.iterdir())


def check_options(format: str, int8: bool, dtype: str) -> None:
    """Raise ParamsError for an unknown format or dtype, and for an option that the format has not."""
    if format not in FORMATS:
        raise ParamsError(f"export {format}: no such format; expected one of {', '.join(FORMATS)}")
    if dtype not in DTYPES:
        raise ParamsError(f"--dtype {dtype}: no such type; expected one of {', '.join(DTYPES)}")
    if int8 and format != "onnx":
        raise ParamsError(f"--int8: {format} has no such form; expected it with onnx")
    if dtype != "float32" and format != "gguf":
        raise ParamsError(f"--dtype {dtype}: {format} has no such form; expected it with gguf")


def check_target(format: str, target: Path) -> None:
    """Raise ParamsError where `target` is neither free, nor an empty folder, nor a former export in the same form."""
    if format == "gguf":
        from tasks.exporters import gguf

        if target.is_dir():
            raise ParamsError(f"{target}: is a folder; expected the name of a file, as in model.gguf")
        if target.exists() and not gguf.is_export(target):
            raise ParamsError(f"{target}: exists and is no former export; expected another name")
    elif target.exists() and not target.is_dir():
        raise ParamsError(f"{target}: is a file; expected the name of a folder")
    elif target.is_dir() and any(target.iterdir()) and not is_export(format, target):
        raise ParamsError(f"{target}: is no former export as {format}, unchanged and alone; expected another folder")


def is_export(format: str, folder: Path) -> bool:
    """Whether `folder` holds what `export` wrote into it as `format`, all of it, unchanged, and nothing else."""
    try:
        manifest = read_json(folder / MANIFEST)
    except SourceError:
        return False
    return bool(manifest == {"format": format, "sha256": hashes(folder)})


def hashes(folder: Path) -> dict[str, str | None]:
    """The hash of each entry of `folder` but the manifest; None for what is no file."""
    entries = (entry for entry in folder.iterdir() if entry.name != MANIFEST)
    return {entry.name: file_hash(entry, "sha256") if entry.is_file() else None for entry in entries}
