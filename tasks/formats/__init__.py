"""One file per input or output format."""
