{{/* How the operator reaches Prometheus. Whatever is secret comes from objects that exist already, as files. */}}

{{- define "tidegate.prometheus.directory" -}}
/etc/tidegate/prometheus
{{- end }}

{{/* Arguments of the operator: a YAML list, empty where no Prometheus is named. */}}
{{- define "tidegate.prometheus.arguments" -}}
{{- $directory := include "tidegate.prometheus.directory" . }}
{{- with .Values.prometheus }}
{{- if .url -}}
- --prometheus-url={{ .url }}
- --prometheus-timeout-seconds={{ .timeoutSeconds }}
{{- range $label, $value := .matchers }}
- {{ printf "--prometheus-matcher=%s=%s" $label $value | quote }}
{{- end }}
{{- if .bearerTokenSecret.name }}
- --prometheus-bearer-token-file={{ $directory }}/token
{{- end }}
{{- range .headerSecrets }}
- --prometheus-header={{ .header }}={{ $directory }}/headers/{{ .header }}
{{- end }}
{{- if or .caConfigMap.name .caSecret.name }}
- --prometheus-ca-file={{ $directory }}/ca.crt
{{- end }}
{{- if .clientCertificateSecret.name }}
- --prometheus-client-certificate-file={{ $directory }}/tls.crt
- --prometheus-client-key-file={{ $directory }}/tls.key
{{- end }}
{{- if .insecureSkipVerify }}
- --prometheus-insecure-skip-verify
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Sources of the projected volume: a YAML list, empty where nothing is to be mounted. */}}
{{- define "tidegate.prometheus.sources" -}}
{{- with .Values.prometheus }}
{{- if .url }}
{{- with .bearerTokenSecret }}{{ if .name }}
- secret: {name: {{ .name }}, items: [{key: {{ .key }}, path: token}]}
{{- end }}{{ end }}
{{- range .headerSecrets }}
- secret: {name: {{ .name }}, items: [{key: {{ .key }}, path: "headers/{{ .header }}"}]}
{{- end }}
{{- with .caConfigMap }}{{ if .name }}
- configMap: {name: {{ .name }}, items: [{key: {{ .key }}, path: ca.crt}]}
{{- end }}{{ end }}
{{- with .caSecret }}{{ if .name }}
- secret: {name: {{ .name }}, items: [{key: {{ .key }}, path: ca.crt}]}
{{- end }}{{ end }}
{{- with .clientCertificateSecret }}{{ if .name }}
- secret: {name: {{ .name }}, items: [{key: {{ .certificateKey }}, path: tls.crt}, {key: {{ .privateKeyKey }}, path: tls.key}]}
{{- end }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The port in a URL, or that of its scheme. */}}
{{- define "tidegate.prometheus.port" -}}
{{- $url := urlParse . }}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (eq $url.scheme "https" | ternary "443" "80") }}
{{- end }}
