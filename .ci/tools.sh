# Sourced by .ci/run and tests/clients/run from the root of the tree: the tools that the checks need. They are installed in
# target/ci and nowhere else; what is there is kept.
tools=$PWD/target/ci
mkdir -p "$tools/bin"
export PATH="$tools/bin:$tools/npm/node_modules/.bin:$PATH"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
skipped=77 # the exit code of what could not be done here, which is no failure

# venv NAME WHAT...: a virtual environment target/ci/NAME with WHAT in it: requirements, or files of them.
venv() {
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
