# Sourced by run, test and install: runs a step with a progress line, and prints its log if it fails.
# shellcheck shell=bash

readonly NOT_THERE=69 # EX_UNAVAILABLE of sysexits: something required is missing

readonly cache=${XDG_CACHE_HOME:-~/.cache}/appliance

step_process=
behind= # the process behind which steps run, if there is one: they end with it

# shellcheck disable=SC2064
start_steps() {
  logs=$(mktemp -d)
  trap "trap '' INT TERM; stop_step; rm -rf '$logs'" EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

end_steps() {
  trap - EXIT INT TERM
  rm -rf "$logs"
}

# A step is a process group of its own, so that a compiler that pip started is stopped with it.
stop_step() {
  if [[ -n $step_process ]]; then
    local tries=300
    kill -TERM -- "-$step_process" 2>/dev/null || true
    wait "$step_process" 2>/dev/null || true
    # Other processes of the group may still be cleaning up.
    while ((tries-- > 0)) && kill -0 -- "-$step_process" 2>/dev/null; do sleep 0.1; done
    kill -KILL -- "-$step_process" 2>/dev/null || true
    step_process=
  fi
}

# step LABEL ADVICE COMMAND...: runs it with a progress line; prints the advice if it fails.
step() {
  local label=$1 advice=$2 log="$logs/step" status=0 began=$SECONDS
  shift 2
  on_terminal || printf '%s ...\n' "$label"
  set -m
  "$@" >"$log" 2>&1 </dev/null 8>&- 9<&- &
  step_process=$!
  set +m
  watch_step "$label" "$log" "$began"
  wait "$step_process" || status=$?
  step_process=
  if ((status == 0)); then
    finish_line "$label: done in $((SECONDS - began)) s"
    return
  fi
  finish_line "$label: FAILED after $((SECONDS - began)) s; the end of its output:"
  tail -n 30 "$log" | sed 's/^/    /' >&2
  printf '\n%s failed. %s\n' "$label" "$advice" >&2
  exit "$status"
}

# Whether a line can be written over. Behind an appliance it cannot, because that writes, too.
on_terminal() { [[ -t 1 && -z $behind ]]; }

watch_step() {
  local label=$1 log=$2 began=$3 shown=0 seconds
  while kill -0 "$step_process" 2>/dev/null; do
    sleep 0.3
    [[ -z $behind ]] || kill -0 "$behind" 2>/dev/null || exit 0
    seconds=$((SECONDS - began))
    if on_terminal; then
      printf '\r\033[K%s: %s%d s' "$label" "$(portion "$log")" "$seconds"
    elif ((seconds - shown >= (${#behind} ? 60 : 15))); then
      shown=$seconds
      printf '%s: %s%d s\n' "$label" "$(portion "$log")" "$seconds"
    fi
  done
}

finish_line() {
  if on_terminal; then printf '\r\033[K%s\n' "$1"; else printf '%s\n' "$1"; fi
}

# The percentage of a build, from ninja's last "[12/140]" in the log; empty for other steps.
portion() {
  local last
  last=$(tail -c 20000 "$1" | grep -oE '\[[0-9]+/[0-9]+\]' | tail -n 1) || return 0
  [[ $last =~ ([0-9]+)/([0-9]+) ]] && printf '%d %%, ' $((100 * BASH_REMATCH[1] / BASH_REMATCH[2]))
}

# stop LINE...: print what is missing and what the owner should do, then exit.
stop() {
  printf '%s\n' "$@" >&2
  exit "$NOT_THERE"
}

# make_cache: the user's cache; says so if it belongs to somebody else, as after `sudo -E`.
make_cache() {
  mkdir -p "$cache" 2>/dev/null && [[ -w $cache ]] ||
    stop "$cache cannot be written by $(id -un)." "Set HOME to your own folder, or XDG_CACHE_HOME to another one."
}

# take_lock WHO: take the lock on file descriptor 9; print a line if that means waiting.
take_lock() {
  flock --nonblock 9 && return
  echo "waiting: $1 is running in another terminal"
  flock 9
}
