"""Mask builders: who may be connected to whom."""

import numpy as np
import pytest
import torch

from noiseprune import OptionError
from noiseprune.learning import CTRNN, MultiArea, MultiAreaEI, MultiIO, RandomInput


def test_areas_have_the_densities_of_their_matrix():
    matrix = np.array([[0.9, 0.1, 0.5], [0.3, 0.7, 0.0], [1.0, 0.2, 0.4]])
    areas = MultiArea((2, 300, 3), 3, matrix, input_areas=[0], readout_areas=[1, 2], seed=3)
    mask_in, hidden, out = areas.get_masks()
    for i, rows in enumerate(areas.get_all_area_indices().values()):
        for j, columns in enumerate(areas.get_all_area_indices().values()):
            p, found = matrix[i, j], hidden[np.ix_(rows, columns)].mean()
            assert abs(found - p) <= 4 * np.sqrt(p * (1 - p)) / 100
    np.testing.assert_array_equal(mask_in.any(axis=1), np.arange(300) < 100)
    np.testing.assert_array_equal(out.any(axis=0), np.arange(300) >= 100)
    np.testing.assert_array_equal(areas.get_input_indices(), np.arange(100))
    np.testing.assert_array_equal(areas.get_non_input_indices(), np.arange(100, 300))
    np.testing.assert_array_equal(areas.get_readout_indices(), np.arange(100, 300))
    assert areas.get_areas() == ["area_1", "area_2", "area_3"]
    np.testing.assert_array_equal(areas.get_area_indices("area_2"), areas.get_area_indices(1))
    states = areas.split_states(torch.zeros(4, 5, 300))
    assert states["area_3"].shape == (4, 5, 100)
    assert areas.get_specs()["densities"][0] == pytest.approx(1 / 3)


def test_forward_backward_and_within():
    short = MultiArea((1, 60, 1), (20, 30, 10), (1.0, 0.0), seed=3).get_masks()[1]
    area = np.repeat([0, 1, 2], [20, 30, 10])
    np.testing.assert_array_equal(short == 1, area[:, None] >= area[None, :])
    long = MultiArea((1, 60, 1), (20, 30, 10), (0.0, 1.0, 0.0), seed=3).get_masks()[1]
    np.testing.assert_array_equal(long == 1, area[:, None] < area[None, :])


def test_excitatory_and_inhibitory_areas():
    found = MultiAreaEI(
        (2, 50, 2), 2, (1.0, 1.0), exc_pct=0.8, inh_readout=False,
        inter_area_connections=(True, False, False, False), seed=3,
    )  # fmt: skip
    area, excitatory = np.repeat([0, 1], 25), np.tile(np.arange(25) < 20, 2)
    signed, presence = found.get_masks(), found.get_sparsity_masks()
    np.testing.assert_array_equal(np.abs(signed[1]), presence[1])
    between = area[:, None] != area[None, :]
    np.testing.assert_array_equal(
        presence[1] == 1, ~between | (excitatory[:, None] & excitatory[None, :])
    )
    assert (signed[1][:, excitatory] >= 0).all()
    assert (signed[1][:, ~excitatory] <= 0).all()
    np.testing.assert_array_equal(presence[2].any(axis=0), excitatory)
    for ei in (found.get_ei_masks(), [None, *signed[1:]]):
        model = CTRNN((2, 50, 2), sparsity_masks=presence, ei_masks=ei, seed=3)
        weight = model.layers[1].weight.detach().numpy()
        np.testing.assert_array_equal(np.sign(weight), signed[1])
    for one, other in (((0, 1), (False, True, True, True)), ((1, 0), (True, True, False, True))):
        mask = MultiAreaEI(
            (2, 50, 2), 2, (1.0, 1.0), inter_area_connections=[not x for x in other], seed=3
        ).get_sparsity_masks()[1]
        pre, post = excitatory if one[0] == 0 else ~excitatory, excitatory
        assert mask[np.ix_(post & (area == 0), pre & (area == 1))].all()
        assert not mask[np.ix_(~post & (area == 0), pre & (area == 1))].any()


def test_groups_of_inputs_and_outputs():
    to, read = [[1, 0], [1, 1], [0, 0]], [[0, 1, 1]]
    mask_in, hidden, out = MultiIO((5, 9, 2), (2, 3), (2,), to, read).get_masks()
    group = np.repeat([0, 1, 2], 3)
    np.testing.assert_array_equal(mask_in, np.array(to)[group][:, [0, 0, 1, 1, 1]])
    np.testing.assert_array_equal(out, np.array(read)[[0, 0]][:, group])
    assert hidden.all()


def test_random_parts():
    found = RandomInput((2, 100, 3), 0.3, 0.5, 0.2, overlap=False, seed=3)
    mask_in, hidden, out = found.get_masks()
    assert (mask_in.any(axis=1).sum(), out.any(axis=0).sum()) == (30, 50)
    assert not (mask_in.any(axis=1) & out.any(axis=0)).any()
    assert abs(hidden.mean() - 0.2) < 4 * 0.4 / 100
    assert len(found.get_input_indices()) == 30
    assert len(found.get_readout_indices()) == 50
    assert all(mask.all() for mask in RandomInput((2, 10, 3)).get_masks())
    both = RandomInput((2, 100, 3), 0.8, 0.8, seed=3).get_masks()
    assert (both[0].any(axis=1) & both[2].any(axis=0)).sum() >= 60


@pytest.mark.parametrize("builder", [MultiArea, MultiAreaEI, RandomInput])
def test_masks_fit_the_network_in_either_orientation(builder):
    found = builder((2, 20, 3), seed=3)
    for orientation in ("post-pre", "pre-post"):
        masks = found.get_masks(orientation)
        shapes = [(20, 2), (20, 20), (3, 20)]
        assert [m.shape if orientation == "post-pre" else m.T.shape for m in masks] == shapes
        CTRNN((2, 20, 3), sparsity_masks=masks, orientation=orientation)
        masks[1][:] = 7
        assert (found.get_masks()[1] != 7).all()
    again = builder((2, 20, 3), seed=3).get_masks()[1]
    np.testing.assert_array_equal(again, found.get_masks()[1])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MultiArea((1, 2)), "dims are"),
        (lambda: MultiArea((1, 10, 1), (4, 4)), "sum to 8"),
        (lambda: MultiArea((1, 3, 1), 5), "give fewer"),
        (lambda: MultiArea((1, 10, 1), 2, (0.1,)), r"have shape \(1,\)"),
        (lambda: MultiArea((1, 10, 1), 2, (0.1, 2.0)), r"in \[0, 1\]"),
        (lambda: MultiArea((1, 10, 1), input_areas=[2]), "names area 2, but there are 2"),
        (lambda: MultiArea((1, 10, 1), readout_areas=[]), "is empty"),
        (lambda: MultiArea((1, 10, 1)).get_area_indices("area_3"), "unknown area"),
        (lambda: MultiAreaEI((1, 10, 1), exc_pct=2.0), r"must lie in \[0, 1\]"),
        (lambda: MultiAreaEI((1, 10, 1), inter_area_connections=[True]), "four truth values"),
        (lambda: MultiIO((5, 9, 2), (2, 2), (2,), [[1, 1]], [[1]]), "sum to 4"),
        (lambda: MultiIO((5, 9, 2), (2, 3), (2,), [[1]], [[1]]), "2 groups of inputs"),
        (lambda: MultiIO((5, 9, 2), (2, 3), (2,), [[1, 1]], [[1, 1]]), r"give \(1, 1\)"),
        (lambda: RandomInput((1, 10, 1), 1.5), "input_spar is 1.5"),
        (lambda: RandomInput((1, 10, 1), 0.6, 0.6, overlap=False), "allow overlap"),
        (lambda: RandomInput((1, 10, 1)).get_masks("pre"), "unknown orientation"),
    ],
)
def test_bad_masks_are_refused(make, said):
    with pytest.raises(OptionError, match=said):
        make()
