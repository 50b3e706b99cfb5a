"""Makes TABLE.md: every case of the suite with bullbear and with PySD.

python tests/conformance/make_table.py
"""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import conformance_suite as suite

HEAD = """# Conformance with published results

Made by `python tests/conformance/make_table.py`; checked by `test_conformance.py`.
Every model file of the SDXorg test models (`cases/`, with their licence) is held against the output
that Vensim or Stella published with it. Allowed is the largest of 1e-5 of the variable's largest
absolute reference value, half a unit of the last printed digit, and 1e-12; the same for every case.
A Stella file is held against `output_stella.csv` where the folder has one, else against Vensim's
output, and then by the integration method that the `.mdl` beside it declares.

*agrees*: every variable of the reference. *refused*: by name, file and line, before anything runs.
*differs*: runs to other numbers. *fails*: stops with an error of another kind.

"""


def main() -> None:
    """Run every case with both engines and write the table."""
    logging.disable(logging.CRITICAL)
    rows, counts = [], {".mdl": Counter(), "xml": Counter()}
    for path in suite.case_files():
        name = path.relative_to(suite.CASES).as_posix()
        ours, theirs = suite.ours(path), suite.pysd(path)
        kind = ".mdl" if path.suffix == ".mdl" else "xml"
        counts[kind][f"bullbear {ours.status}"] += 1
        counts[kind][f"PySD {theirs.status}"] += 1
        note = suite.EXCEPTIONS.get(name) or suite.REMARKS.get(name) or ours.note
        rows.append(f"| `{name}` | {ours.status} | {ours.compared} | {theirs.status} | {note} |")
    summary = [
        f"- {label}: " + ", ".join(f"{key} {count}" for key, count in sorted(counts[kind].items()))
        for label, kind in (("Vensim files", ".mdl"), ("XMILE and Stella files", "xml"))
    ]
    table = ["| case | bullbear | variables | PySD | remark |", "|---|---|---:|---|---|", *rows]
    text = HEAD + "\n".join([*summary, "", *table]) + "\n"
    Path(__file__).with_name("TABLE.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
