"""The functions of the equation language: names, numbers of arguments, and what kind they are.

A table for the reader's checks, for units and for lowering alike; the meaning in statements stands
in `lowering.py` (arithmetic), `memory.py` (delays and smooths) and `events.py` (time).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Function:
    """`most` None: any number of arguments from `least` on.

    kind: arithmetic, reduction (over subscripts with a bang), time, memory (hidden stocks),
    lookup, data, external, stock, initial, logic, random, vector, allocation.
    """

    name: str
    least: int
    most: int | None
    kind: str


def _table() -> dict[str, Function]:
    rows: dict[str, list[tuple[str, int, int | None]]] = {
        "arithmetic": [
            ("ABS", 1, 1), ("EXP", 1, 1), ("LN", 1, 1), ("LOG", 2, 2), ("SQRT", 1, 1),
            ("SIN", 1, 1), ("COS", 1, 1), ("TAN", 1, 1), ("ARCSIN", 1, 1), ("ARCCOS", 1, 1),
            ("ARCTAN", 1, 1), ("SINH", 1, 1), ("COSH", 1, 1), ("TANH", 1, 1),
            ("MIN", 2, None), ("MAX", 2, None), ("INTEGER", 1, 1), ("MODULO", 2, 2),
            ("QUANTUM", 2, 2), ("POWER", 2, 2), ("XIDZ", 3, 3), ("ZIDZ", 2, 2),
            ("GAME", 1, 1), ("SIMULTANEOUS", 2, 2), ("A FUNCTION OF", 0, None),
        ],
        "logic": [("IF THEN ELSE", 3, 3)],
        "reduction": [("SUM", 1, 1), ("PROD", 1, 1), ("VMIN", 1, 1), ("VMAX", 1, 1),
                      ("ELMCOUNT", 1, 1)],
        "time": [("STEP", 2, 2), ("PULSE", 2, 2), ("PULSE TRAIN", 4, 4), ("RAMP", 2, 3)],
        "memory": [
            ("SMOOTH", 2, 2), ("SMOOTHI", 3, 3), ("SMOOTH3", 2, 2), ("SMOOTH3I", 3, 3),
            ("SMOOTH N", 4, 4), ("DELAY1", 2, 2), ("DELAY1I", 3, 3), ("DELAY3", 2, 2),
            ("DELAY3I", 3, 3), ("DELAY N", 4, 4), ("DELAY FIXED", 3, 3),
            ("DELAY MATERIAL", 4, 4), ("TREND", 3, 3),
            ("FORECAST", 3, 3), ("SAMPLE IF TRUE", 3, 3),
        ],
        "vector": [
            ("VECTOR SELECT", 5, 5), ("VECTOR ELM MAP", 2, 2), ("VECTOR SORT ORDER", 2, 2),
            ("VECTOR RANK", 2, 2), ("VECTOR REORDER", 2, 2), ("INVERT MATRIX", 2, 2),
        ],
        "allocation": [("ALLOCATE BY PRIORITY", 5, 5), ("ALLOCATE AVAILABLE", 3, 3)],
        "random": [
            ("RANDOM 0 1", 0, 0), ("RANDOM UNIFORM", 3, 3), ("RANDOM NORMAL", 5, 5),
            ("RANDOM EXPONENTIAL", 5, 5), ("RANDOM TRIANGULAR", 6, 6),
        ],
        "stock": [("INTEG", 2, 2)],
        "initial": [("INITIAL", 1, 1), ("ACTIVE INITIAL", 2, 2), ("REINITIAL", 1, 1)],
        "lookup": [("WITH LOOKUP", 2, 2), ("LOOKUP EXTRAPOLATE", 2, 2), ("LOOKUP FORWARD", 2, 2),
                   ("LOOKUP BACKWARD", 2, 2), ("LOOKUP INVERT", 2, 2)],
        "data": [("GET DATA AT TIME", 2, 2), ("GET DATA BETWEEN TIMES", 3, 3),
                 ("GET DATA FIRST TIME", 1, 1), ("GET DATA LAST TIME", 1, 1)],
        "external": [
            (f"GET {kind} {what}", 3 if what == "CONSTANTS" else 4,
             {"CONSTANTS": 3, "SUBSCRIPT": 5}.get(what, 4))
            for kind in ("DIRECT", "XLS") for what in ("LOOKUPS", "DATA", "CONSTANTS", "SUBSCRIPT")
        ],
    }  # fmt: skip
    return {
        name.casefold(): Function(name, least, most, kind)
        for kind, functions in rows.items()
        for name, least, most in functions
    }


FUNCTIONS = _table()

# Functions of Vensim that are refused by name: what they do is not done here yet.
UNSUPPORTED = frozenset(
    name.casefold()
    for name in (
        "ALLOC P", "DELAY BATCH", "DELAY CONVEYOR", "DELAY LOST", "DELAY PROFILE", "DELAY LEAK",
        "DELAYP", "DEMAND AT PRICE", "DEPRECIATE BY SCHEDULE", "DEPRECIATE STRAIGHTLINE",
        "FIND MARKET PRICE", "FIND ZERO", "GAMMA LN", "GET DATA MEAN", "GET DATA STDV",
        "GET DATA TOTAL POINTS", "GET DATA MAX", "GET DATA MIN", "GET TIME VALUE", "GET VDF DATA",
        "GET VDF CONSTANTS", "GET VDF LOOKUPS", "GET 123 DATA", "INTERNAL RATE OF RETURN",
        "LOOKUP AREA", "LOOKUP SLOPE", "MARKETP", "MESSAGE", "NPV", "PROBE", "QUEUE AGE AVERAGE",
        "QUEUE AGE IN RANGE", "QUEUE FIFO", "RANDOM BETA", "RANDOM BINOMIAL", "RANDOM GAMMA",
        "RANDOM LOOKUP", "RANDOM NEGATIVE BINOMIAL", "RANDOM PINK NOISE", "RANDOM POISSON",
        "RANDOM WEIBULL", "SHIFT IF TRUE", "SINTEG", "SOLVE", "SSTATS", "STDDEV", "SUPPLY AT PRICE",
        "TABXL", "VECTOR LOOKUP", "VMEDIAN", "VSTDDEV",
    )
)  # fmt: skip
