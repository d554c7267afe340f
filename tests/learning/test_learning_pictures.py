"""Pictures of trainings: settings told apart, curves inside the frame, large networks readable."""

from itertools import product

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from noiseprune.learning import Training, train
from noiseprune.learning.experiments.equilibrium import LogicExperiment
from noiseprune.learning.models.equilibrium.network import DirectedEP
from noiseprune.learning.options.equilibrium import DeepOptions
from noiseprune.learning.pictures.burst import angles
from noiseprune.learning.pictures.curves import MOST, OTHERS, learning_curve
from noiseprune.learning.pictures.equilibrium import ARROWS, TICKS, drawn, graph, weights
from noiseprune.learning.pictures.failures import layer_sizes, modes

ROWS = 5


def made(rows=ROWS, level=1.0, **options):
    """A run as of any model, whose losses are larger the larger its level."""
    log = []
    for epoch in range(rows):
        row = {"epoch": epoch, "test_loss": level / (epoch + 1), "test_error": 0.9}
        row |= {"angle_bp": 60.0, "angle_fa": 0.0, "angle_w_y_1": 92.0, "apical_abs_1": 0.1}
        row |= {"s1": level, "theory_s1": level, "layer1_norm": 2.0, "layer1_participation": 1.0}
        log.append(row | ({"train_loss": level / epoch} if epoch else {}))
    return Training({"seed": 0, "epochs": rows - 1, **options}, rows - 1, log, {}, 0.0, None)


def colours(figure):
    return [{to_hex(line.get_color()) for line in axes.lines} for axes in figure.axes]


def key(figure):
    """The legend of settings: title and, by label, colours."""
    (legend,) = figure.legends
    handles = {text.get_text(): line.get_color()
               for text, line in zip(legend.get_texts(), legend.get_lines())}  # fmt: skip
    return legend.get_title().get_text(), handles


@pytest.mark.parametrize("picture", [learning_curve, angles, layer_sizes])
def test_settings_have_colours_and_a_legend(picture):
    runs = [made(lr=lr, level=lr, seed=seed) for lr in (0.1, 0.01) for seed in (3, 5)]
    figure = picture(runs)
    title, handles = key(figure)
    assert title == "lr"
    assert list(handles) == ["0.1", "0.01"]
    assert colours(figure) == [set(handles.values())] * len(figure.axes)
    for axes in figure.axes:
        first = [to_hex(line.get_color()) for line in axes.lines[:4]]
        assert first == [handles[label] for label in ("0.1", "0.1", "0.01", "0.01")]
    if picture is learning_curve:
        assert {line.get_linestyle() for line in figure.axes[0].lines} == {"-", "--"}


def test_runs_of_one_setting_have_colours_of_quantities():
    runs = [made(seed=seed, lr=0.1) for seed in (3, 5)]
    figure = learning_curve(runs)
    assert figure.legends == []
    assert [len(found) for found in colours(figure)] == [2, 1]
    assert {line.get_linestyle() for line in figure.axes[0].lines} == {"-"}
    assert colours(angles(runs))[0] != colours(angles(runs))[1]


def test_of_many_settings_the_best_are_coloured():
    grid = product(("sqrt", "const"), (None, 1e-4), range(1, 6))
    runs = [made(scaling=s, weight_decay=d, hidden=h, level=h) for s, d, h in grid]
    figure = learning_curve(runs)
    title, handles = key(figure)
    assert " ".join(title.split()) == (
        f"scaling, weight decay, hidden (the {MOST} settings of least loss of 20)"
    )
    assert len(set(handles.values())) == MOST + 1
    best = [label for label in handles if label.endswith(", 1")]
    assert best == ["sqrt, none, 1", "sqrt, 0.0001, 1", "const, none, 1", "const, 0.0001, 1"]
    assert handles[f"the other {20 - MOST}"] == OTHERS
    loss = figure.axes[0]
    assert sum(line.get_color() == OTHERS for line in loss.lines) == 2 * (20 - MOST)
    without = made(scaling="sqrt", weight_decay=0.5, hidden=1, level=0.1)
    for row in without.log:
        del row["s1"], row["theory_s1"]
    panels = modes([without, *runs]).axes
    assert len(panels) == MOST
    assert " ".join(panels[0].get_title().split()) == "scaling sqrt, weight decay none, hidden 1"


@pytest.mark.parametrize("rows", [2, 3, 5, 30])
@pytest.mark.parametrize("picture", [learning_curve, angles, layer_sizes, modes])
def test_what_the_legend_names_is_seen(picture, rows):
    figure = picture([made(rows)])
    figure.draw_without_rendering()
    for axes in figure.axes:
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        for line in axes.lines:
            x, y = np.array(line.get_data())
            assert ((left < x) & (x < right) & (low < y) & (y < high)).all()
            assert (line.get_marker() == "o") == (len(x) <= 2)
        ticks = [tick for tick in axes.get_xticks() if left <= tick <= right]
        assert len(ticks) >= 2
        assert all(tick == round(tick) for tick in ticks)


def test_angles_that_are_0_have_an_axis_of_angles_and_panels_legends():
    run = made()
    log = [{**row, "angle_w_y_1": 0.0} for row in run.log]
    figure = angles([Training(run.options, 4, log, {}, 0.0, None)])
    updates, place, _ = figure.axes
    assert [line.get_linestyle() for line in updates.lines] == ["-", "--"]
    assert place.get_ylim()[1] > 90
    labels = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes]
    assert labels == [["to backprop", "to feedback alignment"], ["layer 1"], ["layer 1"]]


def test_pictures_of_networks_name_the_setting():
    small = {"epochs": 2, "log_every": 1, "seeds": 2, "free_steps": 50, "nudged_steps": 20}
    runs = [
        train(LogicExperiment, DeepOptions(preset=preset, **small))
        for preset in ("published", "improved")
    ]
    found = drawn(runs)
    titles = [axes.get_title().splitlines()[0] for axes in found["quantiles"].axes]
    assert titles == ["preset published", "preset improved"]
    for name in ("weights", "graph", "decisions"):
        assert found[name].axes[0].get_title().startswith("preset published\n")
        assert "preset" not in drawn(runs[:1])[name].axes[0].get_title()
    many = drawn([*runs * 4])["quantiles"]
    assert len(many.axes) == MOST
    assert "the first 6 of 8" in many.get_suptitle()


def overlapping(figure: Figure, texts):
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    assert boxes
    return any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


@pytest.mark.parametrize("hidden", [(5,), (20, 20), (40, 3), (90,)])
def test_large_networks_are_readable(hidden):
    network = network_of(hidden)
    figure = weights(network)
    axes = figure.axes[0]
    for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert not overlapping(figure, ticks)
        assert len(ticks) <= TICKS + len(hidden) + 2
    number = int((network.weights[0] != 0).sum())
    figure = graph(network)
    axes = figure.axes[0]
    assert len(axes.patches) == min(number, ARROWS)
    assert (f"the {ARROWS} strongest of {number}" in axes.get_title()) == (number > ARROWS)
    figure.draw_without_rendering()
    (nodes,) = axes.collections
    places = axes.transData.transform(nodes.get_offsets())
    nearest = min(np.hypot(*(places[:k] - place).T).min() for k, place in enumerate(places) if k)
    assert np.sqrt(nodes.get_sizes()[0]) * figure.dpi / 72 < nearest
    if hidden == (20, 20):
        assert not overlapping(figure, axes.texts)


def test_the_arrows_are_the_strongest():
    network = network_of((20, 20))
    strengths = np.sort(np.abs(network.weights[0]).ravel())
    widths = [patch.get_linewidth() for patch in graph(network).axes[0].patches]
    np.testing.assert_allclose(widths, 0.2 + 2.2 * strengths[-ARROWS:] / strengths[-1], rtol=1e-12)


def network_of(hidden) -> DirectedEP:
    from noiseprune.learning.models.equilibrium import building

    text = ",".join(map(str, hidden))
    return building.network_of(DeepOptions(hidden=text, seeds=1), seeds=[3])


def test_a_network_without_synapses_is_drawn():
    network = network_of((5,))
    network.weights = np.zeros_like(network.weights)
    assert "0 synapses" in graph(network).axes[0].get_title()
    weights(network)
