"""The fields that say where and as whom a pod runs: read past on one machine, each for its reason.

Any other field that document.py does not read is refused by name, so nothing is ignored by accident.
"""

PLACE = "there is one machine, so no place to choose"
IMAGE = "the step runs in the caller's own environment, not in an image"
RIGHTS = "the step runs as the user who started the run"
RESOURCES = "the machine's own resources are what there is"
STORAGE = "every step has its folder in the run; what it is given comes as an artifact"
CLEANUP = "a run is a folder, which stays until it is deleted"
STORE = "artifacts are kept in the run's folder"
LABELS = "there is no pod to label"
METRICS = "there is no Prometheus to scrape the run"
KUBELET = "no kubelet watches the step; its exit code tells how it ended"
TEXT = "text for people"

SPEC = {
    "affinity": PLACE,
    "archiveLogs": STORE,
    "artifactGC": CLEANUP,
    "artifactRepositoryRef": STORE,
    "automountServiceAccountToken": RIGHTS,
    "dnsConfig": PLACE,
    "dnsPolicy": PLACE,
    "executor": RIGHTS,
    "hostAliases": PLACE,
    "hostNetwork": PLACE,
    "imagePullSecrets": IMAGE,
    "metrics": METRICS,
    "nodeSelector": PLACE,
    "podDisruptionBudget": PLACE,
    "podGC": CLEANUP,
    "podMetadata": LABELS,
    "podPriorityClassName": PLACE,
    "podSpecPatch": PLACE,
    "priority": PLACE,
    "schedulerName": PLACE,
    "securityContext": RIGHTS,
    "serviceAccountName": RIGHTS,
    "tolerations": PLACE,
    "ttlStrategy": CLEANUP,
    "volumeClaimGC": STORAGE,
    "volumeClaimTemplates": STORAGE,
    "volumes": STORAGE,
    "workflowMetadata": LABELS,
}
TEMPLATE = {
    "affinity": PLACE,
    "archiveLocation": STORE,
    "annotations": TEXT,
    "automountServiceAccountToken": RIGHTS,
    "executor": RIGHTS,
    "hostAliases": PLACE,
    "metadata": LABELS,
    "metrics": METRICS,
    "nodeSelector": PLACE,
    "podSpecPatch": PLACE,
    "priority": PLACE,
    "priorityClassName": PLACE,
    "schedulerName": PLACE,
    "securityContext": RIGHTS,
    "serviceAccountName": RIGHTS,
    "tolerations": PLACE,
    "volumes": STORAGE,
}
CONTAINER = {
    "image": IMAGE,
    "imagePullPolicy": IMAGE,
    "livenessProbe": KUBELET,
    "name": TEXT,
    "ports": KUBELET,
    "readinessProbe": KUBELET,
    "resources": RESOURCES,
    "securityContext": RIGHTS,
    "startupProbe": KUBELET,
    "terminationMessagePath": KUBELET,
    "terminationMessagePolicy": KUBELET,
    "volumeMounts": STORAGE,
}
ARTIFACT = {"archive": STORE, "archiveLogs": STORE, "artifactGC": CLEANUP, "deleted": CLEANUP, "mode": RIGHTS}
# Where a cluster keeps an output; an input that would be fetched from there is refused instead.
STORES = dict.fromkeys(("artifactory", "azure", "gcs", "hdfs", "oss", "plugin", "s3"), STORE)
RETRY = {"affinity": PLACE}
