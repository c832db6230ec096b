{{/* Labels of the operator's pods. */}}
{{- define "tidegate.operator.podLabels" -}}
{{ include "tidegate.operator.labels" . }}
{{- with .Values.operator.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Rolling, since the Lease keeps the old and the new one from writing both; without the Lease one after the other. */}}
{{- define "tidegate.operator.strategy" -}}
{{- if .Values.operator.strategy }}
{{- toYaml .Values.operator.strategy }}
{{- else if .Values.leaderElection.enabled -}}
type: RollingUpdate
rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
{{- else -}}
type: Recreate
{{- end }}
{{- end }}

{{/* Command line of the operator: a YAML list. */}}
{{- define "tidegate.operator.arguments" -}}
- operator
- --port=8080
- --tick-seconds={{ .Values.operator.tickSeconds }}
- --log-format={{ .Values.logging.format }}
- --log-level={{ .Values.logging.level }}
{{- range .Values.watchNamespaces }}
- --namespace={{ . }}
{{- end }}
{{- with .Values.leaderElection }}
{{- if .enabled }}
- --leader-elect
- --lease-name={{ include "tidegate.leaseName" $ }}
- --lease-namespace={{ $.Release.Namespace }}
- --lease-duration-seconds={{ .leaseDurationSeconds }}
- --renew-deadline-seconds={{ .renewDeadlineSeconds }}
- --retry-period-seconds={{ .retryPeriodSeconds }}
{{- end }}
{{- end }}
{{- if not (kindIs "invalid" .Values.budget.maxCostPerHourPerNamespace) }}
- --max-cost-per-hour-per-namespace={{ .Values.budget.maxCostPerHourPerNamespace }}
{{- end }}
- --metrics-source={{ .Values.operator.metricsSource }}
{{- with .Values.gateway }}
{{- if .enabled }}
- --gateway={{ $.Release.Namespace }}/{{ include "tidegate.gateway.fullname" $ }}
- --gateway-ports={{ .servicePorts.first }}-{{ .servicePorts.last }}
- --routing-mode={{ .routingMode }}
{{- end }}
{{- end }}
{{- with include "tidegate.prometheus.arguments" . }}
{{ . }}
{{- end }}
{{- with .Values.operator.recording }}
{{- if .enabled }}
- --recording-directory={{ include "tidegate.recording.directory" $ }}
- --recording-max-bytes={{ int64 .maxBytes }}
- --recording-files={{ .files }}
{{- end }}
{{- end }}
{{- range .Values.operator.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{- define "tidegate.recording.directory" -}}
/var/lib/tidegate/recording
{{- end }}

{{/* The volume of the recording. A bit more than what the operator keeps to: beyond the limit the pod is evicted. */}}
{{- define "tidegate.recording.volume" -}}
{{- with .Values.operator.recording }}
{{- if .volume }}
{{- toYaml .volume }}
{{- else -}}
emptyDir: {sizeLimit: {{ add (int64 .maxBytes) 16777216 }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "tidegate.leaseName" -}}
{{ include "tidegate.fullname" . }}-operator
{{- end }}

{{/* Spread constraints, each with the selector that it needs to mean anything. */}}
{{- define "tidegate.operator.spread" -}}
{{- range .Values.operator.topologySpreadConstraints }}
- {{ toYaml . | nindent 2 | trim }}
  labelSelector:
    matchLabels:
      {{- include "tidegate.operator.selectorLabels" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash] # The pods of an upgrade are spread among themselves.
{{- end }}
{{- end }}
