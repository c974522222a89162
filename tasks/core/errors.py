"""The ways a run ends early; a message names the file, param or column, what was wrong and what was expected."""


class ParamsError(ValueError):
    """Wrong usage or params (exit code 2)."""


class SourceError(ValueError):
    """A source or a folder of examples that cannot be used as it is (exit code 1)."""


class GateError(RuntimeError):
    """The data broke a rule of a suite or a budget of the params (exit code 1)."""
