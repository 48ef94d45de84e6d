"""A detector without a network: it finds the places in an image that look like template.png."""

import cv2
import numpy as np

from firstpass import plugins


class TemplateDetector(plugins.Detector):
    def __init__(self, version, folder, floor):
        self.template = cv2.imread(str(folder / "template.png"), cv2.IMREAD_COLOR_RGB)
        self.height, self.width = self.template.shape[:2]

    def prepare(self, image):
        if image.shape[0] < self.height or image.shape[1] < self.width:
            raise plugins.UnfitImage(f"is smaller than the template of {self.width}×{self.height} pixels")
        return plugins.PreparedInput(image, image.shape[1], image.shape[0])

    def predict(self, batch):
        return [self._find(item.pixels) for item in batch]

    def _find(self, pixels):
        likeness = cv2.matchTemplate(pixels, self.template, cv2.TM_CCOEFF_NORMED)
        _, score, _, (x, y) = cv2.minMaxLoc(likeness)
        box = np.array([[x, y, x + self.width, y + self.height]], np.float32)
        return plugins.Detections(np.array([1], np.int32), np.array([max(score, 0)], np.float32), box)


KIND = plugins.DetectorKind(
    name="template",
    title="a template picture",
    weights="template.png",
    store_name=plugins.single_file("template.png"),
    inspect=lambda folder: plugins.WeightsInspection(class_count=1, has_masks=False),
    load=TemplateDetector,
    threshold=0.9,
)
