# The programs in a small image: docker build -t rwkv-tools . && docker run -v "$PWD:/data" rwkv-tools perplexity model.bin -f text.txt
FROM debian:12-slim AS build
COPY . /source
WORKDIR /source
RUN bash -c 'source scripts/setup.sh && require_packages build' \
 && apt-get install -y --no-install-recommends dpkg-dev file \
 && cmake -S . -B /build -DCMAKE_INSTALL_PREFIX=/usr -DRWKV_TESTS=OFF -DRWKV_BENCH=OFF \
 && cmake --build /build --parallel "$(nproc)" \
 && cd /build && cpack -G DEB

FROM debian:12-slim
COPY --from=build /build/packages/librwkv0_*.deb /build/packages/rwkv-tools_*.deb /packages/
RUN apt-get update && apt-get install -y --no-install-recommends /packages/*.deb \
 && rm -rf /packages /var/lib/apt/lists/*
WORKDIR /data
CMD ["rwkv-run", "--help"]
