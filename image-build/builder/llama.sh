#!/usr/bin/env bash
# Runs in the tree of tools, in /work: compiles llama.cpp with the CPU variants that are named, and
# lgpio. The results are /work/wheels.
#
#   llama.sh PYTHON_VERSION COMPILER_PREFIX "VARIANT..."
set -euo pipefail
python=$1 prefix=$2 variants=$3
cd /work
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1700000000}

python3 -m venv tools-venv
pip=(tools-venv/bin/python -m pip --disable-pip-version-check)
"${pip[@]}" install --no-index --find-links tools --require-hashes -r build.lock
export PATH=/work/tools-venv/bin:$PATH CMAKE_GENERATOR=Ninja
CMAKE_BUILD_PARALLEL_LEVEL=$(nproc)
export CMAKE_BUILD_PARALLEL_LEVEL

mkdir llama lgpio wheels
tar --extract --strip-components=1 --directory=llama --file sdist/llama_cpp_python-*.tar.gz
tar --extract --strip-components=1 --directory=lgpio --file sdist/lgpio-*.tar.gz

# ggml would build eight variants; the others serve processors that no board of ours has.
list=llama/vendor/llama.cpp/ggml/src/CMakeLists.txt
for variant in $variants; do
  grep -q "ggml_add_cpu_backend_variant($variant[ )]" "$list" || { echo "ggml has no variant $variant" >&2 && exit 1; }
done
sed -i -E "/ggml_add_cpu_backend_variant\((${variants// /|})[ )]/b; /^ +ggml_add_cpu_backend_variant\(/d" "$list"

cat >toolchain.cmake <<END
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER ${prefix}gcc-14)
set(CMAKE_CXX_COMPILER ${prefix}g++-14)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
END
off="-DLLAVA_BUILD=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF"
export CMAKE_ARGS="-DCMAKE_TOOLCHAIN_FILE=/work/toolchain.cmake -DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON $off"
_PYTHON_HOST_PLATFORM=linux-aarch64 "${pip[@]}" wheel --verbose --no-deps --no-build-isolation --no-index \
  -C wheel.py-api=py3 -C build-dir=/work/build --wheel-dir first ./llama

# The wheel has the libraries up to three times over, and lacks the variants.
python3 - "$variants" <<'END'
import pathlib, sys, zipfile
source = next(pathlib.Path("first").glob("*.whl"))
variants = {f"libggml-cpu-{name}.so" for name in sys.argv[1].split()}
with zipfile.ZipFile(source) as old, zipfile.ZipFile(f"wheels/{source.name}", "w", zipfile.ZIP_DEFLATED) as new:
    for item in old.infolist():
        name = item.filename
        top = name.split("/")[0]
        if top != "llama_cpp" and not top.endswith(".dist-info"):
            continue
        if name.endswith("/RECORD"):
            continue  # made anew when it is installed
        if "/lib/" in name and (".so." in name or pathlib.Path(name).name in variants):
            continue
        new.writestr(item, old.read(name))
    for path in sorted(pathlib.Path("build").rglob("libggml-cpu-*.so")):
        if path.name in variants:
            item = zipfile.ZipInfo(f"llama_cpp/lib/{path.name}")
            item.external_attr, item.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            new.writestr(item, path.read_bytes())
            variants.discard(path.name)
if variants:
    sys.exit(f"these were not built: {variants}")
END

cd lgpio
includes=/work/headers/usr/include
swig -python -o lgpio_wrap.c lgpio.i
soabi=_lgpio.cpython-${python/./}-aarch64-linux-gnu.so
"${prefix}gcc-14" -O2 -shared -fPIC -I src -I "$includes/python$python" -I "$includes" -o "$soabi" \
  lgpio_wrap.c src/*.c -lpthread -lm
version=$(sed -n 's/^Version: *//p' PKG-INFO | head -n 1)
info=lgpio-$version.dist-info
mkdir "$info" && cp PKG-INFO "$info/METADATA"
printf 'Wheel-Version: 1.0\nGenerator: image-build\nRoot-Is-Purelib: false\nTag: cp%s-cp%s-linux_aarch64\n' \
  "${python/./}" "${python/./}" >"$info/WHEEL"
python3 - "../wheels/lgpio-$version-cp${python/./}-cp${python/./}-linux_aarch64.whl" lgpio.py "$soabi" "$info"/* <<'END'
import pathlib, sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as wheel:
    for name in sys.argv[2:]:
        wheel.writestr(zipfile.ZipInfo(name), pathlib.Path(name).read_bytes(), zipfile.ZIP_DEFLATED)
END
