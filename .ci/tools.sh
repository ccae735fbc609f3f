# Installs the tools that the checks need. .ci/run and tests/clients/run source this file from the root of the tree. The tools go
# to target/ci and nowhere else, and stay there for the next run.
tools=$PWD/target/ci
mkdir -p "$tools/bin"
export PATH="$tools/bin:$tools/npm/node_modules/.bin:$PATH"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

# loudly TEXT: says what a check leaves out.
loudly() { printf '\n!!! %s\n\n' "$*"; }

skipped=77 # exit code of a check that this machine cannot run; it does not count as a failure

# one_at_a_time NAME COMMAND...: runs a command while no other step runs one with the same name.
one_at_a_time() {
  local name=$1
  shift
  if command -v flock >/dev/null; then (flock 9 && "$@") 9>"$tools/$name.lock"; else "$@"; fi
}

# venv NAME REQUIREMENT...: makes the virtual environment target/ci/NAME. A requirement is a package or a requirements file.
venv() {
  one_at_a_time "$1" make_venv "$@"
}

make_venv() {
  local folder=$tools/$1 wanted="" what install=()
  shift
  for what; do
    if [[ -f $what ]]; then install+=(-r "$what") wanted+=$(<"$what"); else install+=("$what") wanted+=$what; fi
  done
  [[ -f $folder/installed && $(<"$folder/installed") == "$wanted" ]] && return
  rm -rf "$folder"
  python3 -m venv "$folder" || { echo "python3 with its venv module is missing (Debian: python3-venv)"; return 1; }
  "$folder/bin/pip" install --quiet "${install[@]}" || return
  printf %s "$wanted" >"$folder/installed"
}

# install_go_tool NAME PACKAGE@VERSION: installs a program in target/ci/bin. Needs Go.
install_go_tool() {
  [[ -x $tools/bin/$1 ]] && return
  command -v go >/dev/null && GOBIN=$tools/bin one_at_a_time "$1" go install "$2"
}

# install_grpcurl: installs grpcurl. Needs Go.
install_grpcurl() {
  install_go_tool grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4
}
