{{/* Where the InferenceService of `helm test` lives: here, if this install looks after it. */}}
{{- define "tidegate.test.namespace" -}}
{{- $watched := .Values.watchNamespaces }}
{{- or (not $watched) (has .Release.Namespace $watched) | ternary .Release.Namespace (first (append $watched "")) }}
{{- end }}

{{- define "tidegate.test.name" -}}
{{ include "tidegate.fullname" . | trunc 30 | trimSuffix "-" }}-test
{{- end }}

{{/* The shared address, if it leads to that service. */}}
{{- define "tidegate.test.sharedAddress" -}}
{{- with .Values.gateway }}
{{- if and .enabled .service.enabled (ne .routingMode "None") -}}
http://{{ include "tidegate.gateway.fullname" $ }}.{{ $.Release.Namespace }}:{{ .service.port }}
{{- end }}
{{- end }}
{{- end }}

{{/* An InferenceService on CPU whose engine is simulated by the chart's image; fits into Pod Security `restricted`. */}}
{{- define "tidegate.test.inferenceService" -}}
apiVersion: inference.tidegate.dev/v1alpha1
kind: InferenceService
metadata:
  name: {{ include "tidegate.test.name" . }}
  namespace: {{ include "tidegate.test.namespace" . }}
  labels:
    {{- include "tidegate.labels" . | nindent 4 }}
    app.kubernetes.io/component: test
spec:
  model: {name: {{ include "tidegate.test.name" . }}}
  engine: {type: vLLM, image: {{ include "tidegate.image" . | quote }}}
  scaling: {maxReplicas: 1}
  template:
    spec:
      terminationGracePeriodSeconds: 5
      {{- with concat .Values.global.imagePullSecrets .Values.imagePullSecrets }}
      imagePullSecrets: {{ toJson . }}
      {{- end }}
      securityContext: {{ toJson .Values.operator.podSecurityContext }}
      containers:
        - name: engine
          imagePullPolicy: {{ .Values.image.pullPolicy }}
          command: [tidegate, engine, --type, vLLM, --startup-seconds, "0"]
          resources:
            requests: {cpu: 50m, memory: 96Mi}
            limits: {memory: 256Mi}
          securityContext: {{ toJson .Values.operator.securityContext }}
{{- end }}
