{{/*
What the operator does with what lives in namespaces. Each verb is there because a request needs it, and a test runs the
operator with exactly these. Server-side apply is a patch, and a create as well where nothing is there yet; list and
watch feed the store. What belongs to a service goes with it; only the Deployment of a variant that a service has no
more is deleted, once it has no pods.
*/}}
{{- define "tidegate.rules.namespaced" -}}
- apiGroups: [inference.tidegate.dev]
  resources: [inferenceservices]
  verbs: [list, watch]
- apiGroups: [inference.tidegate.dev]
  resources: [inferenceservices/status]
  verbs: [patch]
# Children name their owner in a way that blocks its deletion, which OpenShift and others allow to those only who may
# set its finalizers.
- apiGroups: [inference.tidegate.dev]
  resources: [inferenceservices/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [patch]
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch, create, patch]
- apiGroups: [resource.k8s.io]
  resources: [resourceclaimtemplates]
  verbs: [create, patch] # Only where a profile shares devices by claims: docs/accelerators.md.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch] # A label and two annotations, on the way down: docs/scale-down.md.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end }}

{{/*
What the gateways do with what lives in namespaces: they wake Deployments, and write where requests are to go. A policy
of the API server narrows both further: templates/admission/gateway.yaml.
*/}}
{{- define "tidegate.rules.gateway" -}}
- apiGroups: [inference.tidegate.dev]
  resources: [inferenceservices]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [get, patch]
{{- end }}

{{/* What the operator does with what lives outside of namespaces. */}}
{{- define "tidegate.rules.cluster" -}}
- apiGroups: [inference.tidegate.dev]
  resources: [acceleratorprofiles]
  verbs: [list, watch]
{{- if not .Values.watchNamespaces }}
- apiGroups: [""]
  resources: [namespaces] # What each may cost is annotated on it: docs/cost.md.
  verbs: [list, watch]
{{- end }}
{{- end }}
