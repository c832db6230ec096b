{{/* Labels of the gateways' pods. */}}
{{- define "tidegate.gateway.podLabels" -}}
{{ include "tidegate.gateway.labels" . }}
{{- with .Values.gateway.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Where Envoy and its picker meet: bootstrap, listeners and sockets. */}}
{{- define "tidegate.gateway.directory" -}}
/run/tidegate
{{- end }}

{{/* Command line of the picker: a YAML list. */}}
{{- define "tidegate.gateway.arguments" -}}
{{- $gateway := .Values.gateway -}}
- gateway
- --directory={{ include "tidegate.gateway.directory" . }}
- --install={{ .Release.Namespace }}/{{ include "tidegate.gateway.fullname" . }}
- --port=8080
- --shared-port={{ $gateway.sharedPort }}
- --maximum-held-bytes={{ int64 $gateway.maximumHeldBytes }}
- --drain-seconds={{ $gateway.drainSeconds }}
- --log-format={{ .Values.logging.format }}
- --log-level={{ .Values.logging.level }}
{{- range .Values.watchNamespaces }}
- --namespace={{ . }}
{{- end }}
{{- range $gateway.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{/*
Envoy's image and arguments, up to those that are added: ours finds the binary by itself, and says the same to it as is
said here.
*/}}
{{- define "tidegate.gateway.envoy" -}}
{{- $envoy := .Values.gateway.envoy }}
{{- if $envoy.fromWheel -}}
image: {{ include "tidegate.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - envoy
  - --directory={{ include "tidegate.gateway.directory" . }}
  - --shared-port={{ .Values.gateway.sharedPort }}
  - --maximum-heap-bytes={{ int64 $envoy.maximumHeapBytes }}
  - --concurrency={{ $envoy.concurrency }}
{{- else -}}
image: {{ include "tidegate.imageOf" (dict "root" . "image" $envoy.image) }}
imagePullPolicy: {{ $envoy.image.pullPolicy }}
command: [envoy]
args:
  - --config-path
  - {{ include "tidegate.gateway.directory" . }}/bootstrap.json
  - --concurrency
  - {{ $envoy.concurrency | quote }}
  - --drain-time-s
  - "14400" # Hours: what is left of a service that is gone ends by itself.
  - --drain-strategy
  - immediate
  - --disable-hot-restart
  - --log-level
  - warning
  - --component-log-level
  - ext_proc:error,upstream:error # Else a line for each request that is held as the picker ends.
{{- end }}
{{- end }}

{{/* Spread constraints, each with the selector that it needs to mean anything. */}}
{{- define "tidegate.gateway.spread" -}}
{{- range .Values.gateway.topologySpreadConstraints }}
- {{ toYaml . | nindent 2 | trim }}
  labelSelector:
    matchLabels:
      {{- include "tidegate.gateway.selectorLabels" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash] # The pods of an upgrade are spread among themselves.
{{- end }}
{{- end }}
