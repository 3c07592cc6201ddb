"""What Argo writes about a run, or a node of it, that the comparison leaves out, each for its reason.

Everything else is compared, so a field that is new in either engine shows up as a difference.
"""

TIME = "the two runs are not at the same time; that nodes end in the right order is compared"
PLACE = "says where a pod ran"
BOOKKEEPING = "the controller's own bookkeeping"
STORE = "says where an artifact is kept; what is in it is compared through the steps that read it"

WORKFLOW = {
    "artifactGCStatus": STORE,
    "artifactRepositoryRef": STORE,
    "conditions": BOOKKEEPING,
    "estimatedDuration": TIME,
    "finishedAt": TIME,
    "progress": "Argo counts pods; the local engine shows what a step says of itself",
    "resourcesDuration": TIME,
    "startedAt": TIME,
    "storedTemplates": BOOKKEEPING,
    "storedWorkflowTemplateSpec": BOOKKEEPING,
    "synchronization": BOOKKEEPING,
    "taskResultsCompletionStatus": BOOKKEEPING,
}
NODE = {
    "estimatedDuration": TIME,
    "finishedAt": TIME,
    "hostNodeName": PLACE,
    "podIP": PLACE,
    "progress": WORKFLOW["progress"],
    "resourcesDuration": TIME,
    "startedAt": TIME,
    "taskResultSynced": BOOKKEEPING,
    "templateScope": "the local engine runs no template of another document, so every scope is the run's own",
}
# Of a step that was stopped for its time, the exit code is a matter of what it did in its last moments, and Argo's
# words of whether its pod had started by then.
STOPPED = (
    "Pod was active on the node longer than the specified deadline",
    "Step exceeded its deadline",
    "timeout",
)
# The tails of these messages, from the second group on, are words of Go's libraries or paths within Argo's executor.
TAILS = (
    r"(wait: Error \(exit code 64\): )(.*)",
    r"((?:Invalid|Failed to evaluate) 'when' expres+ion '.*': )(.*)",
    r"(withParam value could not be parsed as a JSON list: .*?)(: (?:json|invalid character).*)?",
    r"((?:.*: )?invalid character )(.*)",
    r"(invalid spec: )(.*)",
)
# Of an artifact, its name and its global name are compared.
ARTIFACT = {
    "archive": STORE,
    "optional": "repeats the document",
    "path": "in Argo the path in the container, here the kept file",
    "s3": STORE,
}
# Of a parameter, its name, value and global name are compared.
PARAMETER = {
    "default": "repeats the document",
    "description": "repeats the document",
    "enum": "repeats the document",
    "valueFrom": "repeats the document",
}
