"""Classifies a folder as one does with ONNX Runtime: a pool with a thread for each core decodes by Pillow and runs a picture at a time.

usage: by_onnxruntime.py FOLDER OUT.json
"""

import json
import os
import pathlib
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
from PIL import Image

MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def read(path):
    with Image.open(path) as file:
        # JPEG is decoded at a fraction of its size where that is still large enough.
        file.draft("RGB", (256, 256))
        picture = file.convert("RGB")
    width, height = picture.size
    scale = 256 / min(width, height)
    picture = picture.resize((round(width * scale), round(height * scale)), Image.BILINEAR)
    left, top = (picture.width - 224) // 2, (picture.height - 224) // 2
    pixels = np.asarray(picture.crop((left, top, left + 224, top + 224)), np.float32)
    return ((pixels / 255 - MEAN) / STD).transpose(2, 0, 1)[None]


def main():
    folder = pathlib.Path(sys.argv[1])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "net.onnx", options, providers=["CPUExecutionProvider"])
    paths = sorted((folder / "pictures").iterdir())
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        classes = list(pool.map(lambda path: int(session.run(None, {"x": read(path)})[0].argmax()), paths))
    pathlib.Path(sys.argv[2]).write_text(json.dumps(classes))


main()
