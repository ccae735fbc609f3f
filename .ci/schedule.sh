# Runs steps side by side. .ci/run sources this file, declares its steps and calls run_steps.
#
# A step is a function. It may return $skipped if this machine cannot run it. Its output goes to target/ci/logs/STEP.log and is
# printed when it ends, so that the output of two steps does not mix.

steps=()              # the names of all steps, in the order in which they start
declare -A needs=()   # step -> the steps that must have ended before, separated by spaces
declare -A uses=()    # step -> a resource that only one running step may use
declare -A result=()  # step -> "ok", "LEFT OUT", "FAILED"; not set while it waits or runs
declare -A process=() # running step -> its process id
declare -A started=() # step -> the value of SECONDS at its start
declare -A seconds=() # ended step -> how long it took

# step NAME [needs=NAME,...] [uses=RESOURCE]
step() {
  local name=$1 option
  [[ " ${steps[*]} " != *" $name "* ]] || { echo "step $name is declared twice" >&2; exit 1; }
  steps+=("$name")
  shift
  for option; do
    case $option in
      needs=*) needs[$name]=$(tr , ' ' <<<"${option#needs=}") ;;
      uses=*) uses[$name]=${option#uses=} ;;
      *) echo "unknown option of step $name: $option" && exit 1 ;;
    esac
  done
}

# with_needs STEP...: these steps and the steps that they need, in the order of their start.
with_needs() {
  local -A wanted
  local queue=("$@") name
  while [[ ${#queue[@]} -gt 0 ]]; do
    name=${queue[0]}
    queue=("${queue[@]:1}")
    [[ " ${steps[*]} " == *" $name "* ]] || { echo "there is no step $name; .ci/run --list prints them" >&2; return 1; }
    wanted[$name]=1
    # shellcheck disable=SC2206
    queue+=(${needs[$name]:-})
  done
  for name in "${steps[@]}"; do
    [[ -z ${wanted[$name]:-} ]] || echo "$name"
  done
}

# can_start STEP: whether everything that it needs has ended and its resource is free. Fails a step whose need has failed.
can_start() {
  local name=$1 other
  for other in ${needs[$name]:-}; do
    [[ -n ${result[$other]:-} ]] || return 1
    if [[ ${result[$other]} == FAILED ]]; then
      result[$name]=FAILED seconds[$name]=0
      echo "--- $name: FAILED, because $other failed"
      return 1
    fi
  done
  for other in "${!process[@]}"; do
    [[ -z ${uses[$name]:-} || ${uses[$name]} != "${uses[$other]:-}" ]] || return 1
  done
  return 0
}

start_step() {
  local name=$1
  started[$name]=$SECONDS
  # A subshell with `set -e`, and not `if step`: there bash would ignore `set -e`. `set -m` gives it a process group of its own.
  set -m
  (set -e; trap times EXIT; "$name") </dev/null >"$tools/logs/$name.log" 2>&1 &
  process[$name]=$!
  set +m
  echo "... $name"
}

end_step() {
  local name=$1 code=0
  wait "${process[$name]}" || code=$?
  unset "process[$name]"
  seconds[$name]=$((SECONDS - started[$name]))
  case $code in
    0) result[$name]=ok ;;
    "$skipped") result[$name]="LEFT OUT" ;;
    *) result[$name]=FAILED ;;
  esac
  # The last two lines are the processor time of the step (`times`).
  printf '\n=== %s\n%s\n--- %s: %s, %d s\n' "$name" "$(head -n -2 "$tools/logs/$name.log")" "$name" "${result[$name]}" "${seconds[$name]}"
}

# run_steps [STEP...]: runs these steps, or all, and prints a summary. Sets `failed` to 1 if a step failed. It does not return that,
# because bash ignores `set -e` in everything whose result is tested.
run_steps() {
  local jobs=${CI_JOBS:-$(nproc 2>/dev/null || echo 2)} chosen name waiting
  failed=0
  mkdir -p "$tools/logs"
  [[ $# -gt 0 ]] || set -- "${steps[@]}"
  chosen=$(with_needs "$@")
  trap 'for name in "${!process[@]}"; do kill -- "-${process[$name]}"; done; exit 130' INT TERM
  while :; do
    waiting=0
    for name in $chosen; do
      [[ -z ${result[$name]:-} && -z ${process[$name]:-} ]] || continue
      if [[ ${#process[@]} -lt $jobs ]] && can_start "$name"; then start_step "$name"; else waiting=1; fi
    done
    [[ ${#process[@]} -gt 0 || $waiting -eq 1 ]] || break
    [[ ${#process[@]} -eq 0 ]] || wait -n "${process[@]}" || true
    for name in "${!process[@]}"; do
      kill -0 "${process[$name]}" 2>/dev/null || end_step "$name"
    done
  done
  printf '\n=== summary\n'
  for name in $chosen; do
    printf '%-18s %-9s %5d s\n' "$name" "${result[$name]}" "${seconds[$name]}"
    [[ ${result[$name]} != FAILED ]] || failed=1
  done
  printf '%-28s %5d s\n' "" "$SECONDS"
}
