"""Classifies a folder as one does with PyTorch: a DataLoader with a process for each core decodes, the model runs batches on all cores.

Batches of 4, because those of 1, 8 and 32 took longer.

usage: by_torch.py FOLDER OUT.json
"""

import json
import os
import pathlib
import sys

import torch
import torchvision
from PIL import Image
from torchvision.transforms import v2 as transforms


class Pictures(torch.utils.data.Dataset):
    def __init__(self, folder):
        self.paths = sorted((folder / "pictures").iterdir())
        self.steps = transforms.Compose([
            transforms.PILToTensor(),
            transforms.Resize(256, antialias=True),
            transforms.CenterCrop(224),
            transforms.ToDtype(torch.float32, scale=True),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ])  # fmt: skip

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.steps(Image.open(self.paths[index]).convert("RGB"))


def main():
    folder = pathlib.Path(sys.argv[1])
    model = torchvision.models.mobilenet_v2(weights=None).eval()
    model.load_state_dict(torch.load(folder / "weights.pt"))
    loader = torch.utils.data.DataLoader(Pictures(folder), batch_size=4, num_workers=len(os.sched_getaffinity(0)))
    classes = []
    with torch.inference_mode():
        for batch in loader:
            classes += model(batch).argmax(1).tolist()
    pathlib.Path(sys.argv[2]).write_text(json.dumps(classes))


main()
