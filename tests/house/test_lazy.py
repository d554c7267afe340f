"""Names that a package hands on when they are first used."""

import sys
import types

import pytest

import noiseprune
from noiseprune import MissingExtraError, _lazy


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package `lent` with the modules `shelf` and `torn`, the latter of which needs torch."""
    folder = tmp_path / "lent"
    folder.mkdir()
    (folder / "shelf.py").write_text("book = object()\n")
    (folder / "torn.py").write_text("import torch\npage = 1\n")
    (folder / "wrong.py").write_text("import lent.nowhere\n")
    (folder / "__init__.pyi").write_text(
        "from typing import Any\n"
        "from lent import shelf as shelf\n"
        "from lent.shelf import book as book\n"
        "from lent.torn import page as page\n"
        "from lent.wrong import line as line\n"
    )
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = types.ModuleType("lent")
    module.__path__ = [str(folder)]
    monkeypatch.setitem(sys.modules, "lent", module)
    home = _lazy.stubbed("lent", str(folder / "__init__.py"))
    module.__getattr__, module.__dir__, module.__all__ = _lazy.attach("lent", home)
    yield module
    for name in [name for name in sys.modules if name.startswith("lent.")]:
        del sys.modules[name]


def test_the_stub_is_the_list_of_names(package):
    assert package.__all__ == dir(package) == ["book", "line", "page", "shelf"]


def test_a_name_is_imported_when_it_is_used_and_then_kept(package):
    assert "lent.shelf" not in sys.modules
    book = package.book
    assert book is sys.modules["lent.shelf"].book is vars(package)["book"]
    assert package.shelf is sys.modules["lent.shelf"]
    with pytest.raises(AttributeError, match="module 'lent' has no attribute 'boot'"):
        _ = package.boot


def test_what_is_not_installed_is_named_and_a_mistake_stays_one(package, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    said = r"lent\.page needs the package torch.*pip install 'noiseprune\[learn\]'"
    with pytest.raises(MissingExtraError, match=said):
        _ = package.page
    with pytest.raises(ModuleNotFoundError, match=r"lent\.nowhere"):
        _ = package.line


def test_the_package_itself_is_such_a_one():
    assert dir(noiseprune) == sorted(noiseprune.__all__)
    assert noiseprune.RateNetwork.__module__ == "noiseprune.network"
