# The programs in a small image:
#
#   docker build -t rwkv-tools .
#   docker run -v "$PWD:/data" rwkv-tools perplexity model.bin -f text.txt
#
# With support for NVIDIA GPUs, from NVIDIA's images (the second one brings cuBLASLt):
#
#   docker build -t rwkv-tools:cuda --build-arg BUILD=nvidia/cuda:13.0.1-devel-ubuntu24.04 \
#     --build-arg RUN=nvidia/cuda:13.0.1-runtime-ubuntu24.04 .
#   docker run --gpus all -v "$PWD:/data" rwkv-tools:cuda rwkv-run model.bin --strategy "cuda fp16" -p "Once"
ARG BUILD=debian:12-slim
ARG RUN=debian:12-slim

FROM $BUILD AS build
COPY . /source
WORKDIR /source
RUN bash -c 'source scripts/setup.sh && require_packages build' \
 && apt-get install -y --no-install-recommends dpkg-dev file \
 && cmake -S . -B /build -DCMAKE_INSTALL_PREFIX=/usr -DRWKV_TESTS=OFF -DRWKV_BENCH=OFF \
 && cmake --build /build --parallel "$(nproc)" \
 && cd /build && cpack -G DEB

FROM $RUN
COPY --from=build /build/packages/librwkv0_*.deb /build/packages/rwkv-tools_*.deb /packages/
RUN apt-get update && apt-get install -y --no-install-recommends /packages/*.deb \
 && rm -rf /packages /var/lib/apt/lists/*
WORKDIR /data
CMD ["rwkv-run", "--help"]
