"""Makes what is measured: pictures, a network as an ONNX file and as PyTorch's weights, and how pictures become its input.

usage: make.py FOLDER PICTURES ROOT
"""

import json
import pathlib
import sys

import torch
import torchvision
from PIL import Image

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def main():
    folder, count, root = pathlib.Path(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])
    pictures = folder / "pictures"
    pictures.mkdir()
    photo = Image.open(root / "tests/pictures/files/photos/coffee.jpg").convert("RGB")
    width, height = photo.size
    # Parts of a photograph, each another one, as cameras have them: 4:3, JPEG of quality 90.
    for index in range(count):
        left, top = index * 37 % (width // 4), index * 53 % (height // 4)
        part = photo.crop((left, top, left + 3 * width // 4, top + 9 * width // 16))
        part.resize((640, 480), Image.BICUBIC).save(pictures / f"{index:05}.jpg", quality=90)
    torch.manual_seed(1)
    model = torchvision.models.mobilenet_v2(weights=None).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, (2 / parameter[0].numel()) ** 0.5)
    torch.save(model.state_dict(), folder / "weights.pt")
    x = torch.zeros(1, 3, 224, 224)
    axes = {"x": {0: "batch"}}
    torch.onnx.export(model, (x,), folder / "net.onnx", dynamo=False, opset_version=17, input_names=["x"], dynamic_axes=axes)
    steps = {"resize": 256, "crop": 224, "interpolation": "bilinear", "mean": MEAN, "std": STD}
    (folder / "steps.json").write_text(json.dumps(steps))


main()
