"""Union-find: which rows belong together, directly or through others."""

import numpy as np
import polars as pl


class Families:
    """Union-find over 0..n-1, with the smallest member as root."""

    def __init__(self, n: int) -> None:
        self.parent = list(range(n))

    def copy(self) -> "Families":
        """An independent copy."""
        other = Families(0)
        other.parent = self.parent.copy()
        return other

    def join(self, left: pl.Series, right: pl.Series) -> None:
        """Put left[i] and right[i] into one family, for every i."""
        for a, b in zip(left.to_list(), right.to_list(), strict=True):
            if a != b and (root_a := self.find(a)) != (root_b := self.find(b)):
                self.parent[max(root_a, root_b)] = min(root_a, root_b)

    def find(self, a: int) -> int:
        """The root of a's family."""
        while self.parent[a] != a:
            self.parent[a] = a = self.parent[self.parent[a]]
        return a

    def roots(self) -> pl.Series:
        """The root of every member, as unsigned integers named `root`."""
        roots = np.array(self.parent, dtype=np.uint32)
        while not np.array_equal(higher := roots[roots], roots):
            roots = higher
        return pl.Series("root", roots)
