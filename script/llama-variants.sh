# Sourced where llama.cpp is compiled for more processors than one: for a bundle and for the image.
# shellcheck shell=bash

# keep_variants SOURCE NAME...: ggml would build a library for each of many kinds of processor; keep
# the named ones in the source of llama-cpp-python that is unpacked in SOURCE.
keep_variants() {
  local list=$1/vendor/llama.cpp/ggml/src/CMakeLists.txt name
  shift
  for name in "$@"; do
    grep -q "ggml_add_cpu_backend_variant(${name}[ )]" "$list" || { echo "ggml has no variant $name" >&2 && return 1; }
  done
  local -r IFS='|'
  sed -i -E "/ggml_add_cpu_backend_variant\(($*)[ )]/b; /^ +ggml_add_cpu_backend_variant\(/d" "$list"
}

# drop_common SOURCE: the library of llama.cpp's tools is of no use to the binding, and a third of the work.
drop_common() { sed -i 's/LLAMA_BUILD_COMMON ON CACHE/LLAMA_BUILD_COMMON OFF CACHE/' "$1/CMakeLists.txt"; }
