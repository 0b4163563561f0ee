# Sourced by bundle. One wheel of llama-cpp-python for every processor of an architecture: it has a
# library for each kind, and llama.cpp takes the best one that the processor can run when it starts.
# shellcheck shell=bash

# shellcheck source=script/llama-variants.sh
source "$root/script/llama-variants.sh"

# The kinds of processor. arm64: Cortex-A72 (Raspberry Pi 4; any 64-bit ARM) and Cortex-A76 (Raspberry
# Pi 5). amd64: any, and those with AVX2.
processors_of() { if [[ $1 == arm64 ]]; then echo armv8.0_1 armv8.2_2; else echo x64 haswell; fi; }

machine_of() { if [[ $1 == arm64 ]]; then echo aarch64; else echo x86_64; fi; }

compiler_prefix() { [[ $(uname -m) == "$(machine_of "$1")" ]] || printf '%s-linux-gnu-' "$(machine_of "$1")"; }

portable_llama_folder() {
  local key
  key=$({
    cat "$llama_lock" "$root"/script/{build.lock,llama-portable.sh,llama-variants.sh}
    "$(compiler_prefix "$1")g++" --version
    getconf GNU_LIBC_VERSION
  } | sha256sum)
  printf '%s/llama-cpp-python-%s-%s-portable-%s' "$wheels" "$(llama_version)" "$1" "${key:0:12}"
}

# compile_portable_llama WORK ARCHITECTURE: as compile_llama.
compile_portable_llama() {
  local work=$1 prefix pip=("$1/tools/bin/python" -m pip) arguments
  prefix=$(compiler_prefix "$2")
  export PATH=$work/tools/bin:$PATH CMAKE_GENERATOR=Ninja CMAKE_BUILD_PARALLEL_LEVEL
  CMAKE_BUILD_PARALLEL_LEVEL=$(jobs_that_fit)
  run_pip "$work/tools/bin/python" download --no-deps --no-build-isolation --no-binary :all: \
    --require-hashes --requirement "$llama_lock" --dest "$work/sdist" || return
  mkdir "$work/source" && tar -xf "$work"/sdist/*.tar.gz --strip-components=1 -C "$work/source" || return
  # shellcheck disable=SC2046
  keep_variants "$work/source" $(processors_of "$2") && drop_common "$work/source" || return
  # Without a version in the libraries' names there are no links, which a wheel cannot hold.
  arguments="$without -DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON"
  arguments+=" -DCMAKE_PLATFORM_NO_VERSIONED_SONAME=ON"
  arguments+=" -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON -DCMAKE_INSTALL_RPATH=\$ORIGIN"
  if [[ -n $prefix ]]; then
    cat >"$work/toolchain.cmake" <<TOOLCHAIN
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR $(machine_of "$2"))
set(CMAKE_C_COMPILER ${prefix}gcc)
set(CMAKE_CXX_COMPILER ${prefix}g++)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
TOOLCHAIN
    arguments+=" -DCMAKE_TOOLCHAIN_FILE=$work/toolchain.cmake"
  fi
  CMAKE_ARGS=$arguments _PYTHON_HOST_PLATFORM=linux-$(machine_of "$2") \
    run_pip "$work/tools/bin/python" wheel --verbose --no-deps --no-build-isolation --no-index \
    --config-settings wheel.py-api=py3 --config-settings "build-dir=$work/build" \
    --wheel-dir "$work/first" "$work/source" || return
  mkdir "$work/wheel" && pack_portable_llama "$work" "$2"
}

# Adds the processors' libraries, which its installation leaves out, and drops what the binding does
# not read.
pack_portable_llama() {
  PYTHONPATH=$root/image-build "$1/tools/bin/python" - "$1" $(processors_of "$2") <<'PYTHON'
import re, sys
from pathlib import Path

from builder import wheelfile

work, *processors = sys.argv[1:]
(built,) = Path(work, "first").glob("*.whl")
wanted = re.compile(r"llama_cpp/(?!.*/libggml-cpu-)|[^/]+\.dist-info/(?!RECORD$)")
files = {name: content for name, content in wheelfile.read(built).items() if wanted.match(name)}
for processor in processors:
    (library,) = Path(work, "build").rglob(f"libggml-cpu-{processor}.so")
    files[f"llama_cpp/lib/{library.name}"] = library.read_bytes()
info = next(name.split("/")[0] for name in files if name.endswith(".dist-info/METADATA"))
wheelfile.write(Path(work, "wheel", built.name), files, info)
PYTHON
}
