{{/* The Envoy that terminates TLS. tests/deploy runs this text with a real Envoy. */}}
{{- define "bedrock-grpc.envoyConfig" -}}
node: { id: bedrock-grpc, cluster: bedrock-grpc }
static_resources:
  listeners:
    - name: tls
      address: { socket_address: { address: 0.0.0.0, port_value: 50051 } }
      filter_chains:
        - transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              require_client_certificate: {{ .Values.tls.requireClientCertificate }}
              common_tls_context:
                alpn_protocols: [h2]
                tls_params: { tls_minimum_protocol_version: TLSv1_2 }
                tls_certificate_sds_secret_configs:
                  - { name: server, sds_config: { path_config_source: { path: /etc/envoy/server.yaml }, resource_api_version: V3 } }
                {{- if .Values.tls.requireClientCertificate }}
                validation_context_sds_secret_config:
                  { name: callers, sds_config: { path_config_source: { path: /etc/envoy/callers.yaml }, resource_api_version: V3 } }
                {{- end }}
          filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: tls
                codec_type: HTTP2
                # The names in the caller's certificate; whatever the caller wrote into the header itself is removed.
                forward_client_cert_details: SANITIZE_SET
                set_current_client_cert_details: { uri: true, dns: true, subject: true }
                # Streams last as long as the model speaks. The server has its own limits.
                stream_idle_timeout: 0s
                http2_protocol_options:
                  max_concurrent_streams: 1000
                  connection_keepalive: { interval: 60s, timeout: 20s }
                route_config:
                  virtual_hosts:
                    - name: server
                      domains: ["*"]
                      routes: [{ match: { prefix: "/" }, route: { cluster: server, timeout: 0s } }]
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
    # Kubernetes' gRPC probe has no TLS. This listener has the health service and nothing else.
    - name: health
      address: { socket_address: { address: 0.0.0.0, port_value: 50053 } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: health
                codec_type: HTTP2
                route_config:
                  virtual_hosts:
                    - name: health
                      domains: ["*"]
                      routes: [{ match: { path: /grpc.health.v1.Health/Check }, route: { cluster: server, timeout: 2s } }]
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
    - name: server
      type: STATIC
      connect_timeout: 1s
      # The server is in the same pod. The number of calls is bounded by the server, not here.
      circuit_breakers: { thresholds: [{ max_connections: 1024, max_requests: 100000, max_pending_requests: 100000 }] }
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: { http2_protocol_options: {} }
      load_assignment:
        cluster_name: server
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 50052 } } } }] }]
{{- end }}

{{/* Certificates are read again when cert-manager renews them: Kubernetes swaps a symlink in /etc/tls. */}}
{{- define "bedrock-grpc.envoyServerSecret" -}}
resources:
  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
    name: server
    tls_certificate:
      certificate_chain: { filename: /etc/tls/tls.crt }
      private_key: { filename: /etc/tls/tls.key }
      watched_directory: { path: /etc/tls }
{{- end }}

{{- define "bedrock-grpc.envoyCallersSecret" -}}
resources:
  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
    name: callers
    validation_context:
      trusted_ca: { filename: /etc/tls/ca.crt }
      watched_directory: { path: /etc/tls }
{{- end }}
