# Sourced by run and test: shows a step while it works, and its log when it fails.
# shellcheck shell=bash

readonly NOT_THERE=69 # sysexits' EX_UNAVAILABLE: something needed is not there

step_process=

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

# A step is a process group of its own, so that a compiler behind pip ends with it.
stop_step() {
  if [[ -n $step_process ]]; then
    local patience=300
    kill -TERM -- "-$step_process" 2>/dev/null || true
    wait "$step_process" 2>/dev/null || true
    # The rest of the group may still be clearing up behind it.
    while ((patience-- > 0)) && kill -0 -- "-$step_process" 2>/dev/null; do sleep 0.1; done
    kill -KILL -- "-$step_process" 2>/dev/null || true
    step_process=
  fi
}

# step LABEL ADVICE COMMAND...: one line of progress with its seconds; the advice if it fails.
step() {
  local label=$1 advice=$2 log="$logs/step" status=0 began=$SECONDS
  shift 2
  [[ -t 1 ]] || printf '%s ...\n' "$label"
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
  finish_line "$label: FAILED after $((SECONDS - began)) s; the end of what it said:"
  tail -n 30 "$log" | sed 's/^/    /' >&2
  printf '\n%s did not work. %s\n' "$label" "$advice" >&2
  exit "$status"
}

watch_step() {
  local label=$1 log=$2 began=$3 shown=0 seconds
  while kill -0 "$step_process" 2>/dev/null; do
    sleep 0.3
    seconds=$((SECONDS - began))
    if [[ -t 1 ]]; then
      printf '\r\033[K%s: %s%d s' "$label" "$(portion "$log")" "$seconds"
    elif ((seconds - shown >= 15)); then
      shown=$seconds
      printf '%s: %s%d s\n' "$label" "$(portion "$log")" "$seconds"
    fi
  done
}

finish_line() {
  if [[ -t 1 ]]; then printf '\r\033[K%s\n' "$1"; else printf '%s\n' "$1"; fi
}

# The percentage of a build, from ninja's last "[12/140]" in the log; nothing for other work.
portion() {
  local last
  last=$(tail -c 20000 "$1" | grep -oE '\[[0-9]+/[0-9]+\]' | tail -n 1) || return 0
  [[ $last =~ ([0-9]+)/([0-9]+) ]] && printf '%d %%, ' $((100 * BASH_REMATCH[1] / BASH_REMATCH[2]))
}

# Stop with what is missing and what the owner does about it.
stop() {
  printf '%s\n' "$@" >&2
  exit "$NOT_THERE"
}

# Take the lock on open file 9, saying so where that means waiting.
take_lock() {
  flock --nonblock 9 && return
  echo "waiting: $1 is at work in another terminal"
  flock 9
}
