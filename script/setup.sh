# Sourced by run, test and install: makes a `.venv` with the appliance on a Debian-like machine.
# shellcheck shell=bash

# shellcheck source=script/lib.sh
source "$root/script/lib.sh"
# shellcheck source=script/system-packages.sh
source "$root/script/system-packages.sh"
# shellcheck source=script/llama.sh
source "$root/script/llama.sh"

# A checkout that cannot be written has its environment in the user's cache.
venv_of_checkout() {
  if [[ -w $root ]]; then
    printf '%s/.venv' "$root"
  else
    printf '%s/environment-%s' "$cache" "$(printf '%s' "$root" | sha256sum | head -c 12)"
  fi
}

readonly venv="${venv:-$(venv_of_checkout)}" # script/install names another
proxy=${https_proxy-${HTTPS_PROXY-${ALL_PROXY-}}}
readonly network="Is there a network${proxy:+, and is the proxy $proxy right}? Run the same command again: it continues where it stopped."

# set_up run | set_up run test: installs everything that is missing, except the models. To run, the
# engine of the language model is not waited for: script/run builds it behind the appliance.
set_up() {
  local lock="$root/script/requirements.lock" engine=later
  [[ " $* " == *" test "* ]] && lock="$root/script/requirements-test.lock" engine=now
  find_python
  exec 9<"$root"
  take_lock "another set-up of this folder"
  start_steps
  system_packages "$@"
  if ! is_ready "${@: -1}"; then
    make_venv
    # Compiled when they are first used: most of them never are.
    step "Python packages" "$network" install_requirements "$lock" --no-compile
    step "the appliance itself" "See the lines above." install_appliance
    local part
    for part in "$@"; do fingerprint >"$venv/ready-for-$part"; done
  fi
  if [[ $engine == now ]] || { llama_at_hand && ! llama_installed; }; then install_llama; fi
  exec 9<&-
}

# Finds a Python of at least 3.11: sets $python and $python_version.
find_python() {
  local name
  for name in "$venv/bin/python" python3 python3.{14,13,12,11}; do
    python=$(command -v "$name") || continue
    python_version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2]
      if sys.version_info >= (3, 11) else "")' 2>/dev/null) || continue
    [[ -z $python_version ]] || return 0
  done
  stop "Python 3.11 or later is required, but not installed." \
    "On Debian 12, Raspberry Pi OS 12 or later: sudo apt-get install -y python3 python3-venv"
}

# What .venv was made from; if it differs from the stored one, .venv is updated.
fingerprint() {
  echo "$root $python_version $(uname -m)"
  (cd "$root" && sha256sum script/*.lock pyproject.toml)
}

is_ready() {
  [[ -x $venv/bin/appliance && $(fingerprint) == "$(cat "$venv/ready-for-$1" 2>/dev/null)" ]]
}

# Makes .venv; also if it was copied from another folder or its Python was removed.
make_venv() {
  local check='import sys, pip; sys.exit(sys.prefix != sys.argv[1])'
  "$venv/bin/python" -c "$check" "$venv" 2>/dev/null && return
  [[ $venv != "$cache"/* ]] || make_cache
  rm -rf "$venv"
  find_python
  [[ $(uname -m) != armv[67]l ]] || stop "A 64-bit operating system is required; this one is 32-bit."
  step ".venv with Python $python_version" "See the lines above." "$python" -m venv "$venv"
}

# The settings by which pip reaches its index. All others, in files and in the environment, are left
# out, because they could install elsewhere or something else: user, target, prefix, constraint...
pip_settings() {
  "$venv/bin/python" -m pip config list 2>/dev/null | "$venv/bin/python" -c '
import ast, sys
KEPT = """cache-dir cert client-cert default-timeout extra-index-url find-links index-url
keyring-provider no-cache-dir no-index proxy retries timeout trusted-host""".split()
for line in sys.stdin:
    key, _, value = line.rstrip("\n").partition("=")
    name = key.rpartition(".")[2]
    if name in KEPT:
        sys.stdout.write(f"PIP_{name.upper().replace(chr(45), chr(95))}={ast.literal_eval(value)}\0")'
}

# run_pip PYTHON ARGUMENTS...: pip with its connection settings only.
run_pip() {
  local python=$1 command=(env -u PYTHONPATH -u PYTHONHOME) name
  shift
  [[ -v connection ]] || mapfile -d '' -t connection < <(pip_settings)
  for name in "${!PIP_@}"; do command+=(-u "$name"); done
  "${command[@]}" PIP_CONFIG_FILE=/dev/null ${connection[@]+"${connection[@]}"} \
    "$python" -m pip "$@" --disable-pip-version-check --no-input --progress-bar off
}

# It downloads into .venv, because /tmp may be in memory.
pip_install() {
  mkdir -p "$venv/tmp"
  TMPDIR="$venv/tmp" run_pip "$venv/bin/python" install "$@"
}

# The lock names every package, so pip need not look for more.
install_requirements() {
  pip_install --require-hashes --no-deps --only-binary :all: --requirement "$@"
}

install_appliance() {
  if [[ -w $root ]]; then
    pip_install --no-deps --no-build-isolation --editable "$root"
  else
    install_copy
  fi
}

# A copy of the package, not a link: the checkout cannot be written, or may be deleted.
install_copy() {
  local copy=$venv/tmp/source
  mkdir -p "$copy"
  cp -r "$root"/{appliance,config.toml,pyproject.toml,README.md,LICENSE,THIRD-PARTY-NOTICES.md} "$copy"
  pip_install --no-deps --no-build-isolation "$copy"
  rm -rf "$copy"
}

# pull_models NAME...: the named models, otherwise those in the configuration.
pull_models() { "$venv/bin/python" -m appliance models pull "$@" </dev/null; }
