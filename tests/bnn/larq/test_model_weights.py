"""Weights in model files: which are read, which do not fit, and none from anywhere else."""

from __future__ import annotations

import copy

import h5py
import numpy as np
import pytest

from bnn.larq.model_file import read_model

from .model_files import base_arrays, base_layers, refusal, sequential, write_h5, write_keras


@pytest.mark.parametrize("write", [write_h5, write_keras])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda arrays: arrays["fc"]["kernel"].__setitem__((1, 1), np.nan),
            "kernel of layer 7 of 8, 'fc' (QuantDense) must be finite, not NaN or infinite",
        ),
        (
            lambda arrays: arrays["bn"]["moving_mean"].__setitem__(0, -np.inf),
            "moving_mean of layer 4 of 8, 'bn' (BatchNormalization) must be finite, "
            "not NaN or infinite",
        ),
        (
            lambda arrays: arrays["fc"].update(kernel=np.zeros((2, 3), np.float32)),
            "kernel of layer 7 of 8, 'fc' (QuantDense) must have shape (3, 2), not (2, 3)",
        ),
        (
            lambda arrays: arrays["fc"].update(kernel=np.zeros((3, 2))),
            "kernel of layer 7 of 8, 'fc' (QuantDense) must be float32, not float64",
        ),
        (
            lambda arrays: arrays["bn"].update(moving_variance=np.float32([1, -2, 1])),
            "variance + epsilon of layer 'bn' must be positive, not -1.99",
        ),
    ],
)
def test_weights_that_do_not_fit(tmp_path, write, change, message):
    arrays = base_arrays()
    change(arrays)
    assert refusal(write(tmp_path / "net", sequential(base_layers()), arrays)) == message


_NETWORKS = {"class_name": "SteTern", "config": {"ternary_weight_networks": True}}


@pytest.mark.parametrize("quantizer", ["magnitude_aware_sign", _NETWORKS])
@pytest.mark.parametrize(("size", "fits"), [(1e37, True), (2e38, False)])
def test_magnitudes_that_float32_cannot_add_up(tmp_path, quantizer, size, fits):
    """Keras takes their mean in float32: it would be infinite, and what it scales not a number."""
    layers, arrays = base_layers(), base_arrays()
    layers[-2]["config"]["kernel_quantizer"] = quantizer
    arrays["fc"]["kernel"] = np.full((3, 2), size, np.float32)
    path = write_keras(tmp_path / "net", sequential(layers), arrays)
    if fits:
        assert read_model(path).layers
        return
    assert refusal(path) == (
        "layer 7 of 8, 'fc' (QuantDense): weights must be so small that float32 can add up their "
        "magnitudes, not up to 2e+38"
    )


@pytest.mark.parametrize("write", [write_h5, write_keras])
def test_half_precision_is_widened(tmp_path, write):
    """A Normalization under mixed_float16 has such statistics."""
    arrays = base_arrays()
    halves = np.float16([0.1, -2.5, 65504])
    arrays["bn"].update(moving_mean=halves)
    network = read_model(write(tmp_path / "net", sequential(base_layers()), arrays))
    (norm,) = (layer for layer in network.layers if layer.name == "bn")
    assert norm.mean.dtype == np.float32
    assert norm.mean.tolist() == halves.tolist()


def test_missing_and_surplus_weights(tmp_path):
    arrays = base_arrays()
    bias = arrays["fc"].pop("bias")
    model = sequential(base_layers())
    where = "layer 7 of 8, 'fc' (QuantDense)"
    assert refusal(write_h5(tmp_path / "net", model, arrays)) == (
        f"{where} must have the weights 'kernel, bias', not 'kernel'"
    )
    assert refusal(write_keras(tmp_path / "net", model, arrays)) == (
        f"{where} must have the weights 'kernel, bias', not 1 arrays"
    )
    arrays["fc"].update(bias=bias, scale=bias)
    assert refusal(write_h5(tmp_path / "net", model, arrays)) == (
        f"{where} must have the weights 'kernel, bias', not 'kernel, bias, scale'"
    )
    del arrays["fc"]
    assert refusal(write_h5(tmp_path / "net", model, arrays)) == (
        f"{where} must have a group of weights named 'fc'"
    )
    assert refusal(write_keras(tmp_path / "net", model, arrays)) == (
        f"{where} must have weights under 'layers/quant_dense/vars'"
    )


def test_a_file_cannot_lead_to_another(tmp_path):
    elsewhere = tmp_path / "secret.h5"
    with h5py.File(elsewhere, "w") as file:
        file["kernel"] = np.ones((3, 2), np.float32)
    path = write_h5(tmp_path / "net.h5", sequential(base_layers()))
    where = "layer 7 of 8, 'fc' (QuantDense)"
    kernel = "model_weights/fc/fc/kernel:0"
    link = f"{where} must hold its weights itself, not through a link ('fc/kernel:0')"
    for target in (
        h5py.ExternalLink(str(elsewhere), "/kernel"),
        h5py.SoftLink("/model_weights/fc/fc/kernel:0"),
    ):
        with h5py.File(path, "a") as file:
            del file[kernel]
            file[kernel] = target
        assert refusal(path) == link
    raw = tmp_path / "raw"
    raw.write_bytes(np.ones((3, 2), np.float32).tobytes())
    with h5py.File(path, "a") as file:
        del file[kernel]
        outside = [(str(raw), 0, 24)]
        file.create_dataset(kernel, (3, 2), np.float32, external=outside)
    plain = f"kernel of {where} must be stored in the file itself, in a plain way"
    assert refusal(path) == plain
    with h5py.File(path, "a") as file:
        del file[kernel]
        layout = h5py.VirtualLayout((3, 2), np.float32)
        layout[:] = h5py.VirtualSource(str(elsewhere), "kernel", (3, 2))
        file.create_virtual_dataset(kernel, layout)
    assert refusal(path) == plain
    with h5py.File(path, "a") as file:
        del file["model_weights"]
        file["model_weights"] = h5py.SoftLink("/model_weights")
    assert refusal(path) == (
        "layer 2 of 8, 'conv' (QuantConv2D) must hold its weights itself, "
        "not through a link ('model_weights/conv')"
    )


def test_groups_that_hold_themselves_do_no_harm(tmp_path):
    path = write_h5(tmp_path / "net.h5", sequential(base_layers()))
    with h5py.File(path, "a") as file:
        file["model_weights/fc/fc/again"] = file["model_weights"]
    assert read_model(path).shapes()[-1] == (2,)


def test_objects_and_huge_arrays_are_not_read(tmp_path):
    path = write_h5(tmp_path / "net.h5", sequential(base_layers()))
    kernel = "model_weights/fc/fc/kernel:0"
    with h5py.File(path, "a") as file:
        del file[kernel]
        file.create_dataset(kernel, (3, 2), h5py.string_dtype())
    assert refusal(path) == (
        "kernel of layer 7 of 8, 'fc' (QuantDense) must be float32, not object"
    )
    layers = copy.deepcopy(base_layers())
    layers[6]["config"]["units"] = 10**9
    path = write_h5(tmp_path / "net.h5", sequential(layers))
    with h5py.File(path, "a") as file:
        del file[kernel]
        file.create_dataset(kernel, (3, 10**9), np.float32, chunks=(3, 1 << 16))
    assert refusal(path) == (
        "kernel of layer 7 of 8, 'fc' (QuantDense) must have at most 268435456 values, "
        "not (3, 1000000000)"
    )


def test_compressed_weights_are_read(tmp_path):
    path = write_h5(tmp_path / "net.h5", sequential(base_layers()))
    wanted = base_arrays()["fc"]["kernel"]
    with h5py.File(path, "a") as file:
        del file["model_weights/fc/fc/kernel:0"]
        packed = {"compression": "gzip", "shuffle": True, "fletcher32": True}
        file.create_dataset("model_weights/fc/fc/kernel:0", data=wanted, chunks=True, **packed)
    assert np.array_equal(read_model(path).layers[4].kernel, wanted)


def test_weight_names_that_are_split_are_put_together(tmp_path):
    path = write_h5(tmp_path / "net.h5", sequential(base_layers()))
    with h5py.File(path, "a") as file:
        group = file["model_weights/fc"]
        names = group.attrs["weight_names"]
        del group.attrs["weight_names"]
        for place, name in enumerate(names):
            group.attrs[f"weight_names{place}"] = np.array([name])
    assert read_model(path).layers[4].bias is not None
