# Sourced by .ci/run: steps that check deploy/. Each program is the real one, with an exact version, in target/ci.

# The Go programs of tests/deploy/tools: helm, helm-unittest, kubeconform, kustomize, actionlint.
deploy_tools() {
  command -v go >/dev/null || { loudly "Go is missing: deploy/ is NOT checked by helm, kubeconform, kustomize and actionlint"; return "$skipped"; }
  (cd tests/deploy/tools && go build -o "$tools/bin" tool)
}

# definitions MODULE@VERSION: the folder of a Go module that has definitions of custom resources.
definitions() {
  (cd "$tools" && go mod download -json "$1") | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p'
}

# JSON schemas of Kubernetes, and of the custom resources that the chart and the mesh routes use.
schemas() {
  [[ -f $tools/crds/written ]] && return
  # The package's references begin at /api; kubeconform reads relative files.
  rm -rf "$tools/kubernetes"
  cp -r "$tools"/deploy/lib/python3*/site-packages/kubernetes_validate/kubernetes-json-schema/v1.34.0-local-strict "$tools/kubernetes"
  find "$tools/kubernetes" -name '*.json' -exec sed -i -e 's,"/api/_definitions.json,"_definitions.json,' -e 's,"\([^a-z]\)id":,"\1comment":,' {} +
  local gateway_api envoy_gateway istio cert_manager keda operator
  gateway_api=$(definitions sigs.k8s.io/gateway-api@v1.6.0)
  envoy_gateway=$(definitions github.com/envoyproxy/gateway@v1.9.1)
  istio=$(definitions istio.io/api@v1.31.4)
  cert_manager=$(definitions github.com/cert-manager/cert-manager@v1.21.2)
  keda=$(definitions github.com/kedacore/keda/v2@v2.21.0)
  operator=$(definitions github.com/prometheus-operator/prometheus-operator@v0.85.0)
  rm -rf "$tools/crds"
  "$tools/deploy/bin/python" tests/deploy/crd_schemas.py "$tools/crds" "$gateway_api"/config/crd/standard/*.yaml \
    "$envoy_gateway"/charts/gateway-crds-helm/templates/generated/*.yaml \
    "$istio"/kubernetes/customresourcedefinitions.gen.yaml "$cert_manager"/deploy/crds/cert-manager.io_*.yaml \
    "$keda"/config/crd/bases/keda.sh_*.yaml "$operator"/example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml
  touch "$tools/crds/written"
}

# conform FILE...: strict validation of Kubernetes objects. Linkerd's definitions are in no package that can be fetched here.
conform() {
  kubeconform -strict -summary -skip policy.linkerd.io/v1beta3/Server,policy.linkerd.io/v1alpha1/MeshTLSAuthentication,policy.linkerd.io/v1alpha1/AuthorizationPolicy \
    -schema-location "$tools/kubernetes/{{ .ResourceKind }}{{ .KindSuffix }}.json" \
    -schema-location "$tools/crds/{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json" "$@"
}

# The chart's default, as the base of Kustomize: no traces of Helm in it.
kustomize_base() {
  helm template bedrock-grpc deploy/helm/bedrock-grpc | grep -v -e 'helm.sh/chart:' -e 'app.kubernetes.io/managed-by:' \
    -e '^# Source:' -e 'namespace: default'
}

deploy_chart() {
  venv deploy tests/deploy/requirements.txt
  deploy_tools || return
  schemas
  local chart=deploy/helm/bedrock-grpc rendered=$tools/rendered values name
  helm lint --strict "$chart"
  helm-unittest --strict "$chart"
  rm -rf "$rendered" && mkdir "$rendered"
  for values in "$chart"/ci/*-values.yaml; do
    name=$(basename "$values" -values.yaml)
    helm lint --strict --quiet "$chart" -f "$values"
    helm template bedrock-grpc "$chart" --namespace models -f "$values" >"$rendered/$name.yaml"
  done
  # Nothing that the schema does not know gets through.
  if helm template "$chart" --set replicaCount=3 >/dev/null 2>&1; then echo "values.schema.json accepts an unknown key"; return 1; fi
  kustomize build deploy/kustomize/overlays/eks >"$rendered/kustomize-eks.yaml"
  kustomize_base | diff - deploy/kustomize/base/bedrock-grpc.yaml || {
    echo "deploy/kustomize/base/bedrock-grpc.yaml is not what the chart makes: .ci/run write_kustomize_base"
    return 1
  }
  # Strict is strict: a misspelled key is an error.
  if sed 's/maxUnavailable: 1/maxUnavailabel: 1/' deploy/kustomize/base/bedrock-grpc.yaml | conform - >/dev/null; then
    echo "kubeconform accepts an unknown key"
    return 1
  fi
  conform "$rendered"/*.yaml deploy/kustomize/base/bedrock-grpc.yaml deploy/mesh/*.yaml
}

# Not a step of CI: writes what deploy_chart compares with.
write_kustomize_base() {
  deploy_tools
  kustomize_base >deploy/kustomize/base/bedrock-grpc.yaml
}

# The server's version is the chart's appVersion and the tag of every example.
one_version() {
  local version file
  version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
  for file in deploy/helm/bedrock-grpc/Chart.yaml:"appVersion: $version" deploy/Dockerfile:"ARG VERSION=$version" \
    deploy/ecs/task-definition.json:"bedrock-grpc:$version" deploy/kustomize/overlays/eks/kustomization.yaml:"newTag: $version"; do
    grep -qF -- "${file#*:}" "${file%%:*}" || { echo "${file%%:*} does not have the version $version of Cargo.toml"; return 1; }
  done
}

deploy_lint() {
  venv deploy tests/deploy/requirements.txt
  local bin=$tools/deploy/bin scripts=() units=$tools/units
  one_version
  "$bin/hadolint" deploy/Dockerfile
  "$bin/cfn-lint" deploy/ecs/bedrock-grpc.yaml
  "$bin/python" tests/deploy/task_definition.py >"$tools/task_definition.json"
  "$bin/cfn-lint" "$tools/task_definition.json"
  "$bin/python" tests/deploy/iam.py
  "$bin/check-jsonschema" --builtin-schema vendor.compose-spec deploy/compose/compose.yaml
  # By the first line, as not every script has an ending.
  mapfile -t scripts < <(git grep -lE '^#!.*\b(ba)?sh\b' -- . ':!*.rs' ':!*.md')
  "$bin/shellcheck" "${scripts[@]}"
  # Sourced files share variables with .ci/run.
  "$bin/shellcheck" --shell=bash --exclude=SC2034,SC2154 .ci/tools.sh tests/deploy/*.sh
  "$bin/yamllint" --strict -d '{extends: relaxed, rules: {line-length: disable}}' deploy/compose deploy/monitoring deploy/mesh deploy/kustomize deploy/helm/bedrock-grpc/{ci,tests,values.yaml,Chart.yaml}
  if [[ -d .github/workflows ]]; then
    deploy_tools || return
    PATH="$bin:$PATH" actionlint
  fi
  if command -v systemd-analyze >/dev/null; then
    # It also looks for the programs that a unit starts, and the server is not installed here.
    rm -rf "$units" && mkdir "$units"
    sed 's,/usr/bin/bedrock-grpc,/bin/true,' deploy/systemd/bedrock-grpc.service >"$units/bedrock-grpc.service"
    cp deploy/systemd/bedrock-grpc.socket "$units"
    systemd-analyze verify "$units/bedrock-grpc.service" "$units/bedrock-grpc.socket"
    # 0 is no exposure at all; a hardened service of systemd's own has about 2.
    systemd-analyze security --offline=true --no-pager --threshold=20 "$units/bedrock-grpc.service" | tail -1
  else
    loudly "systemd-analyze is missing: the units are NOT checked"
  fi
  echo "nothing to say"
}

# The commands of the Dockerfile's stages, without Docker.
image_stages() {
  command -v cmake >/dev/null || loudly "cmake is missing, which the image's first stage installs"
  python3 tests/deploy/image_stages.py
}

# A real Envoy in front of two real gateways, and the server as a service of systemd. Needs the debug build of the server.
deploy_run() {
  deploy_tools || return
  [[ -x $gateway ]] || { echo "there is no $gateway"; return 1; }
  venv envoy tests/deploy/envoy/requirements.txt
  local script
  for script in systemd.py envoy/proxy.py envoy/tls.py envoy/kill.py orca/orca.py; do
    echo "--- $script"
    "$tools/envoy/bin/python" "tests/deploy/$script"
  done
}

# Debian's package also starts a server. Only its programs are needed.
extract_prometheus() {
  apt-get update -qq && (cd "$tools" && apt-get download -qq prometheus && dpkg-deb --extract prometheus_*.deb prometheus)
}

# The rules and the dashboard of deploy/monitoring: the file is what the script writes, the rules are right by promtool, and a real
# Prometheus, which scrapes a gateway with load and faults, has data for every query and every rule.
monitoring() {
  python3 deploy/monitoring/dashboard.py --check
  if ! command -v prometheus >/dev/null; then
    if [[ $(id -u) != 0 ]] || ! extract_prometheus; then
      loudly "prometheus is missing (Debian: prometheus): deploy/monitoring is NOT tried"
      return "$skipped"
    fi
    export PATH="$tools/prometheus/usr/bin:$PATH"
  fi
  promtool check rules deploy/monitoring/rules.yaml
  # It would look for the files of the rules, which are there under the same names.
  (cd deploy/monitoring && promtool check config --syntax-only prometheus.yaml && promtool test rules rules_test.yaml)
  promtool check config --syntax-only deploy/compose/prometheus.yaml
  [[ -x $gateway ]] || { echo "there is no $gateway"; return 1; }
  venv monitoring tests/deploy/monitoring/requirements.txt
  "$tools/monitoring/bin/python" tests/deploy/monitoring/prometheus.py
}

# Packages of the server, each installed from the local file into an empty environment, where `demo` must run. CI packages the debug
# build, which it has anyway: the scripts are the same, and a release build takes many minutes.
packages() {
  local out=$PWD/target/packages place=$tools/installed bare=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "HOME=$tools/installed")
  rm -rf "$out" "$place" && mkdir -p "$place"
  PROFILE=dev deploy/packages/package tarball wheel npm deb sbom
  (cd "$out" && sha256sum --check --quiet SHA256SUMS)

  echo "--- a folder, from the tarball"
  tar -C "$place" -xzf "$out"/bedrock-grpc-*.tar.gz
  runs_demo "${bare[@]}" "$place"/bedrock-grpc-*/bedrock-grpc

  echo "--- an empty virtual environment, from the wheel"
  python3 -m venv "$place/venv"
  "$place/venv/bin/pip" install --quiet --no-index "$out"/bedrock_grpc_server-*.whl
  runs_demo "${bare[@]}" "$place/venv/bin/bedrock-grpc"

  if command -v node >/dev/null; then
    echo "--- an empty npm folder, from the packages"
    mkdir "$place/npm"
    # Both files: the one of the platform is not in the registry.
    command npm install --silent --no-audit --no-fund --offline --prefix "$place/npm" "$out"/bedrock-grpc-linux-*.tgz "$out"/bedrock-grpc-[0-9]*.tgz
    runs_demo env -i "PATH=$(dirname "$(command -v node)"):/usr/bin:/bin" "$place/npm/node_modules/.bin/bedrock-grpc"
    signals_reach_the_binary "$place/npm/node_modules/.bin/bedrock-grpc"
  else
    loudly "Node is missing: the npm package is NOT tried"
  fi
  debian_root
}

# runs_demo COMMAND...: the demo's last line says that all of it came out as it should.
runs_demo() {
  timeout 120 "$@" demo >"$tools/demo.log" 2>&1 || { cat "$tools/demo.log"; return 1; }
  tail -1 "$tools/demo.log"
}

# npm's script must hand on SIGTERM, or the server would not drain.
signals_reach_the_binary() {
  local code=0
  AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_REGION=us-east-1 timeout --preserve-status 5 "$1" serve --listen 127.0.0.1:0 2>"$tools/signal.log" || code=$?
  grep -q "shutting down" "$tools/signal.log" && [[ $code == 0 ]] || { cat "$tools/signal.log"; echo "exit code $code"; return 1; }
}

# An empty Debian, where the package is installed with apt and docs/deploy.md is followed.
debian_root() {
  [[ $(id -u) == 0 ]] || { loudly "not root: the Debian package is NOT tried"; return; }
  command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq debootstrap >/dev/null; } || {
    loudly "debootstrap is missing: the Debian package is NOT tried"
    return
  }
  install_grpcurl || { loudly "Go is missing for grpcurl: the Debian package is NOT tried"; return; }
  echo "--- an empty Debian, from the package"
  tests/deploy/debian_root "$tools/debian" "$PWD"/target/packages/bedrock-grpc_*.deb
}
