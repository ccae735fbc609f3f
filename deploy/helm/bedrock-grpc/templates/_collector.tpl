{{/* Metrics of the server for Prometheus; its traces go on if otlpEndpoint says where. */}}
{{- define "bedrock-grpc.collectorConfig" -}}
receivers:
  otlp:
    protocols:
      grpc: { endpoint: "127.0.0.1:4317" }
exporters:
  prometheus: { endpoint: "0.0.0.0:{{ .Values.metrics.collector.port }}", resource_to_telemetry_conversion: { enabled: false } }
  {{- if .Values.otlpEndpoint }}
  otlp:
    endpoint: {{ .Values.otlpEndpoint | quote }}
    tls: { insecure: {{ hasPrefix "http://" .Values.otlpEndpoint }} }
  {{- else }}
  nop: {}
  {{- end }}
service:
  telemetry:
    metrics: { level: none }
  pipelines:
    metrics: { receivers: [otlp], exporters: [prometheus] }
    traces: { receivers: [otlp], exporters: [{{ if .Values.otlpEndpoint }}otlp{{ else }}nop{{ end }}] }
{{- end }}
