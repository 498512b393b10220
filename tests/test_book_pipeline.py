"""The book's machinery: fingerprints, conversion, downloads, and that tests and book share runs."""

import chapters
import nbformat
import notebooks
import pytest

PAGE = """---
kernelspec:
  name: python3
  display_name: Python 3
---

# Title

```{code-cell} ipython3
from tdyn import optim
print(1)
```
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one page and three modules."""
    (tmp_path / "tdyn").mkdir()
    (tmp_path / "book" / "claims").mkdir(parents=True)
    (tmp_path / "tdyn" / "__init__.py").write_text("")
    (tmp_path / "tdyn" / "nets.py").write_text("A = 1\n")
    (tmp_path / "tdyn" / "optim.py").write_text("from tdyn.nets import A\n")
    (tmp_path / "tdyn" / "other.py").write_text("B = 1\n")
    (tmp_path / "constraints.txt").write_text("torch==1\n")
    page = tmp_path / "book" / "01-x.md"
    page.write_text(PAGE)
    monkeypatch.setattr(chapters, "ROOT", tmp_path)
    monkeypatch.setattr(chapters, "NOTEBOOKS", tmp_path / "_build" / "notebooks")
    monkeypatch.setattr(chapters, "EXECUTED", tmp_path / "_build" / "executed")
    return page


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("tdyn/optim.py", "from tdyn.nets import A\nC = 2\n", True),
        ("tdyn/nets.py", "A = 2\n", True),  # imported through optim only
        ("tdyn/other.py", "B = 2\n", False),
        ("constraints.txt", "torch==2\n", True),
        ("book/claims/01-x.yml", "claims: []\n", True),
        ("book/01-x.md", PAGE.replace("# Title", "# Another title"), False),  # prose only
        ("book/01-x.md", PAGE.replace("print(1)", "print(2)"), True),
    ],
)
def test_fingerprint_follows_what_the_outputs_depend_on(project, file, text, changes):
    before = chapters.fingerprint(project)
    (chapters.ROOT / file).write_text(text)
    assert (chapters.fingerprint(project) != before) == changes


def test_fingerprint_follows_optional_data_where_claims_need_some(project, monkeypatch, tmp_path):
    file = chapters.ROOT / "book" / "claims" / f"{project.stem}.yml"
    for text, changes in (("claims: []\n", False), ("claims: [{needs: a table}]\n", True)):
        file.write_text(text)
        monkeypatch.delenv("TDYN_DATA", raising=False)
        before = chapters.fingerprint(project)
        monkeypatch.setenv("TDYN_DATA", str(tmp_path / "data"))
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / "table.csv").touch()
        assert (chapters.fingerprint(project) != before) == changes


def test_executed_pages_are_reused_only_while_valid(project):
    assert chapters.load_executed(project) is None
    output = nbformat.v4.new_output("stream", name="stdout", text="1\n")
    chapters.save_executed(project, [[output]], seconds=1.23)
    again = chapters.load_executed(project)
    assert again.cells[-1].outputs[0].text == "1\n"
    assert again.metadata.tdyn.seconds == 1.2
    (chapters.ROOT / "tdyn" / "nets.py").write_text("A = 3\n")
    assert chapters.load_executed(project) is None


def test_conversion_keeps_the_cells(project):
    notebook = nbformat.read(chapters.convert(project), as_version=4)
    nbformat.validate(notebook)
    assert chapters.code_cells(notebook) == ["from tdyn import optim\nprint(1)"]


def test_only_text_notebooks_are_chapters(project):
    assert chapters.is_notebook(project)
    plain = project.with_name("plain.md")
    plain.write_text("# No header\n")
    assert not chapters.is_notebook(plain)
    assert not chapters.is_notebook(project.with_name("missing.md"))


def test_imports_are_found_through_packages():
    code = "import tdyn.data.batches as b\nfrom tdyn import claims\nimport torch"
    names = {str(p.relative_to(chapters.ROOT)) for p in chapters.dependencies([code])}
    assert "tdyn/data/batches.py" in names
    assert "tdyn/data/__init__.py" in names
    assert "tdyn/claims/render.py" in names or "tdyn/claims/table.py" in names
    assert not any("jacobian" in name for name in names)


def test_plain_markdown():
    text = (
        "(sec-a)=\n## A\n\n"
        "````{prf:theorem} Fermat\n:label: thm\nNo $x$.\n```{code-block} python\nx\n```\n````\n\n"
        ":::{exercise-start}\n:label: ex\n:::\nDo it, {cite:t}`key`, {ref}`see <sec-a>`.\n"
    )
    plain = notebooks.plain_markdown(text)
    assert "{prf" not in plain
    assert ":label:" not in plain
    assert "(sec-a)=" not in plain
    assert "**Fermat**" in plain
    assert "**Exercise start**" in plain
    assert "Do it, key, see." in plain


def test_download_has_no_outputs_and_installs_only_where_published(project, tmp_path):
    local = nbformat.read(notebooks.write(project, tmp_path / "out", None), as_version=4)
    nbformat.validate(local)
    assert len(chapters.code_cells(local)) == 1
    hosted = nbformat.read(notebooks.write(project, tmp_path / "out", "me/fork"), as_version=4)
    assert "github.com/me/fork" in chapters.code_cells(hosted)[0]


def test_buttons_name_no_site_unless_published():
    def pathto(name, _resource):
        return "../" + name

    assert [b["url"] for b in notebooks.buttons("book/01-x", pathto, None)] == [
        "../notebooks/01-x.ipynb"
    ]
    urls = [b["url"] for b in notebooks.buttons("book/01-x", pathto, "me/fork")]
    assert len(urls) == 3
    assert all("me/fork" in url for url in urls[1:])
