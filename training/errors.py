"""What can go wrong in a step, each as one sentence that says what to do.

* TrainingError
  - UnknownModelError   no folder of that name under training/models
  - SourceError         the data that prepare reads: missing, malformed, wrong arrays
  - ArtifactError       what an earlier step should have written: missing, incomplete, of another model
  - DivergedError       the loss stopped being a number
  - RefusedError        the step did its work and the answer is no
    · AnomalyError      validate found errors in the data
    · GateError         the model is below a bar
    · CheckError        the model server died, or answered otherwise than the model in process
"""


class TrainingError(Exception):
    """Base of all: the message is one sentence for the user; the step ends with exit code 1."""


class UnknownModelError(TrainingError):
    """No model of that name; the message lists the known ones."""


class SourceError(TrainingError):
    """The source data is missing, malformed or has the wrong arrays."""


class ArtifactError(TrainingError):
    """A file or directory that an earlier step should have written is missing, incomplete or of another model."""


class DivergedError(TrainingError):
    """The loss stopped being a finite number."""


class RefusedError(TrainingError):
    """The step did its work, its report says so, and the answer is no."""


class AnomalyError(RefusedError):
    """The data holds errors; the message names the first, the report all."""


class GateError(RefusedError):
    """The model is below a bar; the message names the failed checks with their numbers."""


class CheckError(RefusedError):
    """The model server died, was never ready, or answered otherwise than the model in process."""
