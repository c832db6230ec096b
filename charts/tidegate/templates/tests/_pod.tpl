{{/*
Metadata of what `helm test` makes: gone after a success, there to look at after a failure.
Takes root, name, and namespace and weight where they are not the usual ones.
*/}}
{{- define "tidegate.test.metadata" -}}
name: {{ .name }}
namespace: {{ .namespace | default .root.Release.Namespace }}
labels:
  {{- include "tidegate.labels" .root | nindent 2 }}
  app.kubernetes.io/component: test
annotations:
  helm.sh/hook: test
  helm.sh/hook-weight: {{ .weight | default 0 | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
