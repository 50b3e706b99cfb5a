"""The published test models: every file, its reference, and what an engine makes of it.

The cases stand in `cases/`, as the SDXorg project publishes them (its licence beside them).  A
Vensim file is held against Vensim's output, a Stella file against Stella's where there is one.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bullbear.equations.names import canonical, split_element
from bullbear.equations.read import read_document
from bullbear.equations.scalar import MISSING
from bullbear.errors import BullbearError
from bullbear.models.reference import read_reference

CASES = Path(__file__).parent / "cases"
RTOL = 1e-5  # of the largest absolute reference value of a variable
ATOL = 1e-12
ON_GRID, SIX_DIGITS = 1e-6, 5e-6  # Vensim prints times with six digits
AGREES, REFUSED, DIFFERS, FAILS = "agrees", "refused", "differs", "fails"

# What follows from a chaotic path printed in single precision is compared as far as it can be.
UNTIL = {"roessler_chaos.mdl": 50.0}
# Everything that does not simply agree, and why.
UNTRANSLATED = "holds ??? where the program that wrote it could not translate an equation"
NO_MACRO = "calls a macro that no file defines"
EXCEPTIONS = {
    **dict.fromkeys(
        (
            f"tests/{folder}/test_{name}{ending}"
            for folder, name in (
                ("subscript_1d_arrays", "subscript_1d_arrays"),
                ("subscript_constant_call", "subscript_constant_call"),
                ("subscript_mixed_assembly", "subscript_mixed_assembly"),
                ("subscript_subranges", "subscript_subrange"),
            )
            for ending in (".xmile", ".stmx")
        ),
        UNTRANSLATED,
    ),
    **dict.fromkeys(
        (
            f"tests/{name}/test_{name}{ending}"
            for name in ("macro_expression", "macro_multi_expression", "macro_stock")
            for ending in (".xmile", ".stmx")
        ),
        NO_MACRO,
    ),
}
REMARKS = {
    "samples/Query_file/Query_file.mdl": "what RANDOM UNIFORM feeds is left out",
    "samples/Roessler_Chaos/roessler_chaos.mdl": "up to t = 50: the path is chaotic, and the "
    "published run is in single precision, which a test reproduces to the last digit",
    "tests/zeroled_decimals/test_zeroled_decimals.xmile": "by Euler as the published run, though "
    "the file declares RK4",
    "tests/non_negative_flows/test_non_negative_flows.xmile": "with a warning: <flow> is not "
    "closed",
    "tests/non_negative_flows/test_non_negative_flows_behavior.xmile": "with a warning: <flow> is "
    "not closed",
}
_VENSIM = ("output.tab", "output.csv", "data.tab")
_STELLA = ("output_stella.csv", "output.tab", "output.csv")


@dataclass(frozen=True)
class Outcome:
    """`status`: agrees, refused (before anything runs), differs, fails."""

    status: str
    note: str = ""
    compared: int = 0


@dataclass(frozen=True)
class Table:
    """Results of one run: times, and columns by canonical name."""

    times: np.ndarray
    columns: Mapping[tuple[str, ...], np.ndarray]


def case_files() -> list[Path]:
    """Every model file of the suite, in a fixed order."""
    found = [p for p in CASES.rglob("*") if p.suffix in (".mdl", ".xmile", ".stmx", ".itmx")]
    return sorted(found, key=lambda p: p.relative_to(CASES).as_posix())


def reference_of(model: Path) -> Path:
    """The table that a model file is held against."""
    names = _VENSIM if model.suffix == ".mdl" else _STELLA
    if model.name == "model_to_generate_data.mdl":
        names = ("data.tab",)
    return next(model.parent / name for name in names if (model.parent / name).is_file())


def method_of(model: Path) -> str | None:
    """How the reference was made: Vensim's output of a Stella file is that of the .mdl beside it.

    None means the method that the file itself declares.
    """
    if model.suffix == ".mdl" or reference_of(model).name == "output_stella.csv":
        return None
    twin = next(model.parent.glob("*.mdl"), None)
    return None if twin is None else read_document(twin).method or None


def key_of(name: str) -> tuple[str, ...]:
    """Name and elements as they are matched; Stella writes modules with a point."""
    base, elements = split_element(canonical(name))
    return (canonical(base), *map(canonical, elements))


# -- engines ------------------------------------------------------------------------------------


def ours(path: Path) -> Outcome:
    """What bullbear makes of a file."""
    from bullbear.models.model import load

    try:
        model = load(path)
    except BullbearError as fault:
        return Outcome(REFUSED, _first_line(fault))
    except Exception as fault:
        return Outcome(FAILS, f"{type(fault).__name__}: {fault}")
    try:
        run = model.run(method=method_of(path))
    except BullbearError as fault:
        return Outcome(FAILS, _first_line(fault))
    results = run.results
    columns = {key_of(name): results[name].to_numpy() for name in results.columns}
    table = Table(results.index.to_numpy(), columns)
    return compare(table, path, frozenset(key_of(n) for n in random_outputs(model.program)))


def pysd(path: Path) -> Outcome:
    """What PySD makes of a file."""
    import pysd as engine

    # PySD writes modules beside the file
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        copy = Path(shutil.copytree(path.parent, Path(scratch, "case")), path.name)
        try:
            if path.suffix == ".mdl":
                data = [str(copy.parent / "data.tab")]
                asked = path.name == "test_data_from_other_model.mdl"
                model = engine.read_vensim(str(copy), **({"data_files": data} if asked else {}))
            else:
                model = engine.read_xmile(str(copy))
            found = model.run()
        except Exception as fault:
            return Outcome(FAILS, f"{type(fault).__name__}: {str(fault).splitlines()[:1]}")
    columns = {key_of(name): found[name].to_numpy(dtype=float) for name in found.columns}
    table = Table(found.index.to_numpy(dtype=float), columns)
    return compare(table, path, frozenset(key_of(n) for n in random_names(path)))


def random_names(path: Path) -> Iterator[str]:
    """Names of the variables that random streams reach; none where the file is refused."""
    from bullbear.models.model import load

    try:
        return random_outputs(load(path).program)
    except BullbearError:
        return iter(())


def _first_line(fault: BullbearError) -> str:
    text = str(fault.findings[0]) if fault.findings else str(fault).splitlines()[0]
    return text.replace(f"{CASES.as_posix()}/", "")


# -- comparison ---------------------------------------------------------------------------------


def compare(found: Table, path: Path, left_out: frozenset[tuple[str, ...]]) -> Outcome:
    """Hold a run against the reference of its file."""
    reference = read_reference(reference_of(path))
    rows = np.abs(found.times[:, None] - reference.times[None, :]).argmin(axis=0)
    gap = np.abs(found.times[rows] - reference.times)
    if (gap > ON_GRID + SIX_DIGITS * np.abs(reference.times)).any():
        return Outcome(DIFFERS, "the saved times differ")
    faults, compared = [], 0
    for name, series in reference.series.items():
        key = key_of(name)
        if key in left_out:
            continue
        if key not in found.columns:
            faults.append(f'no variable "{series.name}"')
            continue
        compared += 1
        values = found.columns[key][rows]
        wanted = series.values
        scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0)
        allowed = np.maximum(np.maximum(RTOL * scale, ATOL), series.resolution / 2)
        with np.errstate(all="ignore"):
            off = ~(np.abs(values - wanted) <= allowed * (1 + 1e-9)) & (values != wanted)
        # a blank cell reads as the last value, or as no value where the model has none either
        blank = np.diff(wanted, prepend=np.nan) == 0
        off &= reference.times <= UNTIL.get(path.name, np.inf)
        off &= ~np.isnan(wanted) & ~(blank & (np.isnan(values) | (values == MISSING)))
        if off.any():
            at = int(np.flatnonzero(off)[0])
            faults.append(
                f"{series.name} is {values[at]:.6g} at {reference.times[at]:g}, not {wanted[at]:g}"
            )
    if faults:
        more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
        return Outcome(DIFFERS, faults[0] + more, compared)
    return Outcome(AGREES, "", compared)


def random_outputs(program) -> Iterator[str]:
    """Names of the outputs that a random stream reaches, through states too."""
    nodes = program.nodes
    tainted = [node.op == "random" for node in nodes]
    states: set[int] = set()
    while True:
        for index, node in enumerate(nodes):
            tainted[index] = (
                tainted[index]
                or any(tainted[a] for a in node.args)
                or (node.op == "state" and node.data in states)
            )
        reached = {
            i for i, s in enumerate(program.states)
            if any(part >= 0 and tainted[part] for part in (s.rate, s.initial, s.delay))
        }  # fmt: skip
        if reached == states:
            break
        states = reached
    return (name for name, node in program.outputs.items() if tainted[node])
