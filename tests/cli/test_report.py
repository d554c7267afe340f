"""The HTML report: well-formed, self-contained, safe against names, and true to the JSON."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

import noiseprune as npr
from noiseprune import cli, pair, report, similarity
from noiseprune.measures import MEASURES
from noiseprune.pruning.search import Fit
from noiseprune.report import figures, measures
from noiseprune.simulation import Simulation

VOID = {"meta", "br", "img", "link", "input"}
HOSTILE = "<script>alert('K')</script>&\"1"


class Page(HTMLParser):
    """The elements of a page; refuses tags that do not close in order, and doubled ids."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.texts, self.ids = [], [], {}, set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.elements.append((tag, found))
        if "id" in found:
            assert found["id"] not in self.ids
            self.ids.add(found["id"])
        if tag not in VOID:
            self.open.append((tag, found.get("id")))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for tag, name in self.open:
            self.texts.setdefault(name or tag, []).append(data)

    def text(self, name):
        return "".join(self.texts.get(name, ()))

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def run(*arguments):
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def made(net, keep=0.5, dynamics=False, name=None, **known):
    """The page of a pruned network, and the report that it shows."""
    pruning = npr.prune(net, keep, seed=3)
    found = npr.spectral_similarity(net, pruning.network)
    if dynamics:
        asked = Simulation(duration=0.2, dt=0.002, replicas=3, seed=5)
        error = similarity.dynamics_error(net, pruning.network, asked)
        found = replace(found, dynamics_error=error)
    making = report.Making(original=name, pruning=replace(pruning, **known))
    return Page(report.page(found, making)), found


def random_network(n=30, *, symmetric=False, seed=11, labels=None):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.4)
    weights = np.triu(weights, 1) + (np.triu(weights, 1).T if symmetric else np.tril(weights, -1))
    return npr.RateNetwork(weights, labels=labels)


KINDS = pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "directed"])


@pytest.fixture
def undrawn(monkeypatch):
    """Drawings are empty: for what a page says in words, or carries in numbers."""
    empty = "<svg viewBox='0 0 1 1'></svg>"
    monkeypatch.setattr(Figure, "savefig", lambda self, file, **options: file.write(empty))


# --------------------------------------------------------------------------------- the page


@KINDS
def test_the_page_needs_nothing_beside_itself(symmetric):
    page, _ = made(random_network(symmetric=symmetric), dynamics=True)
    assert not {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "object"}
    for _, attrs in page.elements:
        for name in ("src", "href", "xlink:href", "data", "srcset"):
            assert attrs.get(name, "#").startswith("#")
        for target in re.findall(r"url\(([^)]*)\)", " ".join(v or "" for v in attrs.values())):
            assert target.startswith("#")
            assert target[1:] in page.ids
        if attrs.get("href"):
            assert attrs["href"][1:] in page.ids
    assert "url(" not in page.text("style")
    assert "@import" not in page.text("style")


@KINDS
def test_the_page_can_be_read_by_a_machine_that_reads_aloud(symmetric):
    page, _ = made(random_network(symmetric=symmetric), dynamics=True)
    assert [attrs["lang"] for attrs in page.all("html")] == ["en"]
    assert len(page.all("h1")) == len(page.all("main")) == 1
    drawings = page.all("svg")
    assert len(drawings) == 5 + (not symmetric) == len(page.all("figcaption"))
    assert len({attrs["aria-label"] for attrs in drawings}) == len(drawings)
    assert all(attrs["role"] == "img" for attrs in drawings)
    assert all(attrs["scope"] in ("row", "col") for attrs in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))


def test_no_colour_of_a_drawing_is_fixed():
    """All ink follows the theme, so that it is readable on light and on dark."""
    times = np.linspace(0, 1, 7)
    values = np.linspace(1, 9, 7)
    for svg in (
        figures.over_time("a", times, times, times),
        figures.paired("b", values, values, "Values", 0.5),
        figures.complex_plane("c", values + 1j, values - 1j),
        figures.degrees("d", np.arange(50), np.arange(50), "degree"),
        figures.weights("e", values, -values),
    ):
        assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", svg)) <= {
            "none",
            "currentColor",
            "var(--original)",
            "var(--pruned)",
        }


def test_the_same_networks_make_the_same_page():
    net = random_network()
    pruned = npr.prune(net, 0.5, seed=3).network
    one, other = (report.page(npr.spectral_similarity(net, pruned)) for _ in range(2))
    assert one == other


# ------------------------------------------------------------------------------ its numbers


def facts(page_text):
    """{first cell: second cell} of the tables of facts."""
    return dict(re.findall(r"<th scope='row'>([^<]*)</th><td>([^<]*)</td></tr>", page_text))


@KINDS
def test_the_numbers_are_those_of_the_json(symmetric, tmp_path):
    net = random_network(symmetric=symmetric)
    pruning = npr.prune(net, 0.5, seed=3)
    npr.save(net, tmp_path / "net.npz")
    npr.save(pruning.network, tmp_path / "cut.npz")
    command = ("report", tmp_path / "net.npz", tmp_path / "cut.npz", "--json")
    html, plain = tmp_path / "report.html", tmp_path / "report.json"
    shown = json.loads(run(*command, "-o", html))
    run(*command, "-o", plain)
    text = html.read_text(encoding="utf-8")
    carried = json.loads(Page(text).text("numbers"))
    written = json.loads(plain.read_text(encoding="utf-8"))
    for found in (carried, shown, written):
        del found["seconds"]
    assert carried == shown == written
    assert carried["epsilon"] == npr.spectral_similarity(net, pruning.network).epsilon
    listed = facts(text)
    assert listed["epsilon"] == f"{carried['epsilon']:.4g}"
    low, high = carried["epsilon_interval"]
    assert listed["interval"] == f"[{low:+.4f}, {high:+.4f}]"
    assert listed["stable"] == "yes"
    assert listed["seed"] == "0"
    error, said = carried["dynamics_error"], Page(text).text("main")
    assert max(error["mean"]) == error["worst"] == carried["dynamics_error_worst"]
    response = carried["response_error"]
    for value in (error["worst"], error["end"], *response.values(), carried["covariance_error"]):
        assert f"{value:.3g}" in said
    for measure in MEASURES:
        assert measure.meaning in said
        assert measure.choice in said
    for reason in carried["not_computed"].values():
        assert reason in said
    assert bool(carried["not_computed"]) == (not symmetric)


def test_prune_says_how_it_was_made(tmp_path):
    path = tmp_path / "made.html"
    shown = json.loads(
        run("prune", "--keep", 0.4, "--seed", 9, "--rule", "weight", "--json", "--report", path)
    )
    text = path.read_text(encoding="utf-8")
    listed, carried = facts(text), json.loads(Page(text).text("numbers"))
    assert carried.items() >= {k: v for k, v in shown.items() if k != "seconds"}.items()
    assert listed["rule"] == "weight"
    assert listed["balance"] == shown["balance"]
    assert listed["seed"] == "9"
    assert f"noiseprune {npr.__version__}, NumPy {np.__version__}" in listed["versions"]
    assert carried["dynamics_error"]["mean"][0] == 0


@pytest.mark.usefixtures("undrawn")
def test_a_refit_is_shown():
    page, _ = made(random_network(), fit=Fit(400, 0, 0, 0.5, 0.25, 0.4, 0.2))
    assert "activity error 0.4 -> 0.2 in 400 steps, 0 swapped" in page.text("main")


@pytest.mark.usefixtures("undrawn")
def test_an_unstable_network_is_said_to_be(tmp_path):
    all_to_all = np.ones((6, 6)) - np.eye(6)
    stable, unstable = (npr.RateNetwork(all_to_all, leak=leak) for leak in (6.0, 4.0))
    for original, pruned in ((stable, unstable), (unstable, stable)):
        text = report.page(npr.spectral_similarity(original, pruned))
        Page(text)
        assert ("is unstable" in text) == (pruned is unstable)
        assert ("not ranked" in text) == (original is unstable)
        assert "not compared" in text


@pytest.mark.usefixtures("undrawn")
def test_every_norm_is_explained():
    """Three networks, of which each has another norm as its strongest."""
    weights = np.zeros((4, 4))
    weights[1, 0] = 30.0  # feedforward: stable, but far from normal
    weights[2, 3] = weights[3, 2] = 0.5
    skewed = npr.RateNetwork(weights, leak=1.0)
    cut = npr.RateNetwork(0.9 * weights, leak=1.0)
    symmetric, directed = random_network(symmetric=True), random_network()
    said = {}
    for net, pruned in ((symmetric, symmetric), (directed, directed), (skewed, cut)):
        found = npr.spectral_similarity(net, pruned)
        said[found.epsilon_norm] = Page(report.page(found)).text("main")
    assert "between 1.000 and 1.000 times" in said["pencil"]
    assert "of -A, which is what restores" in said["symmetric-part"]
    assert "stronger norms do not exist" in said["relative"]


@pytest.mark.usefixtures("undrawn")
def test_a_bound_that_may_fail_says_how_likely():
    net = random_network(symmetric=True)
    found = npr.spectral_similarity(net, net)
    lanczos = {
        "method": "lanczos",
        "epsilon": 0.31,
        "upper_bound": 0.33,
        "failure_probability": 0.01,
    }
    found = replace(found, change=replace(found.change, **lanczos))
    text = Page(report.page(found)).text("main")
    assert "0.33, with 99 % probability" in text
    assert "by more than 33\N{NO-BREAK SPACE}%" in text


@pytest.mark.usefixtures("undrawn")
def test_nan_is_null():
    found = npr.spectral_similarity(random_network(), random_network())
    page = Page(report.page(found, result={"gain": float("nan")}))
    assert json.loads(page.text("numbers"))["gain"] is None


def test_large_networks_skip_dense_spectra(monkeypatch):
    monkeypatch.setattr(pair, "DENSE_EIGENVALUES", 10)
    net = random_network()
    page = Page(report.page(npr.spectral_similarity(net, net)))
    assert page.text("main").count("not computed above") == 2
    assert len(page.all("svg")) == 3


@pytest.mark.parametrize("keep", [1, 1.0])
def test_one_synapse_or_all_are_kept(keep):
    made(random_network(), keep)


def test_networks_without_synapses():
    empty = npr.RateNetwork(np.zeros((4, 4)), leak=2.0)
    net = random_network(4)
    for original in (net, empty):
        Page(report.page(npr.spectral_similarity(original, empty)))


# ---------------------------------------------------------------------------------- ranking


def test_the_most_important_and_the_most_surprising_synapse():
    """A strong synapse within a clique, and a weak one that alone carries its neuron's input."""
    weights = np.zeros((8, 8))
    weights[:6, :6] = 2 * (np.ones((6, 6)) - np.eye(6))
    weights[6, 0] = weights[0, 6] = 0.2
    weights[7, 1] = weights[1, 7] = 6.0
    net = npr.RateNetwork(weights)
    variance = npr.synapse_variance(net).variance
    ranked = measures.ranking(net, 16, variance)
    assert ranked.noise_probability.sum() == pytest.approx(8)  # eight pairs
    assert ranked.weight_probability.sum() == pytest.approx(8)
    importance = np.abs(ranked.weight) * ranked.variance
    assert ranked.important[0] == np.argmax(importance)
    first = ranked.surprising[0]
    assert {int(ranked.post[first]), int(ranked.pre[first])} == {0, 6}


@KINDS
def test_the_ranking_is_that_of_the_rule(symmetric):
    net = random_network(symmetric=symmetric)
    pruning = npr.prune(net, 0.4, seed=3)
    ranked = measures.ranking(net, pruning.n_kept, npr.synapse_variance(net).variance)
    probability = np.zeros((30, 30))
    probability[net.synapses] = pruning.keep_probability
    expected = probability[ranked.post, ranked.pre]
    assert ranked.noise_probability == pytest.approx(expected, abs=0.02)
    assert np.all(np.diff(ranked.noise_probability[ranked.important]) <= 1e-12)


# ------------------------------------------------------------------------ names, cell types


def test_hostile_names_are_text():
    labels = [f"{HOSTILE}{k}" for k in range(30)]
    page, _ = made(random_network(labels=labels), name=HOSTILE)
    assert "script" not in {tag for tag, _ in page.elements}
    assert page.text("h1").endswith(HOSTILE)
    assert f"{HOSTILE}7" in page.text("td") + page.text("th")


def test_cell_types_are_read_off_the_names():
    labels = [f"K{k}" for k in range(20)] + [f"O2:{k}" for k in range(8)] + ["lone", "sole"]
    net = random_network(labels=labels)
    pruned = npr.prune(net, 0.5, seed=3).network
    types = measures.cell_types(net, pruned)
    assert types.names == ("K", "O2", "all others")
    assert types.sizes.tolist() == [20, 8, 2]
    assert types.before.sum() == net.n_synapses
    assert types.after.sum() == pruned.n_synapses
    assert types.before[0, 1] == np.count_nonzero(net.dense_weights()[:20, 20:28])


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "labels",
    [None, [str(k) for k in range(30)], [f"{chr(65 + k)}x" for k in range(30)], ["K1"] * 30],
    ids=["no names", "numbers", "all different", "one type"],
)
def test_names_without_types_make_no_table(labels):
    net = random_network(labels=labels)
    assert measures.cell_types(net, net) is None
    assert "Cell types" not in made(net)[0].text("h2")


# ------------------------------------------------------------------------------------ files


def test_a_report_writes_itself(tmp_path):
    net = random_network()
    found = npr.spectral_similarity(net, npr.prune(net, 0.5, seed=3).network)
    path = tmp_path / "report.html"
    found.to_html(path)
    carried = json.loads(Page(path.read_text(encoding="utf-8")).text("numbers"))
    assert carried == found.to_dict()
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("name", ["report.pdf", "report"])
def test_another_suffix_is_refused_in_one_sentence(name, tmp_path):
    net = random_network()
    found = npr.spectral_similarity(net, net)
    with pytest.raises(npr.FileError, match=r"use a name that ends in \.html"):
        found.to_html(tmp_path / name)
    npr.save(net, tmp_path / "net.npz")
    path = tmp_path / "net.npz"
    for command in (("report", path, path, "-o"), ("prune", path, "--report")):
        result = CliRunner().invoke(cli.app, [*map(str, command), str(tmp_path / name)])
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1
        assert "use a name that ends in .html" in result.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.npz"]


def test_a_folder_that_is_not_there_is_said_before_the_work(tmp_path):
    result = CliRunner().invoke(cli.app, ["prune", "--report", str(tmp_path / "no" / "r.html")])
    assert result.exit_code == 1
    assert "does not exist" in result.stderr


# ---------------------------------------------------------------------------------- browser


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
@KINDS
def test_a_browser_shows_the_page_without_complaint(symmetric, tmp_path):
    net = random_network(symmetric=symmetric, labels=[f"K{k}" for k in range(30)])
    found = npr.spectral_similarity(net, npr.prune(net, 0.5, seed=3).network)
    found.to_html(tmp_path / "report.html")
    seen = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
            *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
            *("--disable-sync", "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'user'}"),
            *("--window-size=390,800", "--dump-dom", (tmp_path / "report.html").as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in seen.stderr
    assert json.loads(Page(seen.stdout).text("numbers")) == found.to_dict()
