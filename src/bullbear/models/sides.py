"""The two sides of a comparison: files, folders, names of models, or git revisions."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bullbear.equations.read import read_document
from bullbear.equations.system import System
from bullbear.errors import BullbearError, UsageError, did_you_mean
from bullbear.models.definition import ModelDefinition
from bullbear.models.model import Model, load
from bullbear.models.workspace import (
    FOREIGN_SUFFIXES,
    MODEL_SUFFIXES,
    ModelFile,
    Workspace,
    find_model,
    find_workspace,
)


@dataclass(frozen=True)
class Side:
    """One of two models that are compared.

    `model` is None where it cannot be run; `fault` says why, and `system` has what could be read.
    `writable` is false for a git revision.
    """

    label: str
    system: System
    model: Model | None
    fault: BullbearError | None = None
    writable: bool = True


@contextmanager
def sides(old: str, new: str | None, workspace: Path | None) -> Iterator[tuple[Side, Side]]:
    """Both sides, readable as long as the context lasts; `new` is the workspace's model if None.

    Raises
    ------
    UsageError
        If one is no file, folder, model or revision.
    ModelError, EquationError, DataError
        If one cannot even be read.
    """
    with TemporaryDirectory(prefix="bullbear-") as scratch:
        places = [Path(scratch, "old"), Path(scratch, "new")]
        files = [
            _find(argument, workspace, place)
            for argument, place in zip((old, new), places, strict=True)
        ]
        names = [file.name for file in files if isinstance(file, ModelFile)]
        found = [
            file if isinstance(file, ModelFile) else _same_model(file, names) for file in files
        ]
        before, after = (
            read_side(file, label, writable=not file.path.is_relative_to(scratch))
            for file, label in zip(found, (old, new or found[1].name), strict=True)
        )
        yield before, after


def read_side(file: ModelFile, label: str, *, writable: bool = True) -> Side:
    """A model, or what can be read of it where it cannot be run."""
    try:
        model = load(file.path)
    except BullbearError as fault:
        system = _equations_alone(file)
        if system is None:
            raise
        return Side(label, system, None, fault, writable)
    return Side(label, model.system, model, None, writable)


def _equations_alone(file: ModelFile) -> System | None:
    try:
        paths = [file.path] if file.foreign else ModelDefinition.read(file.path).sector_paths
        return System([read_document(path) for path in paths])
    except BullbearError:
        return None


# -- what an argument means -----------------------------------------------------------------------


def _find(argument: str | None, workspace: Path | None, scratch: Path) -> ModelFile | Workspace:
    """The model file that an argument names, or the workspace whose model is still to be chosen."""
    if argument is None:
        return find_model(None, workspace)
    path = Path(argument)
    if path.is_dir():
        return _in_folder(path)
    if path.is_file() and path.suffix.lower() in MODEL_SUFFIXES:
        return find_model(str(path.parent / path.name) if len(path.parts) > 1 else f"./{path}")
    place = find_workspace(workspace)
    if argument in place.model_names():
        return find_model(argument, place.root)
    revision, colon, inside = argument.partition(":")
    commit = _commit(place.root, revision)
    if commit is None:
        known = ", ".join(place.model_names())
        revisions = "revisions: HEAD, HEAD~1, a tag, HEAD:models/NAME.toml"
        if _git(place.root, "rev-parse") is None:
            revisions = f"there are no revisions, for {place.root} is not under git"
        raise UsageError(
            f'"{argument}" is no file, no folder, no model of {place.models} and no git revision',
            code="unknown-model",
            hint=did_you_mean(argument, place.model_names()) or f"models: {known}; {revisions}",
        )
    prefix = _extract(place.root, commit, scratch)
    if colon:
        return _revision_file(scratch, prefix, inside, argument)
    return find_workspace(scratch / prefix)


def _in_folder(folder: Path) -> ModelFile | Workspace:
    """The workspace that a folder is, or its one model file."""
    if (folder / "models").is_dir() and (folder / "equations").is_dir():
        return Workspace(folder.resolve())
    for suffixes in ((".toml",), FOREIGN_SUFFIXES):
        files = sorted(f for f in folder.iterdir() if f.suffix.lower() in suffixes)
        joined = _joined_from(folder) if files and suffixes is FOREIGN_SUFFIXES else None
        if joined is not None:
            return joined
        if len(files) == 1:
            return ModelFile(files[0].stem, files[0])
        if files:
            raise UsageError(
                f"{folder} has several models: {', '.join(f.name for f in files)}",
                code="unknown-model", hint=f"name one, as in {files[0]}",
            )  # fmt: skip
    raise UsageError(
        f"{folder} has neither models/ and equations/ nor a model file",
        code="unknown-model", hint="name a workspace, or the path of a .toml or .mdl file",
    )  # fmt: skip


def _joined_from(folder: Path) -> ModelFile | None:
    """The model of the workspace around a folder that joins the sectors in it."""
    for root in folder.resolve().parents:
        for path in sorted((root / "models").glob("*.toml")):
            with suppress(BullbearError):
                sectors = ModelDefinition.read(path).sector_paths
                if any(sector.resolve().parent == folder.resolve() for sector in sectors):
                    return ModelFile(path.stem, path)
    return None


def _same_model(place: Workspace, names: list[str]) -> ModelFile:
    """The model of a workspace that the other side is about, else its own."""
    wanted = names[0] if names and names[0] in place.model_names() else None
    return find_model(wanted, place.root)


def _revision_file(scratch: Path, prefix: str, inside: str, argument: str) -> ModelFile:
    """The file of a revision; a path as git has it, or as it is seen from the workspace."""
    for path in (scratch / inside, scratch / prefix / inside):
        if path.is_file():
            return find_model(str(path))
        if path.is_dir():
            found = _in_folder(path)
            return found if isinstance(found, ModelFile) else _same_model(found, [])
    raise UsageError(f'the revision of "{argument}" has no file {inside}', code="unknown-model",
                     hint="paths are those of the repository, as in "
                     "HEAD:models/numerai.toml")  # fmt: skip


# -- git ------------------------------------------------------------------------------------------


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says; None where it refuses, or is not installed."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _commit(folder: Path, revision: str) -> str | None:
    if not revision or revision.startswith("-"):
        return None
    return _git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")


def _extract(folder: Path, commit: str, scratch: Path) -> str:
    """Put all files of a commit into `scratch`; returns where the workspace stands in it."""
    top, prefix = (
        _git(folder, "rev-parse", "--show-toplevel"),
        _git(folder, "rev-parse", "--show-prefix"),
    )
    scratch.mkdir(parents=True)
    archive = scratch / "revision.zip"
    written = top and _git(Path(top), "archive", "--format=zip", f"--output={archive}", commit)
    if written is None:
        raise UsageError(f"git cannot give the files of {commit[:12]}", code="git",
                         hint="try `git archive` in the repository to see why")  # fmt: skip
    with zipfile.ZipFile(archive) as content:
        content.extractall(scratch)
    archive.unlink()
    return prefix or "."
