"""Near-duplicates in DuckDB SQL: every pair of texts whose token n-grams are alike, each verified exactly.

The similarity of two texts is the Jaccard similarity of their sets of shingles, runs of n tokens (Broder 1997, "On the
resemblance and containment of documents"). A text shorter than n tokens is one shingle, so short turns (继续, 谢谢,
Yes, No) are never alike by accident.

Candidates come from bottom-k sketches: the k smallest hashes of a text's shingles, in order. Two texts are compared
when two neighbours in one sketch are neighbours in the other. Among the k smallest hashes of both texts together each
is shared with probability about J, so a pair is missed where no two neighbours are shared, with probability f(k) =
(1 - J) f(k - 1) + J (1 - J) f(k - 2), f(0) = f(1) = 1: for k = 20 0.00014 at J = 0.7 and 0.0000025 at J = 0.8. (They
are drawn without replacement, which only helps: of few shingles, more than two thirds shared, two are always
neighbours.) One sort a text does the work of the 40 to 60 minima of MinHash bands.

Two shortcuts miss pairs too. Where two full sketches share too few hashes the pair is left out before it is verified
(`MAX_MISSED`). And in a bucket of more than `max_bucket` texts, a template's, not all are compared: with the first text
of the bucket, with the next few, and with those that are alike without the template's own words. Measured recall is in
docs/deduplication.md.

Texts are normalised, tokens joined by one space (tasks/core/text.py). DuckDB's hash() is not stable over versions: none
of its values is stored.
"""

from math import comb

import duckdb
import polars as pl

from tasks.core.database import ngram_hash
from tasks.core.params import DedupParams

N_SPARE = 8  # hashes taken beyond k, for shingles that a text repeats
N_FOLLOWING = 4  # texts of a large bucket with which each is compared
TEXTS_IN_PART = 500_000
MAX_MISSED = 1e-4  # share of pairs at the threshold that a look at two sketches may miss
# A bitmap is four words of 64 bits; what a hash s sets in each of them.
BITS = [f"case when (s >> 6) % 4 = {word} then 1::ubigint << (s & 63) else 0 end" for word in range(4)]
SMALL_SETS = 40_000  # up to this product of two sizes, looking through a list is faster than a hash table

# All shingles of each text, hashed, with repeats.
SHINGLED = """
hashed as (
    select key, list_transform(string_split(text, ' '), lambda token: hash(token)) as h from {texts}
),
shingled as (
    select key, case when len(h) < $n then [hash(h)] else list_transform(range(1, len(h) - $n + 2), lambda i: {ngram})
    end as shingles
    from hashed
)
"""

# The $k smallest hashes of each text, ascending, each once.
SKETCHES = """
create or replace temp table sketches as
with {shingled},
least as (select key, shingles, list_aggregate(shingles, 'min', $k + $spare) as smallest from shingled),
once as (
    select key, shingles, list_filter(smallest, lambda s, i: i = 1 or s != smallest[i - 1]) as smallest from least
)
select key, case
    when len(smallest) >= $k or len(shingles) <= $k + $spare then smallest[:$k]
    else list_sort(list_distinct(shingles))[:$k]
end as sketch
from once
"""

# A bucket is all texts whose sketches share two neighbours. Buckets are gone through in $parts parts, so that memory
# does not grow with the rows.
PLACES = """
create or replace temp table places as
with each as (select key, unnest({buckets}) as bucket from sketches)
select bucket, key from each where bucket % $parts::ubigint = $part::ubigint
"""
MEMBERS = """
create or replace temp table members as
with shared as (select bucket, count(*) as size, min(key) as first from places group by bucket having count(*) > 1)
select bucket, size, first, key from places join shared using (bucket)
"""
BUCKETS = "list_transform(range(1, greatest(len(sketch), 2)), lambda i: hash(sketch[i], sketch[i + 1]))"

# The texts of large buckets get a second sketch, of the hashes that no more than $max_bucket of them have: a template's
# own words stand between any two neighbours, and without them its rows are told apart by what they say.
CROWDED = "insert into crowded select distinct key from members where size > $max_bucket"
SECOND_SKETCHES = """
create or replace temp table sketches as
with texts_wanted as (select key, text from texts semi join crowded using (key)),
{shingled}
select key, list_distinct(shingles) as sketch from shingled
"""
RARE_ONLY = """
create or replace temp table sketches as
with each as (select key, unnest(sketch) as s from sketches),
rare as (select s from each group by s having count(*) between 2 and $max_bucket)
select key, min(s, $k) as sketch from each join rare using (s) group by key
"""

# A small bucket is compared all with all. In a large one, a template's thousand rows, each text is compared with the
# first and, in the order of what follows the two neighbours in the sketches, with the next few: linear.
CANDIDATES = """
insert into proposed
with large as (select bucket, first, key from members where size > $max_bucket),
placed as (
    select bucket, key, sketch, list_position({buckets}, bucket) as i from large join sketches using (key)
),
beside as (
    select key, unnest([{following}]) as other from placed
    window along as (partition by bucket order by sketch[i + 2], sketch[i + 3], key)
),
pairs as (
    select a.key as a, b.key as b from members a join members b on a.bucket = b.bucket and a.key < b.key
    where a.size <= $max_bucket
    union all
    select first, key from large where key > first
    union all
    select least(key, other), greatest(key, other) from beside where other is not null
)
select distinct a, b from pairs
"""

# Two full sketches of sets that reach the threshold share at least $least_shared hashes (see `least_shared`). They are
# compared as bitmaps, where hashes may fall on one bit. Most candidates go here, before their sets are made. A sketch
# that is not full is the whole set, a small one: its pairs go on.
BITS_OF_SKETCHES = """
create or replace temp table sketch_bits as
with wanted as (select a as key from proposed union select b from proposed)
select key, len(sketch) as n, {bitmap} from sketches semi join wanted using (key)
"""
PROMISING = """
create or replace temp table candidates as
with pairs as (select distinct a, b from proposed)
select a, b
from pairs
join sketch_bits x on x.key = a
join sketch_bits y on y.key = b
where least(x.n, y.n) < $k or {shared_bits} >= $least_shared
"""

# A bitmap of each text that stands in a pair. Where the bitmaps of two sets differ in d bits, the sets differ in at
# least d shingles, so they cannot reach the threshold when (n_a + n_b - d) < t * (n_a + n_b + d). Counting repeats in n
# only lets more pairs through.
BITMAPS = """
create or replace temp table bitmaps as
with {wanted},
{shingled},
exploded as (select key, unnest(shingles) as s from shingled)
select key, count(*) as n, {bitmap} from exploded group by key
"""
ABLE = """
create or replace temp table able as
select a, b, x.n + y.n as total, {differing_bits} as d
from candidates
join bitmaps x on x.key = a
join bitmaps y on y.key = b
where total - d >= $threshold * (total + d)
"""

# The sets of what is left, and their exact similarity. What two small sets share is looked for in lists, what two large
# ones share (a product of sizes above $small_sets) by a join.
SETS = """
create or replace temp table sets as
with {wanted},
{shingled}
select key, list_distinct(shingles) as shingles from shingled
"""
PAIRED = """
create or replace temp table paired as
select a, b, len(x.shingles) + len(y.shingles) as total, len(x.shingles) * len(y.shingles) <= $small_sets as is_small
from able
join sets x on x.key = a
join sets y on y.key = b
"""
LARGE_SETS = """
create or replace temp table large_sets as
with keys as (select a as key from paired where not is_small union select b from paired where not is_small)
select key, unnest(shingles) as s from sets semi join keys using (key)
"""
EDGES = """
with small as (
    select a, b, total, len(list_filter(x.shingles, lambda s: list_contains(y.shingles, s))) as shared
    from paired
    join sets x on x.key = a
    join sets y on y.key = b
    where is_small
),
large as (
    select a, b, total, count(*) as shared
    from paired
    join large_sets x on x.key = a
    join large_sets y on y.key = b and y.s = x.s
    where not is_small
    group by a, b, total
),
compared as (from small union all from large)
select a, b, shared / (total - shared) as similarity from compared
where shared >= $threshold * (total - shared)
order by a, b
"""
WANTED = """
keys as (select a as key from {pairs} union select b from {pairs}),
texts_wanted as (select key, text from texts semi join keys using (key))
"""

# N-grams that many texts have: boilerplate, a template's words. First what comes often, then of this what many texts
# have, for many times in one text is not boilerplate. Counted without the keys: duckdb 2.0.0 ends with an internal
# error ("dict-surviving cache") where a key beside an unnested list goes through a semi join.
OFTEN = """
create or replace temp table often as
with {shingled},
asked as (select distinct unnest(shingles) as s from sets),
exploded as (select unnest(shingles) as s from shingled)
select s from exploded semi join asked using (s) group by s having count(*) > $max_texts
"""
COMMON = """
create or replace temp table common as
with {shingled},
once as (select unnest(list_distinct(shingles)) as s from shingled)
select s from once semi join often using (s) group by s having count(*) > $max_texts
"""
TELLING = """
create or replace temp table sets as
with exploded as (select key, unnest(shingles) as s from sets)
select key, list(s) as shingles from exploded anti join common using (s) group by key
"""


def near_pairs(db: duckdb.DuckDBPyConnection, threshold: float, params: DedupParams) -> tuple[pl.DataFrame, int]:
    """All pairs found in the view `texts` (key, text; texts unique) with a Jaccard similarity >= `threshold`.

    Returns the pairs (a < b, similarity; sorted) and how many were verified to find them.
    """
    _find_candidates(db, threshold, params)
    _filter_candidates(db, threshold, params)
    _make_sets(db, params)
    return _edges(db, threshold), _count(db, "able")


def _find_candidates(db: duckdb.DuckDBPyConnection, threshold: float, params: DedupParams) -> None:
    """Put into `candidates` the pairs of `texts` whose sketches are alike."""
    sizes = {"n": params.ngram, "k": params.sketch, "spare": N_SPARE}
    db.execute(SKETCHES.format(shingled=_shingled("texts", params)), sizes)
    db.execute("create or replace temp table proposed (a uinteger, b uinteger)")
    db.execute("create or replace temp table crowded (key uinteger)")
    _propose(db, params)
    db.execute("alter table sketches rename to first_sketches")
    db.execute(SECOND_SKETCHES.format(shingled=_shingled("texts_wanted", params)), {"n": params.ngram})
    db.execute(RARE_ONLY, {"k": params.sketch, "max_bucket": params.max_bucket})
    _propose(db, params)
    db.execute("drop table sketches")
    db.execute("alter table first_sketches rename to sketches")
    of_list = [
        f"list_aggregate(list_transform(sketch, lambda s: {bit}), 'bit_or') as w{w}" for w, bit in enumerate(BITS)
    ]
    db.execute(BITS_OF_SKETCHES.format(bitmap=", ".join(of_list)))
    shared_bits = " + ".join(f"bit_count(x.w{w} & y.w{w})::int" for w in range(len(BITS)))
    db.execute(
        PROMISING.format(shared_bits=shared_bits),
        {"k": params.sketch, "least_shared": least_shared(params.sketch, threshold)},
    )
    for table in ("sketches", "places", "members", "proposed", "crowded", "sketch_bits"):
        db.execute(f"drop table {table}")


def _filter_candidates(db: duckdb.DuckDBPyConnection, threshold: float, params: DedupParams) -> None:
    """Put into `able` those of `candidates` that the bitmaps of their sets let reach the threshold."""
    of_group = ", ".join(f"bit_or({bit}) as w{w}" for w, bit in enumerate(BITS))
    wanted, shingled = WANTED.format(pairs="candidates"), _shingled("texts_wanted", params)
    db.execute(BITMAPS.format(wanted=wanted, shingled=shingled, bitmap=of_group), {"n": params.ngram})
    differing_bits = " + ".join(f"bit_count(xor(x.w{w}, y.w{w}))::int" for w in range(len(BITS)))
    db.execute(ABLE.format(differing_bits=differing_bits), {"threshold": threshold})


def _propose(db: duckdb.DuckDBPyConnection, params: DedupParams) -> None:
    """Add to `proposed` the pairs that `sketches` put into one bucket, and to `crowded` the texts of large buckets."""
    n_parts = 1 + _count(db, "sketches") // TEXTS_IN_PART
    following = ", ".join(f"lead(key, {k}) over along" for k in range(1, N_FOLLOWING + 1))
    for part in range(n_parts):
        db.execute(PLACES.format(buckets=BUCKETS), {"parts": n_parts, "part": part})
        db.execute(MEMBERS)
        db.execute(CROWDED, {"max_bucket": params.max_bucket})
        db.execute(CANDIDATES.format(buckets=BUCKETS, following=following), {"max_bucket": params.max_bucket})


def similarities(
    db: duckdb.DuckDBPyConnection, pairs: pl.DataFrame, threshold: float, params: DedupParams
) -> pl.DataFrame:
    """Those of `pairs` (a, b) whose texts in the view `texts` reach the threshold: a, b, similarity; sorted."""
    _take(db, pairs)
    _make_sets(db, params)
    return _edges(db, threshold)


def without_common(
    db: duckdb.DuckDBPyConnection, pairs: pl.DataFrame, max_texts: int, threshold: float, params: DedupParams
) -> pl.DataFrame:
    """Like `similarities`, but n-grams that more than `max_texts` of all texts have do not count.

    A text that has no other n-gram is like none.
    """
    if pairs.is_empty():
        return pairs
    _take(db, pairs)
    _make_sets(db, params)
    asked = {"n": params.ngram, "max_texts": max_texts}
    db.execute(OFTEN.format(shingled=_shingled("texts", params)), asked)
    if _count(db, "often"):
        db.execute(COMMON.format(shingled=_shingled("texts", params)), asked)
        db.execute(TELLING)
    return _edges(db, threshold)


def least_shared(k: int, threshold: float) -> int:
    """How many bits two full sketches share at least, but for about `MAX_MISSED` of the pairs at the threshold.

    Of the k smallest hashes of both sets together each is shared with probability J: the number is about binomial. One
    less is asked for, for of so few hashes on 256 bits seldom more than two fall together.
    """
    missed = 0.0
    for shared in range(k + 1):
        missed += comb(k, shared) * threshold**shared * (1 - threshold) ** (k - shared)
        if missed > MAX_MISSED:
            return max(1, shared - 1)
    return max(1, k - 2)


def _shingled(texts: str, params: DedupParams) -> str:
    return SHINGLED.format(texts=texts, ngram=ngram_hash(params.ngram))


def _count(db: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(db.execute(f"select count(*) from {table}").fetchall()[0][0])


def _take(db: duckdb.DuckDBPyConnection, pairs: pl.DataFrame) -> None:
    db.register("given", pairs.select("a", "b").to_arrow())
    db.execute("create or replace temp table able as select a, b from given")
    db.unregister("given")


def _make_sets(db: duckdb.DuckDBPyConnection, params: DedupParams) -> None:
    wanted, shingled = WANTED.format(pairs="able"), _shingled("texts_wanted", params)
    db.execute(SETS.format(wanted=wanted, shingled=shingled), {"n": params.ngram})


def _edges(db: duckdb.DuckDBPyConnection, threshold: float) -> pl.DataFrame:
    """The pairs in `able` whose `sets` reach the threshold."""
    db.execute(PAIRED, {"small_sets": SMALL_SETS})
    db.execute(LARGE_SETS)
    edges: pl.DataFrame = db.sql(EDGES, params={"threshold": threshold}).pl()
    return edges
