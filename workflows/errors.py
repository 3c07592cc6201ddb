"""What can go wrong outside a step, each as one sentence that says what to do.

* ShipwayError
  - UsageError          a name, path or option that does not fit
  - RefusedError        what fits and cannot be done as things stand
  - WorkspaceError      no workspace, or one in a state that a command must not touch
  - RepositoryError     git refused: dirty or diverged clone, remote out of reach, push lost
    · UnreachableError  a remote that did not answer
  - OverlayError        an overlay that cannot be read, edited or rendered
  - StoreError          a version that is missing, incomplete or altered
  - WorkflowError       a workflow that the local engine does not understand
    · UnsupportedError  a field, by name, that the local engine does not know
  - RunFailed           a workflow that ran and did not succeed
    · RunStopped        one that was stopped by a signal
  - ClusterError        Argo Server refused, is out of reach, or does not know what was asked for
    · NotOnCluster      what was asked for is not there
  - FollowingStopped    whoever followed a run on the cluster had enough; the run goes on
"""


class ShipwayError(Exception):
    """Base of all: the message is one sentence for the user; `exit_code` is the command's."""

    exit_code = 1


class UsageError(ShipwayError):
    """A name, path or option does not fit; the message lists what would."""

    exit_code = 2


class RefusedError(ShipwayError):
    """What is asked fits, and cannot be done as things stand."""


class WorkspaceError(ShipwayError):
    """There is no workspace, or it is in a state that a command must not touch."""


class RepositoryError(ShipwayError):
    """Git refused, the remote is out of reach, or the clone is dirty or has diverged."""


class UnreachableError(RepositoryError):
    """A remote did not answer; it may do so later."""


class OverlayError(ShipwayError):
    """An overlay cannot be read, edited or rendered."""


class StoreError(ShipwayError):
    """A version is missing from the model store, incomplete, or its files were altered."""


class WorkflowError(ShipwayError):
    """A workflow that the local engine cannot run as it is written."""


class UnsupportedError(WorkflowError):
    """A field, named in the message, that the local engine does not know."""


class RunFailed(ShipwayError):  # noqa: N818 - reads as what happened
    """A workflow ran and did not succeed."""


class RunStopped(RunFailed):
    """A workflow was stopped by a signal; its exit handler has run."""

    exit_code = 130


class ClusterError(ShipwayError):
    """Argo Server refused or is out of reach."""


class NotOnCluster(ClusterError):  # noqa: N818 - reads as what happened
    """Argo Server answers, and what was asked for is not there."""


class FollowingStopped(ShipwayError):  # noqa: N818 - reads as what happened
    """Whoever followed a run had enough of it; the run goes on."""

    exit_code = 130
