"""Where the API server is and how to be let in: one source for our own client and for kopf's watches."""

import os
from pathlib import Path

import kopf
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import (
    ConfigException,
    list_kube_config_contexts,
    load_incluster_config,
    load_kube_config,
)
from yaml import YAMLError

REQUESTS_IN_FLIGHT = 32
IN_CLUSTER_VARIABLE = "KUBERNETES_SERVICE_HOST"
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class NoClusterError(RuntimeError):
    """No cluster is configured; the message says what was tried."""


async def load_configuration(kubeconfig: str | None = None) -> Configuration:
    """Find the cluster: the given kubeconfig, else the pod's service account, else `$KUBECONFIG` or `~/.kube/config`.

    Raises:
        NoClusterError: if none of them is there or can be read.
    """
    configuration = Configuration()
    try:
        if kubeconfig is None and IN_CLUSTER_VARIABLE in os.environ:
            load_incluster_config(client_configuration=configuration)
        else:
            await load_kube_config(config_file=kubeconfig, client_configuration=configuration)
    except _UNREADABLE as error:
        raise _no_cluster(kubeconfig, error) from error
    configuration.connection_pool_maxsize = REQUESTS_IN_FLIGHT
    return configuration


def current_namespace(kubeconfig: str | None = None) -> str:
    """The namespace that is meant where none is given, as kubectl has it: the context's, in a pod its own, or default.

    Raises:
        NoClusterError: if there is no kubeconfig, or it cannot be read.
    """
    try:
        if kubeconfig is None and IN_CLUSTER_VARIABLE in os.environ:
            return POD_NAMESPACE.read_text().strip()
        _, active = list_kube_config_contexts(kubeconfig)
        return active["context"].get("namespace") or "default"
    except _UNREADABLE as error:
        raise _no_cluster(kubeconfig, error) from error


def pod_namespace() -> str:
    """The namespace of the pod that this is; `default` outside of one."""
    try:
        return os.environ.get("POD_NAMESPACE") or POD_NAMESPACE.read_text().strip()
    except OSError:
        return "default"


async def kopf_connection(configuration: Configuration) -> kopf.ConnectionInfo:
    """The same connection in kopf's words. Read anew at each login, so that a rotated token is picked up."""
    token = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
    scheme, _, secret = (token or "").partition(" ")
    return kopf.ConnectionInfo(
        server=str(configuration.host),
        ca_path=configuration.ssl_ca_cert or None,
        ca_data=configuration.ca_cert_data or None,
        insecure=not configuration.verify_ssl,
        scheme=scheme or None,
        token=secret or None,
        certificate_path=configuration.cert_file or None,
        private_key_path=configuration.key_file or None,
    )


_UNREADABLE = (ConfigException, OSError, YAMLError, TypeError, ValueError)
"""What a missing or an unusable kubeconfig raises; the last three: it is no kubeconfig at all."""


def _no_cluster(kubeconfig: str | None, error: Exception) -> NoClusterError:
    tried = kubeconfig or os.environ.get("KUBECONFIG") or str(Path("~/.kube/config"))
    return NoClusterError(f"no cluster: {error} (looked in {tried}; give --kubeconfig or set KUBECONFIG)")
