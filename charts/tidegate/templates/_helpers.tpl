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

{{/* Name of the gateways' objects, and of their install in the Leases by which operator and gateways find each other. */}}
{{- define "tidegate.gateway.fullname" -}}
{{ include "tidegate.fullname" . }}-gateway
{{- end }}

{{/* Labels of the gateways' objects. */}}
{{- define "tidegate.gateway.labels" -}}
{{ include "tidegate.labels" . }}
app.kubernetes.io/component: gateway
{{- end }}

{{/* The selector of the gateways' pods. */}}
{{- define "tidegate.gateway.selectorLabels" -}}
{{ include "tidegate.selectorLabels" . }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "tidegate.gateway.serviceAccountName" -}}
{{- with .Values.gateway.serviceAccount }}
{{- if .create }}
{{- .name | default (include "tidegate.gateway.fullname" $) }}
{{- else }}
{{- .name | default "default" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "tidegate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "tidegate.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{/* An image, from a map of registry, repository, tag and digest. Takes root and image. */}}
{{- define "tidegate.imageOf" -}}
{{- with .root.Values.global.imageRegistry | default .image.registry }}{{ . }}/{{ end }}{{ .image.repository }}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag }}{{ end }}
{{- end }}

{{/* The image of everything that the chart runs, but for Envoy. */}}
{{- define "tidegate.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion }}
{{- include "tidegate.imageOf" (dict "root" . "image" (merge (dict "tag" $tag) .Values.image)) }}
{{- end }}

{{/* The namespaces that this install looks after, as a peer of a NetworkPolicy, or the match of an admission policy. */}}
{{- define "tidegate.watchedNamespaces" -}}
{{- if .Values.watchNamespaces -}}
namespaceSelector:
  matchExpressions:
    - {key: kubernetes.io/metadata.name, operator: In, values: {{ toJson .Values.watchNamespaces }}}
{{- else -}}
namespaceSelector: {}
{{- end }}
{{- end }}

{{/*
InferenceServices whose Service leads to a gateway, now or while they sleep, as a JSON list of namespace/name. Needs the
cluster: `helm template` sees none.
*/}}
{{- define "tidegate.routedServices" -}}
{{- $routed := list }}
{{- range (lookup "inference.tidegate.dev/v1alpha1" "InferenceService" "" "").items }}
{{- $looked_after := or (empty $.Values.watchNamespaces) (has .metadata.namespace $.Values.watchNamespaces) }}
{{- if and $looked_after (has (dig "status" "routing" "mode" "None" .) (list "Gateway" "Direct")) }}
{{- $routed = append $routed (printf "%s/%s" .metadata.namespace .metadata.name) }}
{{- end }}
{{- end }}
{{- toJson $routed }}
{{- end }}
