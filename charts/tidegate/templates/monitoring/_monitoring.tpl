{{/* Refuse to install nothing in silence: objects of Prometheus Operator, where it is not there. */}}
{{- define "tidegate.monitoring.need" -}}
{{- if not (.root.Capabilities.APIVersions.Has "monitoring.coreos.com/v1") }}
{{- fail (printf "%s.enabled: true: this cluster knows no monitoring.coreos.com/v1: install Prometheus Operator first, or set it to false and scrape as docs/monitoring.md shows; `helm template` is told by --api-versions monitoring.coreos.com/v1" .value) }}
{{- end }}
{{- end }}
