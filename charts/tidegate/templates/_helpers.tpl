{{/* Name of the chart, or what nameOverride says. */}}
{{- define "tidegate.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Prefix of every name: the release's, so that two installs in one namespace do not collide. */}}
{{- define "tidegate.fullname" -}}
{{- $name := include "tidegate.name" . }}
{{- $prefix := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- .Values.fullnameOverride | default $prefix | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* Prefix of cluster-scoped names. No namespace has a colon in its name, so no two installs ever share one. */}}
{{- define "tidegate.clusterName" -}}
{{ .Release.Namespace }}:{{ include "tidegate.fullname" . }}
{{- end }}

{{/* What a Deployment's selector may hold: it can never be changed again. */}}
{{- define "tidegate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tidegate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of every object. */}}
{{- define "tidegate.labels" -}}
{{ include "tidegate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: tidegate
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of the operator's objects. */}}
{{- define "tidegate.operator.labels" -}}
{{ include "tidegate.labels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{/* The selector of the operator's pods. The component keeps other pods of the chart out of it. */}}
{{- define "tidegate.operator.selectorLabels" -}}
{{ include "tidegate.selectorLabels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "tidegate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "tidegate.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{/* The one image of everything that the chart runs. */}}
{{- define "tidegate.image" -}}
{{- $registry := .Values.global.imageRegistry | default .Values.image.registry }}
{{- with $registry }}{{ . }}/{{ end }}{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}
