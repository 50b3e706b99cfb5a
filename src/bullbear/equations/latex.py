"""Equations as LaTeX: names upright, subscripts as indices, long sums and products in lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import sympy
from sympy import Expr, Symbol
from sympy.printing.latex import LatexPrinter

from bullbear.equations import opaque
from bullbear.equations.names import split_element
from bullbear.equations.scalar import MISSING

if TYPE_CHECKING:
    from bullbear.equations.symbolic import SymbolicEquation

WIDTH = 90
"""Letters, as printed, after which a line is broken."""
_SPECIAL = {c: "\\" + c for c in "_%&#$"} | {"^": r"\^{}", "\\": r"\textbackslash "}
_COMPARED = {"<": "<", "<=": r"\le", ">": ">", ">=": r"\ge", "=": "=", "<>": r"\ne",
             ":AND:": r"\land", ":OR:": r"\lor"}  # fmt: skip


def name_latex(name: str) -> str:
    r"""`\text{Staked NMR}_{\text{Classic}}`."""
    base, elements = split_element(name)
    index = ", ".join(f"\\text{{{_escaped(e.rstrip('!'))}}}" for e in elements)
    return f"\\text{{{_escaped(base)}}}" + (f"_{{{index}}}" if index else "")


def equation_latex(equation: SymbolicEquation, time_unit: str = "") -> str:
    """One equation; in an `aligned` block where it needs several lines."""
    left = name_latex(equation.name)
    if equation.initial is not None:
        left = f"\\frac{{d}}{{dt}}\\,{left}"
    unit = _unit(equation.units, time_unit if equation.initial is not None else "")
    lines = _lines(equation.written)
    if len(lines) == 1:
        return f"{left} = {lines[0]}{unit}"
    rows = [f"{left} ={{}} & {lines[0]}", *(f"& {line}" for line in lines[1:])]
    body = " \\\\\n".join(rows)
    return f"\\begin{{aligned}}\n{body}{unit}\n\\end{{aligned}}"


def expression_latex(expression: Expr) -> str:
    """Terms and factors in the order in which they stand."""
    return str(
        _Printer({"order": "none", "ln_notation": True, "mul_symbol": "dot"}).doprint(expression)
    )


def _unit(units: str, time_unit: str) -> str:
    if not units:
        return ""
    text = f"{units}/{time_unit}" if time_unit else units
    return f" \\quad [\\text{{{_escaped(text)}}}]"


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(c, c) for c in text)


def _lines(expression: Expr) -> list[str]:
    """The expression, broken before terms, or before factors, where it is too wide."""
    whole = expression_latex(expression)
    if _width(whole) <= WIDTH:
        return [whole]
    if isinstance(expression, sympy.Add):
        parts = [expression_latex(term) for term in expression.args]
        return _filled([parts[0], *(_signed(part) for part in parts[1:])])
    if isinstance(expression, sympy.Mul) and not any(map(_divides, expression.args)):
        factors = [_factor(factor) for factor in expression.args]
        return _filled([factors[0], *(f"\\cdot {factor}" for factor in factors[1:])])
    return [whole]


def _signed(term: str) -> str:
    return term if term.startswith("-") else f"+ {term}"


def _divides(factor: Expr) -> bool:
    return isinstance(factor, sympy.Pow) and factor.exp.could_extract_minus_sign()


def _factor(factor: Expr) -> str:
    text = expression_latex(factor)
    return f"\\left({text}\\right)" if isinstance(factor, sympy.Add) else text


def _filled(parts: Sequence[str]) -> list[str]:
    lines = [parts[0]]
    for part in parts[1:]:
        if _width(lines[-1]) + _width(part) > WIDTH:
            lines.append(f"\\quad {part}")
        else:
            lines[-1] += f" {part}"
    return lines


def _width(text: str) -> int:
    """Letters that are seen, those of fractions one after the other."""
    seen = re.sub(r"\\text|\\left|\\right|\\operatorname|\\[a-zA-Z]+|[{}]", "", text)
    return len(seen)


class _Printer(LatexPrinter):  # type: ignore[misc]  # SymPy has no types
    def _print_Symbol(self, symbol: Symbol, **_: object) -> str:  # noqa: N802 - SymPy's name
        return "t" if symbol.name == "Time" else name_latex(symbol.name)

    def _print_Float(self, number: sympy.Float) -> str:  # noqa: N802 - SymPy's name
        value = float(number)
        if value == MISSING:
            return r"\text{:NA:}"
        mantissa, _, exponent = repr(value).partition("e")
        return f"{mantissa} \\cdot 10^{{{int(exponent)}}}" if exponent else mantissa

    def _print_Function(self, function: Expr, exp: str | None = None) -> str:  # noqa: N802 - SymPy's name
        if isinstance(function, opaque.Opaque):
            text = self._opaque(function)
            return f"\\left({text}\\right)^{{{exp}}}" if exp is not None else text
        return str(super()._print_Function(function, exp))

    def _opaque(self, function: opaque.Opaque) -> str:
        parts = [self.doprint(argument) for argument in function.args]
        if isinstance(function, opaque.Condition):
            sides = [self._side(a, p) for a, p in zip(function.args, parts, strict=True)]
            return f" {_COMPARED[function.word]} ".join(sides)
        if isinstance(function, opaque.Denied):
            return f"\\lnot {self._side(function.args[0], parts[0])}"
        if isinstance(function, opaque.IfThenElse):
            condition, yes, no = parts
            return (f"\\begin{{cases}} {yes} & \\text{{if }} {condition} \\\\ {no} & "
                    "\\text{otherwise} \\end{cases}")  # fmt: skip
        if isinstance(function, opaque.SumOver):
            return self._sum(function, parts[0])
        if isinstance(function, opaque.Magnitude):
            return f"\\left|{parts[0]}\\right|"
        if isinstance(function, opaque.Lookup):
            return f"{parts[0]}\\!\\left({parts[1]}\\right)"
        word = {"MIN": "\\min", "MAX": "\\max"}.get(
            function.word, f"\\operatorname{{{_escaped(function.word)}}}"
        )
        return f"{word}\\left({', '.join(parts)}\\right)"

    def _sum(self, function: Expr, inner: str) -> str:
        names = {
            element.rstrip("!")
            for symbol in function.free_symbols
            for element in split_element(symbol.name)[1]
            if element.endswith("!")
        }
        below = ", ".join(f"\\text{{{_escaped(name)}}}" for name in sorted(names))
        text = f"\\left({inner}\\right)" if isinstance(function.args[0], sympy.Add) else inner
        return f"\\sum_{{{below}}} {text}"

    def _side(self, argument: Expr, text: str) -> str:
        nested = isinstance(argument, opaque.Both | opaque.Either)
        return f"\\left({text}\\right)" if nested else text
