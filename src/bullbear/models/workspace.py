"""Where models stand, and which file a model argument means."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bullbear.errors import UsageError, did_you_mean

DEFAULT_MODEL = "numerai"
XMILE_SUFFIXES = (".xmile", ".stmx", ".itmx")
FOREIGN_SUFFIXES = (".mdl", *XMILE_SUFFIXES)
MODEL_SUFFIXES = (".toml", *FOREIGN_SUFFIXES)
FOLDERS = ("models", "equations", "calibration", "analysis")
"""The folders that a modeller edits; a workspace has at least the first two."""

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parents[1]
_BUNDLED = _PACKAGE / "_workspace"


@dataclass(frozen=True)
class Workspace:
    """A folder that holds `models/` and `equations/`."""

    root: Path

    @property
    def models(self) -> Path:
        return self.root / "models"

    def model_names(self) -> list[str]:
        """The names that a model argument may be, in alphabetical order."""
        files = self.models.iterdir() if self.models.is_dir() else ()
        return sorted({file.stem for file in files if file.suffix in MODEL_SUFFIXES})


@dataclass(frozen=True)
class ModelFile:
    """The file that a model argument means; a foreign file is one without a definition of ours."""

    name: str
    path: Path

    @property
    def foreign(self) -> bool:
        return self.path.suffix.lower() in FOREIGN_SUFFIXES


def find_workspace(explicit: Path | None = None, start: Path | None = None) -> Workspace:
    """The workspace asked for, else the nearest above `start`, else the checkout, else the bundle.

    Parameters
    ----------
    explicit
        A folder that must be a workspace.
    start
        The folder from which to look upwards; by default the working directory.

    Raises
    ------
    UsageError
        If `explicit` is no workspace, or if there is none anywhere.
    """
    if explicit is not None:
        if not _is_workspace(explicit):
            raise UsageError(
                f"{explicit} is no workspace: it has no folders models/ and equations/",
                code="no-workspace",
                hint="`bullbear init DIR` makes one",
            )
        return Workspace(explicit.resolve())
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if _is_workspace(folder):
            return Workspace(folder)
    return own_workspace()


def own_workspace() -> Workspace:
    """The workspace that came with bullbear: that of the checkout, or the one in the package.

    Raises
    ------
    UsageError
        If this installation has none.
    """
    for folder in (_CHECKOUT, _BUNDLED):
        if _is_workspace(folder):
            return Workspace(folder)
    raise UsageError(
        "this installation of bullbear came without models",
        code="no-workspace",
        hint="install it again, or give the path of a .toml or .mdl file",
    )


def find_model(argument: str | None, workspace: Path | None = None) -> ModelFile:
    """The file meant by a model argument: a path, or a name under `models/` of the workspace.

    Parameters
    ----------
    argument
        A path of a `.toml`, `.mdl`, `.xmile` or `.stmx` file, a name, or None for the model that
        the workspace is about.
    workspace
        The folder to look in instead of the one that `find_workspace` finds.

    Raises
    ------
    UsageError
        If there is no such file or name; the message says where it was looked for.
    """
    if argument is not None and _looks_like_path(argument):
        return _model_at(Path(argument))
    place = find_workspace(workspace)
    name = argument if argument is not None else _default_name(place)
    for suffix in MODEL_SUFFIXES:
        path = place.models / f"{name}{suffix}"
        if path.is_file():
            return ModelFile(name, path)
    known = place.model_names()
    raise UsageError(
        f'unknown model "{name}": {place.models} has {_listed(known)}',
        code="unknown-model",
        hint=did_you_mean(name, known) or "give one of these names, or the path of a model file",
    )


def _is_workspace(folder: Path) -> bool:
    """Whether a folder has what a workspace has; the code, whose parts are named alike, is none."""
    parts = (folder / "models", folder / "equations")
    return all(part.is_dir() for part in parts) and folder.resolve() != _PACKAGE


def _looks_like_path(argument: str) -> bool:
    path = Path(argument)
    return path.suffix.lower() in MODEL_SUFFIXES or len(path.parts) != 1


def _model_at(path: Path) -> ModelFile:
    if path.suffix.lower() not in MODEL_SUFFIXES:
        raise UsageError(
            f"{path} is no model file: its name ends in none of {', '.join(MODEL_SUFFIXES)}",
            code="unknown-model",
            hint="a name under models/ is given without a folder and without an ending",
        )
    if not path.is_file():
        folder = path.parent
        near = [f.name for f in folder.iterdir()] if folder.is_dir() else []
        raise UsageError(
            f"no model file {path}" if folder.is_dir() else f"no folder {folder}, so no {path}",
            code="unknown-model",
            hint=did_you_mean(path.name, (n for n in near if Path(n).suffix in MODEL_SUFFIXES)),
        )
    return ModelFile(path.stem, path)


def _default_name(workspace: Workspace) -> str:
    """The model of a workspace that has one model, else the one that comes with bullbear."""
    known = workspace.model_names()
    if len(known) == 1:
        return known[0]
    if DEFAULT_MODEL in known:
        return DEFAULT_MODEL
    raise UsageError(
        f"which model? {workspace.models} has {_listed(known)}",
        code="unknown-model",
        hint="name one, as in `bullbear run NAME`" if known else "add models/NAME.toml",
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names) if names else "no model"
