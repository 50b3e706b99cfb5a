"""The order of statements and lines: everything once, and nothing before what it needs."""

from __future__ import annotations

import re

from bullbear.equations.printers.llvm.order import depth_first, scheduled
from bullbear.equations.program import Builder

TEXT = """define internal void @straight(ptr %s, ptr %r) #0 {
  %r1 = getelementptr double, ptr %s, i64 0
  %r2 = load double, ptr %r1
  %r3 = fdiv double %r2, 3.0
  %r4 = fdiv double %r3, 3.0
  %r5 = getelementptr double, ptr %r, i64 0
  store double %r4, ptr %r5
  %r6 = fadd double %r2, 1.0
  %r7 = getelementptr double, ptr %r, i64 1
  store double %r6, ptr %r7
  ret void
}
define void @branches(i1 %c) #0 {
entry:
  br i1 %c, label %a, label %b
a:
  %r1 = fadd double 1.0, 2.0
  br label %b
b:
  ret void
}
"""


def test_lines_wait_for_what_they_read_and_for_nothing_else() -> None:
    found = scheduled(TEXT).splitlines()
    assert sorted(found) == sorted(TEXT.splitlines())
    begin = TEXT.index("define void @branches")
    assert "\n".join(found).endswith(TEXT[begin:].rstrip())
    seen: set[str] = set()
    straight = "\n".join(found).split("define void")[0]
    for line in straight.splitlines():
        names = re.findall(r"%r\d+", line)
        own = names[:1] if line.startswith("  %r") else []
        assert set(names) - set(own) <= seen, line
        seen |= set(own)
    # the sum does not wait for the quotient of the quotient
    assert straight.index("fadd") < straight.index("%r4 = fdiv")


def test_statements_come_once_and_after_what_they_need() -> None:
    builder = Builder()
    state = builder.add("state", data=0)
    chain = [state]
    for number in range(1, 2000):  # deeper than Python likes to call
        chain.append(builder.add("add", chain[-1], builder.const(float(number))))
    product = builder.add("mul", chain[-1], chain[7])
    program = builder.program
    inside = program.needed([product])
    order = depth_first(program, inside, [product])
    place = {statement: position for position, statement in enumerate(order)}
    assert sorted(order) == inside
    assert all(place[a] < place[i] for i in inside for a in program.nodes[i].args)
