"""Printing and reading are inverse to each other."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from hypothesis import assume, given
from hypothesis import strategies as st

from bullbear.equations.document import Document
from bullbear.equations.expressions import (
    Array,
    Binary,
    Call,
    Expression,
    Missing,
    Name,
    Number,
    Span,
    Subscript,
    Table,
    Text,
    Unary,
)
from bullbear.equations.lowering import compile_system
from bullbear.equations.parser import BINDING, PREFIX, parse_expression
from bullbear.equations.source import Source
from bullbear.equations.system import System
from bullbear.equations.vensim import read_source, read_vensim
from bullbear.equations.write import write_expression, write_number
from bullbear.equations.write_document import document_text

NOWHERE = Span(0, 0)


def placeless(thing: object) -> object:
    """A tree without its places in the file."""
    if isinstance(thing, tuple):
        return tuple(placeless(part) for part in thing)
    if dataclasses.is_dataclass(thing):
        return (
            type(thing).__name__,
            *(
                placeless(getattr(thing, field.name))
                for field in dataclasses.fields(thing)
                if field.name not in ("span", "body", "source")
            ),
        )
    return thing


def meaning(document: Document) -> object:
    return (
        placeless(tuple(document.equations)),
        placeless(tuple(document.ranges)),
        tuple((m.name, m.inputs, m.outputs, meaning(m.body)) for m in document.macros),
    )


def reread(document: Document) -> Document:
    folder = document.source.folder
    return read_source(Source("printed", document_text(document), folder))


# -- the grammar ---------------------------------------------------------------------------------

names = st.sampled_from(["a", "Treasury NMR", "x1", '"odd - name"', "naïve", "été moyen", "b$"])
subscripts = st.lists(
    st.builds(Subscript, st.sampled_from(["i", "range", "A1"]), st.booleans(), st.just(NOWHERE)),
    max_size=2,
).map(tuple)
numbers = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
leaves = st.one_of(
    st.builds(Number, numbers, st.just(NOWHERE)),
    st.builds(Missing, st.just(NOWHERE)),
    st.builds(Name, names, subscripts, st.just(NOWHERE)),
    st.builds(Text, st.sampled_from(["data.csv", ",", "B2"]), st.just(NOWHERE)),
)


def larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.one_of(
        st.builds(Unary, st.sampled_from(sorted(PREFIX)), inner, st.just(NOWHERE)),
        st.builds(Binary, st.sampled_from(sorted(BINDING)), inner, inner, st.just(NOWHERE)),
        st.builds(
            Call,
            st.sampled_from(["MAX", "IF THEN ELSE", "my lookup"]),
            subscripts,
            st.lists(inner, max_size=3).map(tuple),
            st.just(NOWHERE),
        ),
    )


expressions = st.recursive(leaves, larger, max_leaves=25)
signed = st.floats(allow_nan=False, allow_infinity=False)


@given(expressions)
def test_printed_expressions_read_back_as_the_same_tree(tree: Expression) -> None:
    assert placeless(parse_expression(write_expression(tree))) == placeless(tree)


@given(st.lists(st.lists(signed, min_size=1, max_size=4), min_size=1, max_size=4))
def test_printed_arrays_read_back(rows: list[list[float]]) -> None:
    assume(sum(map(len, rows)) > 1)  # one number is no array
    tree = Array(tuple(map(tuple, rows)), NOWHERE)
    assert placeless(parse_expression(write_expression(tree))) == placeless(tree)


@given(st.lists(st.tuples(signed, signed), min_size=1, max_size=6))
def test_printed_points_read_back(points: list[tuple[float, float]]) -> None:
    x, y = zip(*points, strict=True)
    tree = Call("WITH LOOKUP", (), (Name("a", (), NOWHERE), Table(x, y, "", NOWHERE)), NOWHERE)
    assert placeless(parse_expression(write_expression(tree))) == placeless(tree)


@given(numbers)
def test_numbers_read_back_exactly(value: float) -> None:
    assert float(write_number(value)) == value


# -- whole files ---------------------------------------------------------------------------------


def test_the_joined_numerai_model_prints_and_reads_back(root: Path) -> None:
    for path in sorted((root / "equations" / "numerai").glob("*.mdl")):
        document = read_vensim(path)
        assert meaning(reread(document)) == meaning(document)


def test_the_printed_model_computes_the_same_numbers(root: Path) -> None:
    documents = [read_vensim(p) for p in sorted((root / "equations" / "numerai").glob("*.mdl"))]
    printed = [reread(document) for document in documents]
    assert compile_system(System(printed)).digest() == compile_system(System(documents)).digest()


def test_every_conformance_file_prints_and_reads_back(shared: Path) -> None:
    for path in sorted((shared / "test-models").rglob("*.mdl")):
        document = read_vensim(path)
        assert meaning(reread(document)) == meaning(document), path
