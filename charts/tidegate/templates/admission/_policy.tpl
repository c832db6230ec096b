{{/* Prefix of the names of admission policies, where no colon is allowed. The first dot ends the namespace. */}}
{{- define "tidegate.admission.name" -}}
{{ .Release.Namespace }}.{{ include "tidegate.fullname" . }}
{{- end }}

{{/*
The binding of a policy: refused is what it does not allow. Takes root, name, labels and, where it is for some
namespaces only, match.
*/}}
{{- define "tidegate.admission.binding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  labels:
    {{- .labels | nindent 4 }}
spec:
  policyName: {{ .name }}
  validationActions: [Deny]
  {{- with .match }}
  matchResources:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* That a request comes from the gateways: a match condition. */}}
{{- define "tidegate.admission.byGateways" -}}
name: by-the-gateways
expression: request.userInfo.username == 'system:serviceaccount:{{ .Release.Namespace }}:{{ include "tidegate.gateway.serviceAccountName" . }}'
{{- end }}
