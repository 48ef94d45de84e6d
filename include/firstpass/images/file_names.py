"""What counts as an image, by its name alone."""

from __future__ import annotations

from firstpass.errors import FirstpassError

# What counts as an image, by the end of its name in any case. HEIC cannot be decoded; it is listed so that such
# photographs are quarantined with that reason instead of being ignored in silence.
EXTENSIONS = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif"),
    )
)


def looks_like_image(name: str) -> bool:
    """Whether a file or object of this name counts as an image."""
    dot = name.rfind(".")
    return not name.startswith(".") and dot > 0 and name[dot:].lower() in EXTENSIONS


def no_images(uri: str) -> FirstpassError:
    """The error for an address without any image."""
    return FirstpassError(
        f"images={uri!r} holds no images", "put images there; their names end in " + ", ".join(sorted(EXTENSIONS))
    )
