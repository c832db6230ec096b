{{/*
Fails where CustomResourceDefinitions are there and are not this release's: Helm would refuse them as well, but would not
say what to do. Needs the cluster: `helm template` sees nothing and says nothing. Takes crds and release.
*/}}
{{- define "tidegate.crds.refuseOthers" -}}
{{- $release := .release }}
{{- $ofOthers := list }}
{{- $names := list }}
{{- range .crds }}
{{- $there := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" .metadata.name }}
{{- if $there }}
{{- $annotations := $there.metadata.annotations | default dict }}
{{- $name := get $annotations "meta.helm.sh/release-name" }}
{{- $namespace := get $annotations "meta.helm.sh/release-namespace" }}
{{- $byHelm := eq "Helm" (get ($there.metadata.labels | default dict) "app.kubernetes.io/managed-by") }}
{{- if not (and $byHelm (eq $name $release.Name) (eq $namespace $release.Namespace)) }}
{{- $who := empty $name | ternary "without Helm" (printf "by the Helm release %s in namespace %s" $name $namespace) }}
{{- $ofOthers = append $ofOthers (printf "the CustomResourceDefinition %s was installed %s" .metadata.name $who) }}
{{- $names = append $names .metadata.name }}
{{- end }}
{{- end }}
{{- end }}
{{- if $ofOthers }}
{{- $crds := join " " $names }}
{{- fail (printf (include "tidegate.crds.message" .) (join "\n" $ofOthers) $crds $release.Name $release.Namespace $crds) }}
{{- end }}
{{- end }}

{{- define "tidegate.crds.message" }}
%s
One release of a cluster looks after them. To use them as they are:
  --set crds.enabled=false
To take them over, if nobody else looks after them any more:
  kubectl annotate crd %s --overwrite meta.helm.sh/release-name=%s meta.helm.sh/release-namespace=%s
  kubectl label crd %s --overwrite app.kubernetes.io/managed-by=Helm
{{- end }}
