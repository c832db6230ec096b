{{/*
Fails where a CustomResourceDefinition is there and is not this release's: Helm would refuse it as well, but would not
say what to do. Needs the cluster: `helm template` sees nothing and says nothing.
*/}}
{{- define "tidegate.crds.refuseOthers" -}}
{{- $name := .crd.metadata.name }}
{{- $there := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" $name }}
{{- if $there }}
{{- $annotations := $there.metadata.annotations | default dict }}
{{- $labels := $there.metadata.labels | default dict }}
{{- $release := get $annotations "meta.helm.sh/release-name" }}
{{- $namespace := get $annotations "meta.helm.sh/release-namespace" }}
{{- $byHelm := eq (get $labels "app.kubernetes.io/managed-by") "Helm" }}
{{- if not (and $byHelm (eq $release .root.Release.Name) (eq $namespace .root.Release.Namespace)) }}
{{- $who := empty $release | ternary "without Helm" (printf "by the Helm release %s in namespace %s" $release $namespace) }}
{{- fail (printf (include "tidegate.crds.message" .) $name $who $name .root.Release.Name .root.Release.Namespace $name) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "tidegate.crds.message" }}
the CustomResourceDefinition %s was installed %s, and one release of a cluster looks after it.
To use it as it is:     --set crds.enabled=false
To take it over, if nobody else looks after it any more:
  kubectl annotate crd %s --overwrite meta.helm.sh/release-name=%s meta.helm.sh/release-namespace=%s
  kubectl label crd %s --overwrite app.kubernetes.io/managed-by=Helm
{{- end }}
