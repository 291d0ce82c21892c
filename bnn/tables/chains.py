"""Networks that are a chain of layers: LeNet-5, AlexNet, ZFNet, VGG-16, NiN and MobileNet."""

from __future__ import annotations

from bnn.tables.graph import Drawing, Node, Table


def lenet5() -> Table:
    """LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 1998.

    As it is built today: C3 reads all maps of S2, subsampling is max pooling, the output a dense
    layer.
    """
    net = Drawing("lenet5", (32, 32, 1), "LeNet-5 for MNIST padded to 32x32", bias=True)
    x = net.conv("c1", net.input, 6, 5, padding="valid")
    x = net.max_pool("s2", x, 2, 2)
    x = net.conv("c3", x, 16, 5, padding="valid")
    x = net.max_pool("s4", x, 2, 2)
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
    x = net.max_pool("pool1", x, 3, 2)
    x = net.conv("conv2", x, 256, 5, groups=2)
    x = net.max_pool("pool2", x, 3, 2)
    x = net.conv("conv3", x, 384, 3)
    x = net.conv("conv4", x, 384, 3, groups=2)
    x = net.conv("conv5", x, 256, 3, groups=2)
    x = net.max_pool("pool5", x, 3, 2)
    _classifier(net, x)
    return net.table()


def zfnet() -> Table:
    """Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014."""
    net = Drawing("zfnet", (224, 224, 3), "ZFNet, AlexNet with smaller first kernels", bias=True)
    x = net.conv("conv1", net.input, 96, 7, 2, 1)
    x = net.max_pool("pool1", x, 3, 2, "same")
    x = net.conv("conv2", x, 256, 5, 2, "valid")
    x = net.max_pool("pool2", x, 3, 2, "same")
    x = net.conv("conv3", x, 384, 3)
    x = net.conv("conv4", x, 384, 3)
    x = net.conv("conv5", x, 256, 3)
    x = net.max_pool("pool5", x, 3, 2)
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
        x = net.max_pool(f"pool{block}", x, 2, 2)
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
            x = net.max_pool("pool1", x, 3, 2, "same")
        elif block == 2:
            x = net.mean_pool("pool2", x, 3, 2, "same")
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
