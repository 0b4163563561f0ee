# Sourced by setup.sh: finds and installs missing system packages, by testing what they provide.
# shellcheck shell=bash

# need PACKAGE COMMAND...: records the package as missing unless the command succeeds.
need() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}

has_library() { PATH=$PATH:/sbin:/usr/sbin ldconfig -p | grep -F "$1"; } # no -q: pipefail
has_program() { PATH=$PATH:/sbin:/usr/sbin command -v "$1"; }

# has_file FOLDER PATTERN: the folder's name may contain any character.
has_file() { (cd "$1" 2>/dev/null && compgen -G "$2"); } >/dev/null

needs_to_run() {
  # Debian has venv in a separate package; a Python that the owner built includes it.
  [[ -x $venv/bin/python ]] || need "python${python_version}-venv" "$python" -c 'import venv, ensurepip'
  need libportaudio2 has_library libportaudio.so.2
  need libgomp1 has_library libgomp.so.1
}

# As a service: signed bundles are verified with it.
needs_to_serve() { need openssl has_program openssl; }

needs_to_build() { llama_at_hand || need g++ has_program g++; }

# Some Debian-like systems have none as a package; the tests of the page are then skipped.
has_browser() {
  has_program chromium || has_program chromium-browser || has_program google-chrome ||
    ! apt-cache show chromium
} >/dev/null 2>&1

needs_to_test() {
  needs_to_build
  need mosquitto has_program mosquitto
  need mosquitto-clients has_program mosquitto_sub
  need pulseaudio has_program pulseaudio
  need pulseaudio-utils has_program pactl
  need libasound2-plugins has_file /usr/lib '*/alsa-lib/libasound_module_pcm_pulse.so'
  need espeak-ng has_program espeak-ng
  need openssl has_program openssl
  need openssh-client has_program ssh-keygen
  need systemd has_program systemd-analyze
  need iproute2 has_program ip
  need e2fsprogs has_program mkfs.ext4
  need chromium has_browser
  need libfaketime has_file /usr/lib '*/faketime/libfaketime.so.1'
}

# Install the missing packages; if not root, print the command that does it.
system_packages() {
  local missing=() what
  for what in "$@"; do "needs_to_$what"; done
  ((${#missing[@]})) || return 0
  if ! has_program apt-get >/dev/null; then
    stop "These Debian packages are missing: ${missing[*]}" "Install their equivalents, then run this again."
  fi
  if (($(id -u) != 0)); then
    stop "These system packages are missing: ${missing[*]}" "Run this command, then this script again:" "" \
      "    sudo apt-get install -y ${missing[*]}" ""
  fi
  step "system packages (${missing[*]})" \
    "Is there a network? Try: apt-get update && apt-get install ${missing[*]}" \
    install_packages "${missing[@]}"
  # apt-get may succeed and install nothing that is needed, for example with a package on hold.
  local asked="${missing[*]}"
  missing=()
  for what in "$@"; do "needs_to_$what"; done
  ((${#missing[@]} == 0)) ||
    stop "apt-get installed $asked, but these are still missing: ${missing[*]}" "See: apt-cache policy ${missing[*]}"
}

install_packages() {
  local apt=(apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2)
  local install=("${apt[@]}" install -y --no-install-recommends "$@")
  export DEBIAN_FRONTEND=noninteractive
  "${install[@]}" || { "${apt[@]}" update && "${install[@]}"; }
  # The tests start brokers of their own; the one of the package is not needed.
  if [[ " $* " == *" mosquitto "* && -d /run/systemd/system ]]; then
    systemctl disable --now mosquitto
  fi
}
