"""Networks whose layers branch and come together again: GoogLeNet, SqueezeNet and DenseNet."""

from __future__ import annotations

from bnn.tables.graph import Drawing, Node, Table

INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Outputs of 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5 and pool projection, in Table 1 of GoogLeNet."""


def googlenet() -> Table:
    """Szegedy et al., "Going deeper with convolutions", CVPR 2015: Inception v1.

    Without the auxiliary classifiers, which serve training.
    """
    net = Drawing("googlenet", (224, 224, 3), "GoogLeNet, Inception v1", bias=True)
    x = net.conv("conv1", net.input, 64, 7, 2)
    x = net.max_pool("pool1", x, 3, 2, "same")
    x = net.conv("conv2_reduce", x, 64)
    x = net.conv("conv2", x, 192, 3)
    x = net.max_pool("pool2", x, 3, 2, "same")
    for name, outputs in INCEPTIONS.items():
        if name in ("4a", "5a"):
            x = net.max_pool(f"pool{int(name[0]) - 1}", x, 3, 2, "same")
        x = _inception(net, f"inception_{name}", x, outputs)
    net.dense("classifier", net.mean(x), 1000)
    return net.table()


def _inception(net: Drawing, name: str, x: Node, outputs: tuple[int, ...]) -> Node:
    one, reduce3, three, reduce5, five, projection = outputs
    pooled = net.max_pool(f"{name}/pool", x, 3, 1, "same")
    parts = [
        net.conv(f"{name}/1x1", x, one),
        net.conv(f"{name}/3x3", net.conv(f"{name}/3x3_reduce", x, reduce3), three, 3),
        net.conv(f"{name}/5x5", net.conv(f"{name}/5x5_reduce", x, reduce5), five, 5),
        net.conv(f"{name}/pool_proj", pooled, projection),
    ]
    return net.concat(f"{name}/output", parts)


def squeezenet() -> Table:
    """Iandola et al., "SqueezeNet", arXiv:1602.07360, version 1.0, for 224x224 as in torchvision.

    The publication's Table 1 starts from 111x111 behind the first convolution, which 224x224
    without padding does not give.
    """
    net = Drawing("squeezenet", (224, 224, 3), "SqueezeNet 1.0", bias=True)
    x = net.conv("conv1", net.input, 96, 7, 2, "valid")
    x = net.max_pool("maxpool1", x, 3, 2)
    for number, width in enumerate((16, 16, 32, 32, 48, 48, 64, 64), start=2):
        x = _fire(net, f"fire{number}", x, width)
        if number == 4:
            x = net.max_pool("maxpool4", x, 3, 2, "same")
        elif number == 8:
            x = net.max_pool("maxpool8", x, 3, 2)
    x = net.conv("conv10", x, 1000)
    net.mean(x)
    return net.table()


def _fire(net: Drawing, name: str, x: Node, width: int) -> Node:
    x = net.conv(f"{name}/squeeze1x1", x, width)
    parts = [
        net.conv(f"{name}/expand1x1", x, 4 * width),
        net.conv(f"{name}/expand3x3", x, 4 * width, 3),
    ]
    return net.concat(f"{name}/concat", parts)


def densenet121() -> Table:
    """Huang et al., "Densely connected convolutional networks", CVPR 2017, 121 layers, growth 32.

    Every layer normalizes all channels before it for itself, so that no product but the one inside
    a layer ends in a sign.
    """
    net = Drawing("densenet121", (224, 224, 3), "DenseNet-121, growth 32")
    x = net.conv("conv0", net.input, 64, 7, 2, norm=True)
    x = net.max_pool("pool0", x, 3, 2, "same")
    for block, depth in enumerate((6, 12, 24, 16), start=1):
        for layer in range(1, depth + 1):
            name = f"block{block}/layer{layer}"
            y = net.conv(f"{name}/1x1", net.norm(f"{name}/norm", x), 128, norm=True)
            y = net.conv(f"{name}/3x3", y, 32, 3)
            x = net.concat(f"{name}/concat", (x, y))
        if block < 4:
            name = f"transition{block}"
            x = net.conv(f"{name}/1x1", net.norm(f"{name}/norm", x), x.shape[-1] // 2)
            x = net.mean_pool(f"{name}/pool", x, 2, 2)
    net.dense("classifier", net.mean(net.norm("norm5", x)), 1000, bias=True)
    return net.table()
