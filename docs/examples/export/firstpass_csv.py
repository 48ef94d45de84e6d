"""Drafts as a CSV file, a row per draft."""

import csv


class CsvFormat:
    title = "CSV"
    main_file = "drafts.csv"

    def write(self, folder, head, images):
        names = head.classes.names
        with (folder / self.main_file).open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["image", "class", "score", "x1", "y1", "x2", "y2"])
            for image in images():
                for draft in image.drafts:
                    rows.writerow([image.name, names[draft.class_id], f"{draft.score:.4f}", *draft.box])


CSV = CsvFormat()
