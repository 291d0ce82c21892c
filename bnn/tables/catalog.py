"""Networks that pimsim knows by their shapes alone, for what they would cost.

>>> entry("vgg16").macs
15470264320
"""

from __future__ import annotations

from functools import cache

from bnn.tables.graph import Drawing, Node, Table
from pimsim.documents import require_one_of


def lenet5() -> Table:
    """LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 1998.

    As it is built today: C3 reads all maps of S2, subsampling is max pooling, the output a dense
    layer.
    """
    net = Drawing("lenet5", (32, 32, 1), "LeNet-5 for MNIST padded to 32x32", bias=True)
    x = net.conv("c1", net.input, 6, 5, padding="valid")
    x = net.pool("s2", x, 2, 2)
    x = net.conv("c3", x, 16, 5, padding="valid")
    x = net.pool("s4", x, 2, 2)
    x = net.dense("c5", net.flatten(x), 120)
    x = net.dense("f6", x, 84)
    net.dense("output", x, 10)
    return net.table()


def alexnet() -> Table:
    """Krizhevsky, Sutskever and Hinton, "ImageNet classification with ...", NIPS 2012.

    With the two groups of the publication, which divide the second, fourth and fifth convolution.
    """
    net = Drawing("alexnet", (227, 227, 3), "AlexNet of 2012, two groups", bias=True)
    x = net.conv("conv1", net.input, 96, 11, 4, "valid")
    x = net.pool("pool1", x, 3, 2)
    x = net.conv("conv2", x, 256, 5, groups=2)
    x = net.pool("pool2", x, 3, 2)
    x = net.conv("conv3", x, 384, 3)
    x = net.conv("conv4", x, 384, 3, groups=2)
    x = net.conv("conv5", x, 256, 3, groups=2)
    x = net.pool("pool5", x, 3, 2)
    _classifier(net, x)
    return net.table()


def zfnet() -> Table:
    """Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014."""
    net = Drawing("zfnet", (224, 224, 3), "ZFNet, AlexNet with smaller first kernels", bias=True)
    x = net.conv("conv1", net.input, 96, 7, 2, 1)
    x = net.pool("pool1", x, 3, 2, "same")
    x = net.conv("conv2", x, 256, 5, 2, "valid")
    x = net.pool("pool2", x, 3, 2, "same")
    x = net.conv("conv3", x, 384, 3)
    x = net.conv("conv4", x, 384, 3)
    x = net.conv("conv5", x, 256, 3)
    x = net.pool("pool5", x, 3, 2)
    _classifier(net, x)
    return net.table()


def vgg16() -> Table:
    """Simonyan and Zisserman, "Very deep convolutional networks ...", ICLR 2015, column D."""
    net = Drawing("vgg16", (224, 224, 3), "VGG-16, configuration D", bias=True)
    x = net.input
    for block, (depth, outputs) in enumerate(
        ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), start=1
    ):
        for place in range(1, depth + 1):
            x = net.conv(f"conv{block}_{place}", x, outputs, 3)
        x = net.pool(f"pool{block}", x, 2, 2)
    _classifier(net, x)
    return net.table()


def nin() -> Table:
    """Lin, Chen and Yan, "Network in network", ICLR 2014, the network for CIFAR-10."""
    net = Drawing("nin", (32, 32, 3), "Network in Network for CIFAR-10", bias=True)
    x = net.input
    for block, (size, outputs) in enumerate(
        ((5, (192, 160, 96)), (5, (192, 192, 192)), (3, (192, 192, 10))), start=1
    ):
        x = net.conv(f"conv{block}", x, outputs[0], size)
        for place, width in enumerate(outputs[1:], start=1):
            x = net.conv(f"cccp{block}_{place}", x, width)
        if block == 1:
            x = net.pool("pool1", x, 3, 2, "same")
        elif block == 2:
            x = net.pool("pool2", x, 3, 2, "same", largest=False)
    net.mean(x)
    return net.table()


def mobilenet() -> Table:
    """Howard et al., "MobileNets", arXiv:1704.04861, width 1.0 at 224x224."""
    net = Drawing("mobilenet", (224, 224, 3), "MobileNet v1, width 1.0", norm=True)
    x = net.conv("conv1", net.input, 32, 3, 2)
    widths = (64, 128, 128, 256, 256, *(512,) * 6, 1024, 1024)
    strides = (1, 2, 1, 2, 1, 2, *(1,) * 5, 2, 1)
    for number, (outputs, stride) in enumerate(zip(widths, strides, strict=True), start=1):
        channels = x.shape[-1]
        x = net.conv(f"depthwise{number}", x, channels, 3, stride, groups=channels)
        x = net.conv(f"pointwise{number}", x, outputs)
    net.dense("fc", net.mean(x), 1000, bias=True, norm=False)
    return net.table()


def _classifier(net: Drawing, x: Node) -> None:
    """Three dense layers, as AlexNet, ZFNet and VGG-16 have them."""
    x = net.dense("fc6", net.flatten(x), 4096)
    x = net.dense("fc7", x, 4096)
    net.dense("fc8", x, 1000)


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
    x = net.pool("maxpool", x, 3, 2, "same")
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
    x = net.pool("pool1", x, 3, 2, "same")
    x = net.conv("conv2_reduce", x, 64)
    x = net.conv("conv2", x, 192, 3)
    x = net.pool("pool2", x, 3, 2, "same")
    for name, outputs in INCEPTIONS.items():
        if name in ("4a", "5a"):
            x = net.pool(f"pool{int(name[0]) - 1}", x, 3, 2, "same")
        x = _inception(net, f"inception_{name}", x, outputs)
    net.dense("classifier", net.mean(x), 1000)
    return net.table()


def _inception(net: Drawing, name: str, x: Node, outputs: tuple[int, ...]) -> Node:
    one, reduce3, three, reduce5, five, projection = outputs
    pooled = net.pool(f"{name}/pool", x, 3, 1, "same")
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
    x = net.pool("maxpool1", x, 3, 2)
    for number, width in enumerate((16, 16, 32, 32, 48, 48, 64, 64), start=2):
        x = _fire(net, f"fire{number}", x, width)
        if number == 4:
            x = net.pool("maxpool4", x, 3, 2, "same")
        elif number == 8:
            x = net.pool("maxpool8", x, 3, 2)
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
    x = net.pool("pool0", x, 3, 2, "same")
    for block, depth in enumerate((6, 12, 24, 16), start=1):
        for layer in range(1, depth + 1):
            name = f"block{block}/layer{layer}"
            y = net.conv(f"{name}/1x1", net.norm(f"{name}/norm", x), 128, norm=True)
            y = net.conv(f"{name}/3x3", y, 32, 3)
            x = net.concat(f"{name}/concat", (x, y))
        if block < 4:
            name = f"transition{block}"
            x = net.conv(f"{name}/1x1", net.norm(f"{name}/norm", x), x.shape[-1] // 2)
            x = net.pool(f"{name}/pool", x, 2, 2, largest=False)
    net.dense("classifier", net.mean(net.norm("norm5", x)), 1000, bias=True)
    return net.table()


_DRAWN = {
    draw.__name__.replace("_", "-"): draw
    for draw in (
        *(lenet5, alexnet, zfnet, vgg16, nin, mobilenet, resnet50, resnext50, wrn28_10),
        *(googlenet, squeezenet, densenet121),
    )
}


def names() -> tuple[str, ...]:
    """Return the names of all tables, in alphabetical order."""
    return tuple(sorted(_DRAWN))


@cache
def entry(name: str) -> Table:
    """Return one table.

    Raises:
        InputError: there is none of this name.
    """
    require_one_of("network", name, names(), hint=True)
    return _DRAWN[name]()
