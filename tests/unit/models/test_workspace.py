"""Which file a model argument means."""

from __future__ import annotations

from pathlib import Path

import pytest

from bullbear.errors import UsageError
from bullbear.models.workspace import find_model, find_workspace


@pytest.fixture
def economy(tmp_path: Path) -> Path:
    """A workspace with two models."""
    (tmp_path / "models").mkdir()
    (tmp_path / "equations").mkdir()
    (tmp_path / "models" / "numerai.toml").write_text("")
    (tmp_path / "models" / "toy.mdl").write_text("")
    return tmp_path


def test_the_nearest_folder_above_is_the_workspace(economy: Path) -> None:
    deep = economy / "equations" / "numerai"
    deep.mkdir()
    assert find_workspace(start=deep).root == economy


def test_an_explicit_workspace_wins_over_the_working_directory(
    economy: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "models").mkdir()
    (other / "equations").mkdir()
    monkeypatch.chdir(economy)
    assert find_workspace(other).root == other
    assert find_workspace().root == economy


def test_an_explicit_folder_must_be_a_workspace(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folders models/ and equations/"):
        find_workspace(tmp_path)


def test_elsewhere_the_models_that_came_with_bullbear_are_used(tmp_path: Path, root: Path) -> None:
    assert find_workspace(start=tmp_path).root == root


def test_the_code_is_no_workspace_although_its_parts_are_named_alike(root: Path) -> None:
    assert find_workspace(start=root / "src" / "bullbear" / "models").root == root


def test_a_name_means_the_definition_or_else_a_foreign_file(economy: Path) -> None:
    assert find_model("numerai", economy).path == economy / "models" / "numerai.toml"
    assert not find_model("numerai", economy).foreign
    assert find_model("toy", economy).foreign


def test_without_an_argument_the_workspace_says_which_model(economy: Path) -> None:
    assert find_model(None, economy).name == "numerai"
    (economy / "models" / "numerai.toml").unlink()
    assert find_model(None, economy).name == "toy"
    (economy / "models" / "second.toml").write_text("")
    with pytest.raises(UsageError, match=r"which model\? .* has second, toy"):
        find_model(None, economy)


def test_an_unknown_name_is_answered_with_the_nearest_and_the_place(economy: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_model("numerei", economy)
    assert str(economy / "models") in caught.value.message
    assert '"numerai"' in caught.value.hint
    assert caught.value.exit_code == 2


def test_a_path_is_taken_as_it_is(economy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(economy / "models")
    assert find_model("toy.mdl").path == Path("toy.mdl")
    with pytest.raises(UsageError) as caught:
        find_model("tpy.mdl")
    assert '"toy.mdl"' in caught.value.hint


def test_a_path_of_another_kind_of_file_is_refused(economy: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in none of \.toml"):
        find_model(str(economy / "notes.txt"))
