"""The loop over groups and steps around the functions of a module: Euler and RK4.

Everything a call needs stands in one array of 64-bit words, in the order of `ARGUMENTS`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bullbear.equations.printers.llvm.ir import Body, Shape, Vector
from bullbear.equations.printers.llvm.mathematics import declarations
from bullbear.equations.printers.llvm.module import ATTRIBUTES, SIGNATURES, Layout
from bullbear.equations.printers.llvm.watches import Watches, time_at, word

ARGUMENTS = (
    "params",  # constants and the number of the draw, (group, parameter, lane)
    "controls", "seed",  # initial time, final time, time step, saveper; of random streams
    "table", "slots",  # statements of time, (step · stages, slot), and how many slots
    "d", "c", "s", "r", "o",  # the workspace
    "b",  # scratch vectors
    "history",  # what entered ring buffers, (buffer, step, lane)
    "groups", "steps", "draws",  # how many; the last group may have empty lanes
    "saves",  # row of the results for every step, or -1
    "times", "step", "save",  # functions: a row of the table; rates; rates and outputs
    "chosen", "width",  # which of those outputs are wanted, and how many
    "out",  # results, (draw, row, output)
    "rows",  # how many rows
    "watches",  # level, sign and least duration of every watched statement
    "found",  # (group, watch + 2, lane): events, then whether all is finite, whether a stock fell
    "rounding",  # how far below zero a guarded stock may be, over its largest value
)  # fmt: skip
STAGES = {"euler": 1, "rk4": 3}
"""Times at which a step is looked at."""
_WORDS = frozenset({"seed", "slots", "groups", "steps", "draws", "width", "rows"})


class Kernel(Watches):
    """Writes the loops; `run` for a method, `tabulate` for the statements of time."""

    def __init__(self, layout: Layout, shape: Shape) -> None:
        super().__init__(layout, shape)
        states = layout.program.states
        self.fixed = [i for i, state in enumerate(states) if state.kind == "fixed"]
        self.samples = [i for i, state in enumerate(states) if state.kind == "sample"]
        self.moving = sorted(layout.flowing)
        self.lag = self.behind
        self.first = self.lag + len(self.fixed)
        self.kept = self.first + len(self.fixed)
        self.scratch = self.kept + 4 * self.count

    def text(self) -> str:
        declared = f"declare void @prepare({SIGNATURES['prepare']})"
        functions = [self._copy(), self._tabulate(), *map(self._run, STAGES)]
        return "\n".join([declared, *functions, declarations(self.shape), ATTRIBUTES])

    # -- small functions ------------------------------------------------------------------------

    def _copy(self) -> str:
        """`copy(o, chosen, width, out, lanes, stride)`: wanted outputs of each lane's draw."""
        lines = f"""
  %empty = icmp eq i64 %width, 0
  br i1 %empty, label %end, label %lane
lane:
  %l = phi i64 [ 0, %entry ], [ %l1, %next ]
  %jump = mul i64 %l, %stride
  %target = getelementptr double, ptr %out, i64 %jump
  br label %item
item:
  %j = phi i64 [ 0, %lane ], [ %j1, %item ]
  %pc = getelementptr i64, ptr %chosen, i64 %j
  %c = load i64, ptr %pc
  %cw = mul i64 %c, {self.shape.width}
  %at = add i64 %cw, %l
  %po = getelementptr double, ptr %o, i64 %at
  %v = load double, ptr %po
  %pt = getelementptr double, ptr %target, i64 %j
  store double %v, ptr %pt
  %j1 = add i64 %j, 1
  %morej = icmp slt i64 %j1, %width
  br i1 %morej, label %item, label %next
next:
  %l1 = add i64 %l, 1
  %morel = icmp slt i64 %l1, %lanes
  br i1 %morel, label %lane, label %end
end:"""
        head = "ptr %o, ptr %chosen, i64 %width, ptr %out, i64 %lanes, i64 %stride"
        return _function("copy", head, lines.strip("\n").split("\n"))

    def _tabulate(self) -> str:
        """Fills `table` for the draw in the first lane, `steps` rows at the times in `history`.

        `history` holds (time, time at the start of the step) for every row.
        """
        body = Body(self.shape)
        a = _arguments(body)
        self._prepare(body, a, a["params"])
        body.line("br label %loop")
        body.label("loop")
        body.line("%k = phi i64 [ 0, %entry ], [ %k1, %loop ]")
        twice = body.set("mul i64 %k, 2")
        t, h = (body.set(f"load double, ptr {word(body, a['history'], twice, extra)}")
                for extra in (0, 1))  # fmt: skip
        row = self._row(body, a, "%k")
        body.line(f"call void {a['times']}(ptr {a['d']}, ptr {row}, double {t}, double {h})")
        body.line("%k1 = add i64 %k, 1")
        body.line(f"%more = icmp slt i64 %k1, {a['steps']}")
        body.line("br i1 %more, label %loop, label %end")
        body.label("end")
        return _function("tabulate", "ptr %a", body.lines, internal=False)

    # -- the run --------------------------------------------------------------------------------

    def _run(self, method: str) -> str:
        body = Body(self.shape)
        a = _arguments(body)
        a |= {"initial": _control(body, a, 0), "dt": _control(body, a, 2)}
        body.line("br label %group")
        body.label("group")
        body.line("%g = phi i64 [ 0, %entry ], [ %g1, %next ]")
        self._begin(body, a)
        body.line("br label %step")
        body.label("step")
        body.line("%k = phi i64 [ 0, %group ], [ %k1, %advanced ]")
        if method == "euler":  # states and next states change places
            body.line(f"%now = phi ptr [ {a['s']}, %group ], [ %then, %advanced ]")
            body.line(f"%then = phi ptr [ {a['r']}, %group ], [ %now, %advanced ]")
            a = a | {"s": "%now", "r": "%then"}
        t = time_at(body, a, "%k")
        rows = [body.set(f"mul i64 %k, {STAGES[method]}")]
        rows += [body.set(f"add i64 {rows[0]}, {stage}") for stage in range(1, STAGES[method])]
        rows = [self._row(body, a, row) for row in rows]
        self._look(body, a, t, rows[0])
        self.watch(body, a, t)
        self.guard(body, a)
        body.line(f"%last = icmp eq i64 %k, {a['steps']}")
        body.line("br i1 %last, label %finish, label %advance")
        body.label("advance")
        if method == "rk4":
            self._rk4(body, a, t, rows)
            for i in self.samples:
                body.store(body.load(a["r"], i), a["s"], i)
        self._move_buffers(body, a, a["r" if method == "euler" else "s"])
        body.line("br label %advanced")
        body.label("advanced")
        body.line("%k1 = add i64 %k, 1")
        body.line("br label %step")
        body.label("finish")
        self.judge(body, a, t)
        body.line("br label %next")
        body.label("next")
        body.line("%g1 = add i64 %g, 1")
        body.line(f"%more = icmp slt i64 %g1, {a['groups']}")
        body.line("br i1 %more, label %group, label %end")
        body.label("end")
        return _function(f"run_{method}", "ptr %a", body.lines, internal=False)

    def _begin(self, body: Body, a: dict[str, str]) -> None:
        """First states, and everything that is remembered from step to step."""
        start = body.set(f"mul i64 %g, {len(self.layout.program.parameters) + 1}")
        params = body.set(f"getelementptr {self.shape.vector}, ptr {a['params']}, i64 {start}")
        self._prepare(body, a, params)
        self.forget(body, a)
        whole = body.splat(body.set(f"sitofp i64 {a['steps']} to double"))
        for buffer, state in enumerate(self.fixed):
            body.store(body.load(a["s"], state), a["b"], self.first + buffer)
            delay = self._delay(body, a, buffer)
            steps = (delay / body.splat(a["dt"]) + 0.5).call("floor")
            steps = steps.lt(1.0).select(1.0, steps)
            steps = steps.gt(whole).select(whole + 1.0, steps)
            finite = delay.call("fabs").lt(math.inf)
            body.store(finite.select(steps, 1.0) - 1.0, a["b"], self.lag + buffer)

    @staticmethod
    def _prepare(body: Body, a: dict[str, str], params: str) -> None:
        body.line(f"call void @prepare(ptr {params}, ptr {a['controls']}, i64 {a['seed']}, "
                  f"ptr {a['d']}, ptr {a['s']})")  # fmt: skip

    def _delay(self, body: Body, a: dict[str, str], buffer: int) -> Vector:
        statement = self.layout.delays[buffer]
        node = self.layout.program.nodes[statement]
        if node.op == "const":
            return body.constant(float(node.data))  # type: ignore[arg-type]
        return body.load(a["d"], self.layout.draws[statement])

    def _row(self, body: Body, a: dict[str, str], number: str) -> str:
        """A pointer to a row of the table."""
        return word(body, a["table"], body.set(f"mul i64 {number}, {a['slots']}"), 0)

    def _look(self, body: Body, a: dict[str, str], t: str, row: str) -> None:
        """Rates at the step's start; wanted outputs are handed over where they are to be saved."""
        place = body.set(f"getelementptr i64, ptr {a['saves']}, i64 %k")
        body.line(f"%saved_row = load i64, ptr {place}")
        body.line("%wanted = icmp sge i64 %saved_row, 0")
        body.line("br i1 %wanted, label %save, label %plain")
        body.label("plain")
        self._call_step(body, a, "step", row, t, t)
        body.line("br label %saved")
        body.label("save")
        self._call_step(body, a, "save", row, t, t)
        stride = body.set(f"mul i64 {a['rows']}, {a['width']}")
        draw = body.set(f"mul i64 %g, {self.shape.width}")
        jump = body.set(f"mul i64 {draw}, {stride}")
        inside = body.set(f"mul i64 %saved_row, {a['width']}")
        at = body.set(f"add i64 {jump}, {inside}")
        out = body.set(f"getelementptr double, ptr {a['out']}, i64 {at}")
        left = body.set(f"sub i64 {a['draws']}, {draw}")
        full = body.set(f"icmp sgt i64 {left}, {self.shape.width}")
        lanes = body.set(f"select i1 {full}, i64 {self.shape.width}, i64 {left}")
        body.line(f"call void @copy(ptr {a['o']}, ptr {a['chosen']}, i64 {a['width']}, "
                  f"ptr {out}, i64 {lanes}, i64 {stride})")  # fmt: skip
        body.line("br label %saved")
        body.label("saved")

    def _call_step(
        self, body: Body, a: dict[str, str], which: str, row: str, t: str, h: str
    ) -> None:
        given = [f"ptr {name}" for name in (a["d"], a["c"], row, a["s"], a["r"], a["o"])]
        given += [f"double {number}" for number in (t, h, a["dt"])]
        body.line(f"call void {a[which]}({', '.join(given)}, i64 %k)")

    # -- methods --------------------------------------------------------------------------------

    def _rk4(self, body: Body, a: dict[str, str], t: str, rows: Sequence[str]) -> None:
        """The classical fourth-order step; events stay as they are at its start."""
        dt = a["dt"]
        half, sixth = (body.set(f"fdiv double {dt}, {n}") for n in ("2.0", "6.0"))
        middle, end = (body.set(f"fadd double {t}, {share}") for share in (half, dt))
        start, one, two, three = (self.kept + k * self.count for k in range(4))
        for i in range(self.count):
            body.store(body.load(a["s"], i), a["b"], start + i)
            body.store(body.load(a["r"], i), a["b"], one + i)

        def reach(share: str, kept: int) -> None:
            for i in self.moving:
                rate = body.load(a["r"], i)
                body.store(rate, a["b"], kept + i)
                at = body.load(a["b"], start + i) + body.splat(share) * rate
                body.store(at, a["s"], i)

        reach(half, one)
        self._call_step(body, a, "step", rows[1], middle, t)
        reach(half, two)
        self._call_step(body, a, "step", rows[1], middle, t)
        reach(dt, three)
        self._call_step(body, a, "step", rows[2], end, t)
        for i in self.moving:
            b, c, d = (body.load(a["b"], kept + i) for kept in (one, two, three))
            total = b + 2.0 * (c + d) + body.load(a["r"], i)
            body.store(body.load(a["b"], start + i) + body.splat(sixth) * total, a["s"], i)
            body.store(b, a["r"], i)  # discrete states move by the rates at the start
        for i in (*self.samples, *self.fixed):
            body.store(body.load(a["b"], one + i), a["r"], i)

    def _move_buffers(self, body: Body, a: dict[str, str], states_then: str) -> None:
        """What entered goes into the ring buffers; what leaves them is the next state."""
        for buffer, state in enumerate(self.fixed):
            begin = body.set(f"mul i64 {a['steps']}, {buffer}")
            place = body.set(f"add i64 {begin}, %k")
            vector = self.shape.vector
            target = body.set(f"getelementptr {vector}, ptr {a['history']}, i64 {place}")
            body.line(f"store {vector} {body.load(a['r'], state).name}, ptr {target}, align 64")
            body.store(self._leaving(body, a, buffer, begin), states_then, state)

    def _leaving(self, body: Body, a: dict[str, str], buffer: int, begin: str) -> Vector:
        """What leaves a ring buffer, lane by lane: their delays may differ."""
        vector, width, result = self.shape.vector, self.shape.width, "poison"
        lag = body.load(a["b"], self.lag + buffer)
        first = body.load(a["b"], self.first + buffer)
        for lane in range(width):
            steps = body.set(f"extractelement {vector} {lag.name}, i64 {lane}")
            back = body.set(f"sub i64 %k, {body.set(f'fptosi double {steps} to i64')}")
            inside = body.set(f"icmp sge i64 {back}, 0")
            place = body.set(f"select i1 {inside}, i64 {back}, i64 0")
            row = body.set(f"mul i64 {body.set(f'add i64 {begin}, {place}')}, {width}")
            at = word(body, a["history"], row, lane)
            past = body.set(f"load double, ptr {at}")
            fresh = body.set(f"extractelement {vector} {first.name}, i64 {lane}")
            value = body.set(f"select i1 {inside}, double {past}, double {fresh}")
            result = body.set(f"insertelement {vector} {result}, double {value}, i64 {lane}")
        return Vector(body, result)


def _arguments(body: Body) -> dict[str, str]:
    found = {}
    for index, name in enumerate(ARGUMENTS):
        place = body.set(f"getelementptr i64, ptr %a, i64 {index}")
        found[name] = body.set(f"load {'i64' if name in _WORDS else 'ptr'}, ptr {place}")
    return found


def _control(body: Body, a: dict[str, str], index: int) -> str:
    place = body.set(f"getelementptr double, ptr {a['controls']}, i64 {index}")
    return body.set(f"load double, ptr {place}")


def _function(name: str, head: str, lines: Sequence[str], internal: bool = True) -> str:
    linkage = "internal " if internal else ""
    body = "\n".join(["entry:", *lines, "  ret void"])
    return f"define {linkage}void @{name}({head}) #0 {{\n{body}\n}}\n"
