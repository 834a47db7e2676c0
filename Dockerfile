# The study with all its packages, for machines without a network: built where there is one, carried as a file
# (docs/INSTALL.md). It holds no patient's data and no weights but the package's own.
FROM python:3.11-slim-bookworm AS build
WORKDIR /opt/sijstudy
COPY . .
# --secret id=pip,src=pip.conf hands over the build machine's settings of pip, and leaves them out of the image.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python -m venv .venv \
    && UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1 .venv/bin/python tools/install.py requirements.lock

FROM python:3.11-slim-bookworm
COPY --from=build /opt/sijstudy /opt/sijstudy
# The image has no git to ask: --build-arg COMMIT="$(git rev-parse HEAD)" lets reports name the commit.
ARG COMMIT=""
# HOME: whoever runs it may have none here. Nothing is written into /opt.
ENV PATH=/opt/sijstudy/.venv/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 SIJSTUDY_COMMIT=$COMMIT
RUN useradd --uid 1000 --create-home study && mkdir /study && chown study /study
USER 1000
# One folder from outside holds everything that a run reads and makes; the notebooks are always those of the image.
WORKDIR /study
VOLUME /study
ENTRYPOINT ["/bin/sh", "-c", "mkdir -p data runs reports data_manifest && ln -sfn /opt/sijstudy/notebooks notebooks && exec sijstudy \"$@\"", "sijstudy"]
CMD ["--help"]
