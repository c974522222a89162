"""Make one environment for each tool that removes near-duplicates and is measured beside ours: see test_dedup_speed.py.

`python tests/benchmarks/make_peers.py FOLDER [NAME …]` leaves FOLDER/NAME/bin/python for each peer, with the versions
below; FOLDER is what INSTRUCTFLOW_PEERS is to name. Further arguments of the installer, such as a folder with wheels,
are in INSTRUCTFLOW_PIP_ARGS: `--find-links FOLDER`. An environment that is already there is left alone.
"""

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

UV = "uv==0.13.9"
PEERS = {
    "rensa": ["rensa==0.5.0", "pyarrow==26.0.1"],
    "datasketch": ["datasketch==2.0.0", "pyarrow==26.0.1"],
    # 0.4.1 wants Python 3.12
    "text-dedup": ["text-dedup==0.4.0", "pyarrow==26.0.1"],
    # uv and what follows are what it would otherwise install by itself while it runs
    "data-juicer": [
        *("py-data-juicer==1.6.1", "pyarrow==26.0.1", "scipy==1.17.1"),
        *("uv==0.13.9", "torch==2.13.0", "aiohttp", "ray", "ftfy", "regex", "selectolax"),
    ],
}


def make(name: str, folder: Path) -> None:
    """The environment of peer `name`, as `folder`/`name`; half of one is never left."""
    uv, python = folder / "uv" / "bin" / "uv", folder / name / "bin" / "python"
    if python.exists():
        return
    if not uv.exists():
        subprocess.run([sys.executable, "-m", "venv", uv.parents[1]], check=True)
        subprocess.run([uv.with_name("python"), "-m", "pip", "install", "-q", UV], check=True)
    further = shlex.split(os.environ.get("INSTRUCTFLOW_PIP_ARGS", ""))
    making = folder / f"{name}.making"
    subprocess.run([sys.executable, "-m", "venv", "--clear", making], check=True)
    subprocess.run(
        [uv, "pip", "install", "-q", "--python", making / "bin" / "python", *PEERS[name], *further], check=True
    )
    making.rename(folder / name)


def main() -> None:
    """Make those that are named, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(PEERS)} (default: all)")
    args = parser.parse_args()
    if unknown := sorted(set(args.names) - set(PEERS)):
        parser.error(f"no peers: {', '.join(unknown)}; expected some of {', '.join(PEERS)}")
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name in args.names or PEERS:
        make(name, folder)
        print(f"{name}: {folder / name / 'bin' / 'python'}")


if __name__ == "__main__":
    main()
