#!/usr/bin/env bash
# Runs in the tree of tools, in /cross: compiles llama.cpp with the CPU variants that are named, and
# lgpio. The results are /cross/first, /cross/build and /cross/lgpio.
#
#   llama.sh PYTHON_VERSION COMPILER_PREFIX "VARIANT..."
set -euo pipefail
python=$1 prefix=$2 variants=$3
cd /cross
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1700000000}

python3 -m venv tools-venv
pip=(tools-venv/bin/python -m pip --disable-pip-version-check)
"${pip[@]}" install --no-index --find-links tools --require-hashes -r build.lock
export PATH=/cross/tools-venv/bin:$PATH CMAKE_GENERATOR=Ninja
CMAKE_BUILD_PARALLEL_LEVEL=$(nproc)
export CMAKE_BUILD_PARALLEL_LEVEL

mkdir llama lgpio
tar --extract --strip-components=1 --directory=llama --file sdist/llama_cpp_python-*.tar.gz
tar --extract --strip-components=1 --directory=lgpio --file sdist/lgpio-*.tar.gz

# shellcheck source=script/llama-variants.sh
source llama-variants.sh
# shellcheck disable=SC2086
keep_variants llama $variants
drop_common llama

cat >toolchain.cmake <<END
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER ${prefix}gcc-14)
set(CMAKE_CXX_COMPILER ${prefix}g++-14)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
END
off="-DLLAVA_BUILD=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF"
export CMAKE_ARGS="-DCMAKE_TOOLCHAIN_FILE=/cross/toolchain.cmake -DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON"
CMAKE_ARGS+=" -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON -DCMAKE_INSTALL_RPATH=\$ORIGIN $off"
_PYTHON_HOST_PLATFORM=linux-aarch64 "${pip[@]}" wheel --verbose --no-deps --no-build-isolation --no-index \
  -C wheel.py-api=py3 -C build-dir=/cross/build --wheel-dir first ./llama

cd lgpio
includes=/cross/headers/usr/include
swig -python -o lgpio_wrap.c lgpio.i
soabi=_lgpio.cpython-${python/./}-aarch64-linux-gnu.so
"${prefix}gcc-14" -O2 -shared -fPIC -I src -I "$includes/python$python" -I "$includes" -o "$soabi" \
  lgpio_wrap.c src/*.c -lpthread -lm
