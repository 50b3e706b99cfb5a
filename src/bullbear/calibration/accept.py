"""Taking a fit: its values go into the parameter file and the equations together."""

from __future__ import annotations

import csv
import datetime
import hashlib
import io
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bullbear.calibration.folder import FIT, PARAMETERS
from bullbear.equations.names import canonical, split_element
from bullbear.errors import DataError, ModelError, UsageError, Where
from bullbear.models.model import load
from bullbear.models.overrides import read_parameters

if TYPE_CHECKING:
    from bullbear.models.model import Model

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_DIGITS = 6


@dataclass(frozen=True)
class Accepted:
    """What taking a fit changed: values by name, before and after, and the files written."""

    kept: Path
    changed: dict[str, tuple[float, float]]
    files: tuple[Path, ...]


def accept(folder: Path, model: Model, root: Path, today: datetime.date) -> Accepted:
    """Write the values of a fit into the model that it was made with, and keep the fit.

    Values have six significant digits, the same text in the parameter file and the equations.

    Parameters
    ----------
    root : the workspace; the fit is kept under `calibration/fits/` of it

    Raises
    ------
    UsageError, DataError
        If the folder holds no fit, or a fit of another state of the model.
    ModelError
        If a constant does not stand in the equations as a number; nothing is changed then.
    """
    content = _read(folder, model)
    path = model.definition.parameters_path
    if path is None:
        raise UsageError(f'the model "{model.name}" has no parameter file', code="accept",
                         hint="name one in the model file, under parameters")  # fmt: skip
    values = {s.name: float(f"{s.value:.{_DIGITS}g}") for s in read_parameters(folder / PARAMETERS)}
    before = model.parameter_vector(model.values())
    index = model.program.parameter_index() | model.program.initial_index()
    changed = {n: (float(before[index[n]]), v) for n, v in values.items() if n in index}
    texts = {path: _parameter_text(path, values)}
    for name, value in values.items():
        place = _place(model, name)
        texts[place] = _equation_text(
            texts.get(place) or place.read_text(encoding="utf-8"), place, model, name, value
        )
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    kept = root / "calibration" / "fits" / f"{today.isoformat()}-{digest}"
    _replace(texts)
    if kept.resolve() != folder.resolve():
        shutil.copytree(folder, kept, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*"))
    # the model has other values now; the draws of this fit are about it all the same
    content["accepted"] = {"date": today.isoformat(), "model_hash": load(model.name, root).hash}
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (kept / FIT).write_text(text + "\n", encoding="utf-8")
    return Accepted(kept, changed, tuple(texts))


def _read(folder: Path, model: Model) -> dict[str, Any]:
    """The content of `fit.json`, which must be about the model as it is now."""
    file = folder / FIT
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        made = content["provenance"]
        known = made["model"], made["model_hash"]
    except OSError as fault:
        raise UsageError(
            f"there is no fit in {folder}",
            code="no-fit",
            hint="give the folder that `bullbear calibrate --out` wrote",
        ) from fault
    except (ValueError, KeyError, TypeError) as fault:
        raise DataError("this is no fit of bullbear", code="bad-fit", where=Where(str(file)),
                        hint="make the fit again") from fault  # fmt: skip
    if known != (model.name, model.hash):
        raise DataError(
            f'the fit was made with the model "{known[0]}" {known[1]}, which is now {model.hash}',
            code="other-model", where=Where(str(file)), hint="make the fit again",
        )  # fmt: skip
    return dict(content)


def _parameter_text(path: Path, values: Mapping[str, float]) -> str:
    """The parameter file with new values; rows that do not change keep their text."""
    lines = path.read_text(encoding="utf-8").splitlines()
    column = next(csv.reader([lines[0]])).index("value")
    found = set()
    for number, line in enumerate(lines[1:], start=1):
        cells = next(csv.reader([line]), [])
        if cells and cells[0] in values:
            found.add(cells[0])
            cells[column] = _written(values[cells[0]])
            stream = io.StringIO()
            csv.writer(stream, lineterminator="").writerow(cells)
            lines[number] = stream.getvalue()
    missing = [name for name in values if name not in found]
    if missing:
        raise ModelError(f'"{missing[0]}" has no row', code="accept", where=Where(str(path)),
                         hint="add a row for it")  # fmt: skip
    return "\n".join(lines) + "\n"


def _written(value: float) -> str:
    return f"{value:.{_DIGITS}g}".replace("e+", "e")


def _place(model: Model, name: str) -> Path:
    """The file in which a constant stands."""
    variable = model.system.variables[canonical(split_element(name)[0])]
    where = variable.equations[0].where
    if where.file is None:
        raise ModelError(f'"{name}" stands in no file', code="accept")
    return Path(where.file)


def _equation_text(text: str, path: Path, model: Model, name: str, value: float) -> str:
    """The text of a file with one constant replaced, which must stand there as a number."""
    base, elements = split_element(name)
    variable = model.system.variables[canonical(base)]
    line = variable.equations[0].where.line or 1
    position = 0
    if elements:
        spelled = [found for _, found in model.system.element_names(variable)]
        position = spelled.index(name)
    starts = [0, *(m.end() for m in re.finditer("\n", text))]
    number = re.compile(
        rf"[^=~|]*?=\s*(?:{_NUMBER}\s*[,;]\s*){{{position}}}({_NUMBER})(?=\s*[,;~])"
    )
    match = number.match(text, starts[line - 1])
    if match is None or len(variable.equations) > 1:
        raise ModelError(
            f'"{name}" does not stand there as a number', code="accept",
            where=Where(str(path), line), hint="write it as NAME = number",
        )  # fmt: skip
    return text[: match.start(1)] + _written(value) + text[match.end(1) :]


def _replace(texts: Mapping[Path, str]) -> None:
    """Write all files under other names, then rename them."""
    written = []
    for path, text in texts.items():
        other = path.with_name(f".{path.name}.unfinished")
        other.write_text(text, encoding="utf-8", newline="\n")
        written.append((other, path))
    for other, path in written:
        other.replace(path)
