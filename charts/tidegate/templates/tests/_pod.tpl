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

{{/* A pod that runs a file of files/tests with the chart's image. Takes root, script, account (none: no token), env. */}}
{{- define "tidegate.test.podSpec" -}}
{{- $operator := .root.Values.operator -}}
restartPolicy: Never
{{- with .account }}
serviceAccountName: {{ . }}
{{- end }}
automountServiceAccountToken: {{ not (empty .account) }}
enableServiceLinks: false
{{- with concat .root.Values.global.imagePullSecrets .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml $operator.podSecurityContext | nindent 2 }}
containers:
  - name: test
    image: {{ include "tidegate.image" .root }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    command:
      - python
      - -c
      - |
        {{- .root.Files.Get (printf "files/tests/%s" .script) | nindent 8 }}
    env:
      {{- range $name, $value := .env }}
      - {name: {{ $name }}, value: {{ $value | quote }}}
      {{- end }}
    resources:
      requests: {cpu: 10m, memory: 64Mi}
      limits: {memory: 128Mi}
    securityContext:
      {{- toYaml $operator.securityContext | nindent 6 }}
{{- with $operator.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $operator.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
