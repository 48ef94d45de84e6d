"""What other packages import to bring a part of their own: Protocols, records, and the errors that parts raise.

One module per part, found by an entry point:

- `firstpass.detectors`: a `DetectorKind`, whose `load` returns a `Detector`
- `firstpass.sources`: an `ImageSource`, named like its URI scheme
- `firstpass.exports`: an `ExportFormat`
- `firstpass.notifiers`: a `Notifier`
"""

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.detections import Detections, Part, Ring
from firstpass.contracts.detector import Detector, PreparedInput, UnfitImage, WeightsInspection
from firstpass.contracts.detector_kind import DetectorKind, single_file
from firstpass.contracts.export_format import Draft, DraftedImage, ExportFormat, ExportHead
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import ImageNamer, ImageSource, LeftOut, MissingImage, UnreadableImage
from firstpass.contracts.model_version import ModelFile, ModelVersion
from firstpass.contracts.network_profile import NetworkProfile
from firstpass.contracts.notification import Notification, Notifier
from firstpass.contracts.option_rule import OptionRule, numbers, one_of, share, whole_number
from firstpass.contracts.outcome import Outcome
from firstpass.errors import FirstpassError, Unavailable
from firstpass.settings import PluginSettings

__all__ = [
    "ClassTable",
    "Detections",
    "Detector",
    "DetectorKind",
    "Draft",
    "DraftedImage",
    "ExportFormat",
    "ExportHead",
    "FirstpassError",
    "ImageNamer",
    "ImageRef",
    "ImageSource",
    "LeftOut",
    "MissingImage",
    "ModelClass",
    "ModelFile",
    "ModelVersion",
    "NetworkProfile",
    "Notification",
    "Notifier",
    "OptionRule",
    "Outcome",
    "Part",
    "PluginSettings",
    "PreparedInput",
    "Ring",
    "Unavailable",
    "UnfitImage",
    "UnreadableImage",
    "WeightsInspection",
    "numbers",
    "one_of",
    "share",
    "single_file",
    "whole_number",
]
