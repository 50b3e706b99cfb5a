"""The expression language: what is read, and what is answered where it cannot be."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullbear.equations.expressions import (
    Array,
    Binary,
    Call,
    Expression,
    Missing,
    Name,
    Number,
    Table,
    Text,
    Unary,
)
from bullbear.equations.parser import parse_expression, parse_table
from bullbear.equations.tokens import SyntaxFault


def value(node: Expression) -> float:
    """The value of an expression of numbers, worked out on the tree alone."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Unary):
        return -value(node.operand) if node.operator == "-" else value(node.operand)
    assert isinstance(node, Binary)
    left, right = value(node.left), value(node.right)
    return {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
        "^": lambda: left**right,
    }[node.operator]()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("10 - 4 - 3", 3),
        ("24 / 4 / 3", 2),
        ("-2 ^ 2", -4),
        ("(-2) ^ 2", 4),
        ("2 ^ 3 ^ 2", 512),
        ("2 * -3", -6),
        ("2 ^ -1", 0.5),
        ("- - 2", 2),
        ("+3", 3),
        (".5 + 1.", 1.5),
        ("1e3 + 2.5E-1", 1000.25),
        ("1 + {a comment + 7} 2", 3),
        ("1 + \\\n\t 2", 3),
        ("-2 * 3 + 1", -5),
    ],
)
def test_precedence_and_numbers(text: str, expected: float) -> None:
    assert value(parse_expression(text)) == expected


@given(st.recursive(
    st.integers(min_value=1, max_value=9).map(str),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map("({0[0]}{0[1]}{0[2]})".format)
    | inner.map("-({})".format),
    max_leaves=20,
))  # fmt: skip
def test_arithmetic_means_what_it_means_elsewhere(text: str) -> None:
    # Python has the same signs and the same ranks for sums and products.
    assert math.isclose(value(parse_expression(text)), eval(text), rel_tol=1e-12)


def test_names_hold_blanks_line_ends_and_quotes() -> None:
    node = parse_expression('Treasury \\\n\tNMR * "a-b (c)"')
    assert isinstance(node, Binary)
    assert [getattr(side, "name", "") for side in (node.left, node.right)] == [
        "Treasury NMR",
        '"a-b (c)"',
    ]


def test_letters_of_every_language_make_names() -> None:
    node = parse_expression("Bevölkerung * 人口 + größe'")
    assert isinstance(node, Binary)


def test_subscripts_and_bangs() -> None:
    node = parse_expression("SUM(stake[tournament!, Classic])")
    assert isinstance(node, Call)
    (inner,) = node.arguments
    assert isinstance(inner, Name)
    assert [(s.name, s.reduced) for s in inner.subscripts] == [
        ("tournament", True),
        ("Classic", False),
    ]


def test_logic_binds_looser_than_comparison() -> None:
    node = parse_expression("a > 1 :AND: :NOT: b = 2 :OR: c")
    assert isinstance(node, Binary)
    assert node.operator == ":OR:"
    assert isinstance(node.left, Binary)
    assert node.left.operator == ":AND:"
    assert isinstance(node.left.right, Unary)


def test_arrays_lookups_and_texts() -> None:
    array = parse_expression("1, -2, 3; 4, 5, 6;")
    assert isinstance(array, Array)
    assert array.rows == ((1, -2, 3), (4, 5, 6))
    call = parse_expression("WITH LOOKUP(a, ([(0,0)-(2,2)],(0,1),(2,-3)))")
    assert isinstance(call, Call)
    table = call.arguments[1]
    assert isinstance(table, Table)
    assert (table.x, table.y, table.limits) == ((0, 2), (1, -3), "[(0,0)-(2,2)]")
    old = parse_table("1,2,3,10,20,30", 0, 14)
    assert isinstance(old, Table)
    assert (old.x, old.y) == ((1, 2, 3), (10, 20, 30))
    assert isinstance(parse_expression(":NA:"), Missing)
    text = parse_expression("GET DIRECT DATA('a b.csv', ',', 'A', 'B2')")
    assert isinstance(text, Call)
    assert isinstance(text.arguments[0], Text)


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("", 0, "the equation ends, expected an expression"),
        ("a +", 2, "the equation ends"),
        ("a + * b", 4, 'found "*", expected a number'),
        ("a b(", 3, "the equation ends"),
        ("(a + b", 5, 'expected ")" to close the parenthesis'),
        ("MAX(a, b", 7, 'expected ")" to close the arguments of "MAX"'),
        ("a + b)", 5, 'found ")", expected an operator'),
        ("a[b + 1]", 4, 'expected "]" to close the subscripts'),
        ("a[", 1, "the equation ends, expected a subscript"),
        ("3 a", 2, 'found "a", expected an operator'),
        ("a % b", 2, '"%" has no meaning'),
        ('"a b', 0, "not closed on its line"),
        ("'a", 0, "not closed on its line"),
        ("a } b", 2, 'one "}" too many'),
        ("{ a", 0, 'one "{" too many'),
        ("1, a", 3, "may hold numbers only"),
        ("a, 1", 1, 'found ","'),
        ("MAX(,a)", 4, 'found ","'),
        ("WITH LOOKUP(a, ((0,1),(2)))", 24, 'expected ","'),
        ("a = = b", 4, 'found "="'),
        ("1.5.2", 3, 'found ".2"'),
    ],
)
def test_faults_stand_at_the_first_sign_that_does_not_fit(
    text: str, offset: int, message: str
) -> None:
    with pytest.raises(SyntaxFault) as caught:
        parse_expression(text)
    assert (caught.value.offset, message in caught.value.message) == (offset, True), caught.value


def test_what_is_left_open_is_pointed_at() -> None:
    with pytest.raises(SyntaxFault) as caught:
        parse_expression("1 + MAX(2, (3 + 4)")
    assert caught.value.notes == ((7, 'this "(" is not closed'),)


WORDS = (
    "a|b c|1|2.5|+|-|*|/|^|(|)|,|;|[|]|!|<|=|>=|:AND:|:NOT:|:NA:|'t'|MAX(|SUM(|WITH LOOKUP(|{|}|"
    'TABBED ARRAY(|~|%|é|:|\n|\\|"q"|\'|"'
)


def read_or_answered(text: str) -> tuple[int, int]:
    """Where a tree or a fault stands."""
    try:
        span = parse_expression(text).span
    except SyntaxFault as fault:
        return fault.offset, fault.offset
    return span.start, span.end


@given(st.lists(st.sampled_from(WORDS.split("|")), max_size=14))
def test_any_row_of_tokens_is_read_or_answered(parts: list[str]) -> None:
    text = " ".join(parts)
    start, end = read_or_answered(text)
    assert 0 <= start <= end <= len(text)


@given(st.text(max_size=60))
def test_any_text_is_read_or_answered(text: str) -> None:
    start, end = read_or_answered(text)
    assert 0 <= start <= end <= len(text)


def test_deep_nesting_is_read_or_answered() -> None:
    text = "(" * 90 + "1" + ")" * 90
    assert value(parse_expression(text)) == 1
    with pytest.raises(SyntaxFault, match="nested"):
        parse_expression("(" * 100_000)


def test_long_sums_are_read_or_answered() -> None:
    assert value(parse_expression(" + ".join(["1"] * 400))) == 400
    with pytest.raises(SyntaxFault, match="in a row"):
        parse_expression(" + ".join(["1"] * 5000))
