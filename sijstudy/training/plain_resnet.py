"""The ResNet of a finished network (He et al. 2016), without waiting for torchvision: that takes a second to import.

Layer by layer torchvision's, and tests hold it against that; what is trained is built by torchvision
(``model.build_model``).
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3)}
DEEP = "resnet50"  # its blocks have three convolutions


class PlainResNet(nn.Sequential):
    """``(N, channels, H, W)`` -> ``(N, 1)`` logits, its parts named as torchvision names them."""

    def __init__(self, backbone: str, channels: int, hidden_units: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        width = 64
        for stage, blocks in enumerate(BLOCKS[backbone]):
            planes, layers = 64 * 2**stage, []
            for place in range(blocks):
                layers.append(_Block(width, planes, 2 if stage and not place else 1, deep=backbone == DEEP))
                width = planes * (4 if backbone == DEEP else 1)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Sequential(nn.Linear(width, hidden_units), nn.ReLU(), nn.Linear(hidden_units, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Parts run in the order in which they are listed."""
        *body, head = self.children()
        for part in body:
            images = part(images)
        logits: Tensor = head(images.flatten(1))
        return logits


class _Block(nn.Module):
    """Two or three convolutions beside a way round them."""

    def __init__(self, inputs: int, planes: int, stride: int, *, deep: bool) -> None:
        super().__init__()
        outputs = planes * 4 if deep else planes
        steps: tuple[tuple[int, int, int, int], ...] = ((inputs, planes, 3, stride), (planes, planes, 3, 1))
        if deep:
            steps = ((inputs, planes, 1, 1), (planes, planes, 3, stride), (planes, outputs, 1, 1))
        for number, (before, after, size, step) in enumerate(steps, 1):
            setattr(self, f"conv{number}", nn.Conv2d(before, after, size, step, size // 2, bias=False))
            setattr(self, f"bn{number}", nn.BatchNorm2d(after))
        self.count = len(steps)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, images: Tensor) -> Tensor:
        result = images
        for number in range(1, self.count + 1):
            result = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(result))
            if number < self.count:
                result = self.relu(result)
        result += images if self.downsample is None else self.downsample(images)
        return cast(Tensor, self.relu(result))
