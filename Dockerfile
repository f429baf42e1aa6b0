# The image of every task on a cluster, and of Beam's workers. Built and tried by ci/image.sh.
#
#   podman build --tag tfx-contrastive:0.2.0 .
#
# TFX 1.21 needs glibc 2.39: Debian 13 or newer, Ubuntu 24.04 or newer.
ARG BASE=docker.io/library/debian:trixie-slim

FROM ${BASE} AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        build-essential ca-certificates python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/tools && /opt/tools/bin/pip install --no-cache-dir uv==0.13.9
# The authorities of the base image, which may have a private one.
ENV UV_LINK_MODE=copy UV_NO_CACHE=1 UV_SYSTEM_CERTS=1
WORKDIR /src
# Dependencies first: a change of the code builds one small layer.
COPY setup.py README.md LICENSE ./
COPY tfx_contrastive/__init__.py tfx_contrastive/
COPY requirements/py313.txt requirements/
RUN python3 -m venv --without-pip /opt/venv \
    && /opt/tools/bin/uv pip compile setup.py --extra kubeflow --constraints requirements/py313.txt \
        --python /opt/venv/bin/python --no-header --quiet --output-file /opt/venv/runtime.txt \
    && /opt/tools/bin/uv pip sync --python /opt/venv/bin/python /opt/venv/runtime.txt
COPY pyproject.toml ./
COPY tfx_contrastive tfx_contrastive
COPY pipeline pipeline
COPY consumers consumers
COPY components components
COPY contract contract
COPY trainer_module trainer_module
RUN /opt/tools/bin/uv pip install --python /opt/venv/bin/python --no-deps .

FROM ${BASE}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libgomp1 libstdc++6 python3 \
    && rm -rf /var/lib/apt/lists/*
# KFP's launcher runs as the container's user and copies artifacts to these directories.
RUN useradd --uid 1000 --create-home runner \
    && mkdir /minio /s3 /gcs /mnt/tfx-contrastive \
    && chown runner:runner /minio /s3 /gcs /mnt/tfx-contrastive
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=2
USER 1000:1000
WORKDIR /home/runner
CMD ["tfx-contrastive", "--help"]
