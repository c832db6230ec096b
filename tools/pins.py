"""The outside programs this project runs, as data: where each is built from and which versions are good enough.

The exact versions are pinned in `tools/<module>/go.mod` and checksummed by `go.sum`; nothing here repeats them.
"""

import hashlib
import platform
import re
from dataclasses import dataclass, field
from pathlib import Path

MODULES_DIRECTORY = Path(__file__).resolve().parent

MinorVersion = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Source:
    """A Go module under `tools/`, and the files that are built from it.

    Attributes:
        module: Directory under `tools/` that holds go.mod.
        requires: Go module whose version in go.mod is the version of the tools.
        packages: File name to Go package, one `go build` each.
        links: Command name to the file it is a link to, for one binary that acts by its name.
        variables: `-X` settings of the linker; `{version}`, `{major}`, `{minor}` and `{number}` (no `v`) are filled in.
    """

    module: str
    requires: str
    packages: dict[str, str]
    links: dict[str, str] = field(default_factory=dict)
    variables: tuple[str, ...] = ()

    @property
    def directory(self) -> Path:
        """The directory that holds this module's go.mod."""
        return MODULES_DIRECTORY / self.module

    @property
    def version(self) -> str:
        """The pinned version, such as `v1.34.4`, read from go.mod."""
        text = (self.directory / "go.mod").read_text()
        found = re.search(rf"^(?:require)?\s*{re.escape(self.requires)} (v\S+)", text, re.MULTILINE)
        if found is None:
            msg = f"{self.directory / 'go.mod'} requires no {self.requires}"
            raise LookupError(msg)
        return found[1]

    def build_arguments(self) -> list[str]:
        """Arguments of `go build`, without output and package."""
        major, minor, _ = self.version.removeprefix("v").split(".", 2)
        names = {"version": self.version, "number": self.version.removeprefix("v"), "major": major, "minor": minor}
        settings = ["-s", "-w", *(f"-X {each.format(**names)}" for each in self.variables)]
        return ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", " ".join(settings)]

    def fingerprint(self) -> str:
        """Twelve hex digits that change with anything the built files depend on, but the Go version."""
        digest = hashlib.sha256()
        for path in sorted(self.directory.iterdir()):
            if path.name in {"go.mod", "go.sum"} or path.suffix == ".go":
                digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
        machine = (platform.system(), platform.machine())
        digest.update(repr((self.build_arguments(), self.packages, self.links, machine)).encode())
        return digest.hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Tool:
    """A command, and how to judge one that is already on PATH.

    Attributes:
        source: What it is built from when it is not there.
        version_arguments: Arguments that make it print its version.
        oldest: Oldest (major, minor) that may be used from PATH.
        newest: Newest (major, minor) that may be used from PATH; None = any.
    """

    source: Source
    version_arguments: tuple[str, ...]
    oldest: MinorVersion
    newest: MinorVersion | None = None


KUBERNETES = Source(
    module="kubernetes",
    requires="k8s.io/kubernetes",
    packages={"kubernetes": "."},
    links=dict.fromkeys(("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"), "kubernetes"),
    variables=(
        "k8s.io/component-base/version.gitVersion={version}",
        "k8s.io/component-base/version.gitMajor={major}",
        "k8s.io/component-base/version.gitMinor={minor}",
        "k8s.io/client-go/pkg/version.gitVersion={version}",
    ),
)
ETCD = Source(module="etcd", requires="go.etcd.io/etcd/server/v3", packages={"etcd": "go.etcd.io/etcd/server/v3"})
KWOK = Source(
    module="kwok",
    requires="sigs.k8s.io/kwok",
    packages={"kwok": "sigs.k8s.io/kwok/cmd/kwok", "kwokctl": "sigs.k8s.io/kwok/cmd/kwokctl"},
    variables=("sigs.k8s.io/kwok/pkg/consts.Version={number}",),
)
KIND = Source(module="kind", requires="sigs.k8s.io/kind", packages={"kind": "sigs.k8s.io/kind"})
HELM = Source(
    module="helm",
    requires="helm.sh/helm/v4",
    packages={"helm": "helm.sh/helm/v4/cmd/helm"},
    variables=(
        "helm.sh/helm/v4/internal/version.version={version}",
        # Without a cluster to ask, it takes Kubernetes to be this old: 1.20, unless told otherwise.
        "helm.sh/helm/v4/pkg/chart/common.k8sVersionMajor=1",
        f"helm.sh/helm/v4/pkg/chart/common.k8sVersionMinor={KUBERNETES.version.split('.')[1]}",
    ),
)
HELM_DOCS = Source(
    module="helm-docs",
    requires="github.com/norwoodj/helm-docs",
    packages={"helm-docs": "github.com/norwoodj/helm-docs/cmd/helm-docs"},
    variables=("main.version={number}",),
)

# 1.30 is the oldest Kubernetes that Tidegate supports; servers newer than the pinned minor were never tried with
# the pinned kwok, while a newer kubectl does no harm.
TOOLS = {
    "kube-apiserver": Tool(KUBERNETES, ("--version",), (1, 30), (1, 34)),
    "kube-controller-manager": Tool(KUBERNETES, ("--version",), (1, 30), (1, 34)),
    "kube-scheduler": Tool(KUBERNETES, ("--version",), (1, 30), (1, 34)),
    "kubectl": Tool(KUBERNETES, ("version", "--client"), (1, 30)),
    "etcd": Tool(ETCD, ("--version",), (3, 5), (3, 6)),
    "kwok": Tool(KWOK, ("--version",), (0, 7), (0, 7)),
    "kwokctl": Tool(KWOK, ("--version",), (0, 7), (0, 7)),
    "kind": Tool(KIND, ("version",), (0, 30)),
    "helm": Tool(HELM, ("version", "--short"), (4, 0), (4, 99)),
    "helm-docs": Tool(HELM_DOCS, ("--version",), (1, 14)),
}

CLUSTER_TOOLS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
    "kwokctl",
    "kubectl",
)
"""What a Docker-free cluster needs."""
