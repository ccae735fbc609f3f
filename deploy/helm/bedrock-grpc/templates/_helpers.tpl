{{- define "bedrock-grpc.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* 50 characters, so that every suffix of the chart fits into 63. */}}
{{- define "bedrock-grpc.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "bedrock-grpc.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "bedrock-grpc.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "bedrock-grpc.selectorLabels" -}}
app.kubernetes.io/name: {{ include "bedrock-grpc.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "bedrock-grpc.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "bedrock-grpc.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "bedrock-grpc.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "bedrock-grpc.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "bedrock-grpc.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "bedrock-grpc.tlsSecretName" -}}
{{- default (printf "%s-tls" (include "bedrock-grpc.fullname" .)) .Values.tls.secretName }}
{{- end }}

{{/* The port that Prometheus scrapes: the admin port, or the collector's. Empty: none. */}}
{{- define "bedrock-grpc.metricsPort" -}}
{{- if .Values.metrics.enabled -}}
{{- .Values.metrics.port }}
{{- else if .Values.metrics.collector.enabled -}}
{{- .Values.metrics.collector.port }}
{{- end }}
{{- end }}

{{/* What the pod security standard "restricted" requires of a container, and a read-only root. */}}
{{- define "bedrock-grpc.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Settings that exclude each other. The schema cannot say it. */}}
{{- define "bedrock-grpc.validate" -}}
{{- if and .Values.autoscaling.enabled .Values.keda.enabled -}}
{{- fail "autoscaling.enabled and keda.enabled: two autoscalers of one Deployment fight. Enable one." }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled (not (include "bedrock-grpc.metricsPort" .)) -}}
{{- fail "metrics.serviceMonitor.enabled needs metrics.enabled or metrics.collector.enabled: there is no port for Prometheus." }}
{{- end }}
{{- if and .Values.metrics.enabled .Values.metrics.collector.enabled -}}
{{- fail "metrics.enabled and metrics.collector.enabled: Prometheus would count each call twice. Enable one." }}
{{- end }}
{{- if and .Values.autoscaling.enabled (eq (int .Values.autoscaling.callsInFlight) 0) (eq (int .Values.autoscaling.cpuPercent) 0) -}}
{{- fail "autoscaling: callsInFlight and cpuPercent are both 0, so there is nothing to scale by." }}
{{- end }}
{{- if and .Values.tls.enabled .Values.tls.certificate.create (not .Values.tls.certificate.issuerRef.name) -}}
{{- fail "tls.certificate.issuerRef.name: cert-manager needs the issuer's name." }}
{{- end }}
{{- if and .Values.grpcRoute.enabled (not .Values.grpcRoute.parentRefs) -}}
{{- fail "grpcRoute.parentRefs: name the Gateway that the route belongs to." }}
{{- end }}
{{- end }}
