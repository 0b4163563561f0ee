# Sourced in the containers: counts and prints which expectations hold.
# shellcheck shell=bash

right=0 wrong=0
trap 'echo "$right right, $wrong wrong"' EXIT

# it SENTENCE COMMAND...: whether the command succeeds.
it() {
  local sentence=$1 said
  shift
  if said=$("$@" 2>&1); then
    right=$((right + 1)) && echo "ok      $sentence"
  else
    wrong=$((wrong + 1)) && echo "FAILED  $sentence" && tail -n 15 <<<"$said" | sed 's/^/            /'
  fi
}

# within SECONDS COMMAND...: succeeds as soon as the command does.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do ((SECONDS < end)) || return 1 && sleep 0.2; done
}
