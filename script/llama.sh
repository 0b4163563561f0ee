# Sourced by setup.sh. The engine of the language model, llama.cpp: there are no wheels of
# llama-cpp-python, so it is compiled once for each kind of processor. The wheel is kept in the
# user's cache, where the next checkout finds it.
# shellcheck shell=bash

readonly wheels=$cache/wheels
readonly llama_lock="$root/script/llama-cpp-python.lock"

llama_version() { sed -n 's/^llama-cpp-python==\([^ ]*\).*/\1/p' "$llama_lock"; }

# The build uses all instructions of this processor, so the key has everything that they depend on.
llama_folder() {
  local key
  key=$({
    cat "$llama_lock"
    uname -m
    getconf GNU_LIBC_VERSION
    grep -m 1 -E '^(flags|Features)' /proc/cpuinfo |
      grep -oE '\b(sse[^ ]*|ssse3|avx[^ ]*|amx[^ ]*|fma|f16c|bmi[12]|asimd[^ ]*|fphp|sve[^ ]*|sme[^ ]*|i8mm|bf16)\b'
    grep -m 1 -E '^CPU part' /proc/cpuinfo || true
  } | sha256sum)
  printf '%s/llama-cpp-python-%s-%s-%s' "$wheels" "$(llama_version)" "$(uname -m)" "${key:0:12}"
}

llama_installed() {
  has_file "$venv/lib" "python3.*/site-packages/llama_cpp_python-$(llama_version).dist-info/RECORD"
}

llama_at_hand() { llama_installed || has_file "$(llama_folder)" "*.whl"; }

install_llama() {
  local folder
  folder=$(llama_folder)
  llama_installed && return
  make_cache
  mkdir -p "$wheels"
  exec 8>"$wheels/.lock"
  flock --nonblock 8 || {
    echo "waiting: another set-up is compiling llama.cpp"
    flock 8
  }
  if ! has_file "$folder" "*.whl"; then
    step "llama.cpp, compiled once for this processor (4 to 20 minutes)" \
      "Is there enough memory and disk space? The complete log: $wheels/build.log" build_llama "$folder"
  fi
  exec 8>&-
  step "llama-cpp-python $(llama_version)" "See the lines above." \
    pip_install --no-deps --no-index "$folder"/*.whl
}

# build_llama_behind: builds and installs it while the appliance runs that takes the place of this
# process, and stops together with that. The appliance notices by itself when it is there.
build_llama_behind() {
  (
    behind=$$
    exec </dev/null 9<&-
    renice -n 19 "$BASHPID" >/dev/null 2>&1 || true
    start_steps
    if (($(id -u) != 0)) && ! { llama_at_hand || has_program g++; } >/dev/null; then
      echo "language model: its engine needs a compiler. Run: sudo apt-get install -y g++; then this script again."
      exit 0
    fi
    system_packages build
    install_llama
    echo "language model: its engine is installed; the running appliance uses it within seconds."
  ) &
}

# build_llama FOLDER [ARCHITECTURE]: builds in a temporary folder, which the subshell deletes at its
# end; then moves the wheel. With an architecture: for all of its processors (llama-portable.sh).
build_llama() (
  set -o pipefail
  find "$wheels" -maxdepth 1 -name 'building.*' -exec rm -rf {} + # left by a power cut
  work=$(mktemp -d "$wheels/building.XXXXXX") || exit
  trap 'rm -rf "$work"' EXIT
  trap 'exit 143' TERM
  export TMPDIR=$work # /tmp may be in memory and too small
  local compile=(compile_llama "$work")
  (($# < 2)) || compile=(compile_portable_llama "$work" "$2")
  { make_tools "$work" && "${compile[@]}" && mkdir -p "$1" && mv "$work"/wheel/*.whl "$1/"; } 2>&1 |
    tee "$wheels/build.log"
)

make_tools() {
  "$venv/bin/python" -m venv "$1/tools" &&
    run_pip "$1/tools/bin/python" install --require-hashes --only-binary :all: \
      --requirement "$root/script/build.lock"
}

readonly without="-DLLAVA_BUILD=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
-DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_CURL=OFF"

compile_llama() {
  PATH=$1/tools/bin:$PATH CMAKE_GENERATOR=Ninja CMAKE_BUILD_PARALLEL_LEVEL=$(jobs_that_fit) \
    CMAKE_ARGS=$without run_pip "$1/tools/bin/python" wheel --verbose --no-deps \
    --no-build-isolation --no-cache-dir --require-hashes --requirement "$llama_lock" \
    --wheel-dir "$1/wheel"
}

# Parallel compiler jobs: one per core, but 1 GB of memory for each.
jobs_that_fit() {
  local cores gigabytes
  cores=$(nproc)
  gigabytes=$(($(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1000000))
  echo $((gigabytes < 1 ? 1 : gigabytes < cores ? gigabytes : cores))
}
