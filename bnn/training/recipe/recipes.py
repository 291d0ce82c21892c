"""Recipes: settings that belong together, as published, by name.

``binarynet`` is that of M. Courbariaux, I. Hubara, D. Soudry, R. El-Yaniv, Y. Bengio, "Binarized
Neural Networks: Training Deep Neural Networks with Weights and Activations Constrained to +1 or
-1", arXiv:1602.02830, 2016, with the values of the script for CIFAR-10 published with it
(MatthieuCourbariaux/BinaryNet, Train-time/cifar10.py): squared hinge loss, Adam, batches of 50, a
learning rate falling exponentially from 1e-3 to 3e-7, latent weights clipped to -1 and +1, batch
normalization with 0.9 of the past and an epsilon of 1e-4, no augmentation. It ran for 500 epochs,
which the number of epochs of the architecture replaces. It multiplied every layer's rate by
``1/h``, ``h = sqrt(1.5/(n + m))`` for ``n`` inputs and ``m`` outputs, and began between -1 and +1.
Adam's steps do not depend on how large gradients are, so that is the same as beginning between -h
and +h with the rate as it is; here the weights begin in Glorot's range, twice as wide, and are
clipped at 1 instead of h. It kept the weights of the epoch with the best validation images:
``--validation-split 0.1 --patience N`` does. Its padding was 0; here it is what the architecture
has.

``tang2017`` follows W. Tang, G. Hua, L. Wang, "How to Train a Compact Binary Neural Network with
High Accuracy?", AAAI 2017, as its abstract puts it: a low learning rate, PReLU instead of ReLU, a
term in the loss that makes weights bipolar instead of small, and a scale layer behind the binary
last layer. Its multiple binarizations of activations are not there. The values are assumed: Adam
with a constant rate of 1e-4, a pull of 1e-6, and a factor that starts at 1e-3.
"""

from __future__ import annotations

from typing import Any

from bnn.training.recipe.settings import check_name

RECIPES: dict[str, dict[str, Any]] = {
    "binarynet": {
        "batch_size": 50,
        "learning_rate": 1e-3,
        "schedule": "exponential",
        "final_learning_rate": 3e-7,
        "warmup_epochs": 0,
        "optimizer": "adam",
        "loss": "squared-hinge",
        "initializer": "glorot-uniform",
        "activation": "none",
        "head": "norm",
        "weight_clip": True,
        "batch_norm_momentum": 0.9,
        "batch_norm_epsilon": 1e-4,
    },
    "tang2017": {
        "learning_rate": 1e-4,
        "schedule": "constant",
        "final_learning_rate": 0.0,
        "warmup_epochs": 0,
        "optimizer": "adam",
        "loss": "cross-entropy",
        "activation": "prelu",
        "head": "scale",
        "bipolar_pull": 1e-6,
        "weight_clip": True,
    },
}
"""Settings that differ from those of the architecture, by the name of the recipe."""


def recipe(name: str) -> dict[str, Any]:
    """Return the settings of one recipe.

    Raises:
        InputError: there is none of this name; the nearest is suggested.

    >>> recipe("tang2017")["activation"]
    'prelu'
    """
    check_name("recipe", name, RECIPES)
    return RECIPES[name]
