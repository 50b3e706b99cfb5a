"""Whole files written back as Vensim text: reading what is written gives the same equations.

Long right sides are broken between tokens with Vensim's own continuation mark.
"""

from __future__ import annotations

from bullbear.equations.document import Document, Equation, Macro, Mapping, RangeDefinition
from bullbear.equations.expressions import Array, Table
from bullbear.equations.tokens import tokenize
from bullbear.equations.write import write_expression, write_table

WIDTH = 96
_CONTINUED = " \\\n\t\t"
_RULE = "*" * 56


def equation_text(equation: Equation) -> str:
    """A whole entry: left side, right side, unit, comment, flags."""
    units = " ".join(part for part in (equation.units, equation.limits) if part)
    flags = "\n\t~\t:SUPPLEMENTARY" if equation.supplementary else ""
    return f"{_definition(equation)}\n\t~\t{units}\n\t~\t{equation.comment}{flags}\n\t|\n"


def range_text(definition: RangeDefinition) -> str:
    """The entry of a subscript range."""
    if definition.alias:
        body = f" <-> {definition.alias}"
    elif definition.external is not None:
        body = f":\n\t{write_expression(definition.external)}"
    else:
        body = f":\n\t{', '.join(definition.elements)}"
    if definition.mappings:
        body += " -> " + ", ".join(map(_mapping, definition.mappings))
    return f"{definition.name}{body}\n\t~\n\t~\t{definition.comment}\n\t|\n"


def macro_text(macro: Macro) -> str:
    """A macro with its equations."""
    ports = ", ".join(macro.inputs)
    if macro.outputs:
        ports += " : " + ", ".join(macro.outputs)
    return f":MACRO: {macro.name}({ports})\n{_entries(macro.body)}:END OF MACRO:\n"


def document_text(document: Document) -> str:
    """A whole file, without sketch: subscripts, macros and equations under their groups.

    Reality checks are written as they stand.
    """
    checks = [f"{check.text}\n\t~\n\t~\n\t|\n" for check in document.checks]
    return "{UTF-8}\n" + _entries(document) + "".join(f"\n{check}" for check in checks)


def _entries(document: Document) -> str:
    parts = [macro_text(macro) for macro in document.macros]
    parts += [range_text(definition) for definition in document.ranges]
    group = ""
    for equation in document.equations:
        if equation.group != group:
            group = equation.group
            parts.append(f"{_RULE}\n\t.{group}\n{_RULE}~\n\t|\n")
        parts.append(equation_text(equation))
    return "\n".join(parts)


def _mapping(mapping: Mapping) -> str:
    if not mapping.elements:
        return mapping.target
    return f"({mapping.target}: {', '.join(mapping.elements)})"


# -- left and right sides ------------------------------------------------------------------------


def _definition(equation: Equation) -> str:
    left = equation.name
    if equation.subscripts:
        left += f"[{','.join(equation.subscripts)}]"
    if equation.exceptions:
        left += " :EXCEPT: " + ", ".join(f"[{','.join(e)}]" for e in equation.exceptions)
    if equation.keyword:
        left += f" :{equation.keyword}:"
    node = equation.expression
    if node is None:
        return left
    if equation.operator == "(":
        points = write_table(node) if isinstance(node, Table) else write_expression(node)
        return f"{left}(\n\t{_broken(points)})"
    right = write_expression(node)
    if isinstance(node, Array) and sum(map(len, node.rows)) == 1:
        right = f"TABBED ARRAY({right})"  # else one number would read as no array
    return f"{left} {equation.operator}\n\t{_broken(right)}"


def _broken(text: str) -> str:
    """The text on lines that are not too long; a token is never broken."""
    if len(text) <= WIDTH:
        return text
    lines, begin, last = [], 0, 0
    for token in tokenize(text, 0, len(text)):
        if token.span.end - begin > WIDTH and last > begin:
            lines.append(text[begin:last].rstrip())
            begin = last
        last = token.span.end
    lines.append(text[begin:])
    return _CONTINUED.join(line.strip() for line in lines)
