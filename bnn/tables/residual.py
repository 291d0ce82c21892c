"""Networks with residual connections: ResNet-50, ResNeXt-50 and WRN-28-10."""

from __future__ import annotations

from bnn.tables.graph import Drawing, Node, Table


def resnet50() -> Table:
    """He et al., "Deep residual learning for image recognition", CVPR 2016, as in torchvision.

    Version 1.5: the stride of a block is that of its 3x3 convolution, in the publication that of
    the 1x1 before it.
    """
    net = Drawing("resnet50", (224, 224, 3), "ResNet-50 v1.5", norm=True)
    return _bottlenecks(net, inner=64, groups=1)


def resnext50() -> Table:
    """Xie et al., "Aggregated residual transformations ...", CVPR 2017, ResNeXt-50 32x4d."""
    net = Drawing("resnext50", (224, 224, 3), "ResNeXt-50 32x4d", norm=True)
    return _bottlenecks(net, inner=128, groups=32)


def wrn28_10() -> Table:
    """Zagoruyko and Komodakis, "Wide residual networks", BMVC 2016, depth 28 and width 10.

    A block normalizes what it reads, so that the residual stream itself meets no sign.
    """
    net = Drawing("wrn28-10", (32, 32, 3), "WideResNet-28-10 for CIFAR-10")
    x = net.conv("conv1", net.input, 16, 3)
    for group, (outputs, first) in enumerate(((160, 1), (320, 2), (640, 2)), start=1):
        for block in range(1, 5):
            name, stride = f"group{group}/block{block}", first if block == 1 else 1
            y = net.norm(f"{name}/norm", x)
            if x.shape[-1] != outputs:
                x = net.conv(f"{name}/shortcut", y, outputs, 1, stride)
            y = net.conv(f"{name}/conv1", y, outputs, 3, stride, norm=True)
            y = net.conv(f"{name}/conv2", y, outputs, 3)
            x = net.add(f"{name}/add", x, y)
    net.dense("fc", net.mean(net.norm("norm", x)), 10, bias=True)
    return net.table()


def _bottlenecks(net: Drawing, inner: int, groups: int) -> Table:
    """Four stages of 3, 4, 6 and 3 blocks; ``inner`` channels inside those of the first."""
    x = net.conv("conv1", net.input, 64, 7, 2)
    x = net.max_pool("maxpool", x, 3, 2, "same")
    for stage, depth in enumerate((3, 4, 6, 3), start=1):
        for block in range(depth):
            stride = 2 if block == 0 and stage > 1 else 1
            scale = 1 << (stage - 1)
            x = _bottleneck(net, f"layer{stage}.{block}", x, inner * scale, 256 * scale, stride,
                            groups)  # fmt: skip
    net.dense("fc", net.mean(x), 1000, bias=True, norm=False)
    return net.table()


def _bottleneck(
    net: Drawing, name: str, x: Node, inner: int, outputs: int, stride: int, groups: int
) -> Node:
    y = net.conv(f"{name}.conv1", x, inner)
    y = net.conv(f"{name}.conv2", y, inner, 3, stride, groups=groups)
    y = net.conv(f"{name}.conv3", y, outputs)
    if x.shape != y.shape:
        x = net.conv(f"{name}.downsample", x, outputs, 1, stride)
    return net.add(f"{name}.add", y, x)
