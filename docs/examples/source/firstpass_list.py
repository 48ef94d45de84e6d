"""Images that a text file lists, one path per line: list:/data/photos.txt"""

from pathlib import Path

from firstpass.plugins import FirstpassError, ImageRef, ImageSource


class ListSource(ImageSource):
    def check(self, uri):
        if not self._file(uri).is_file():
            raise FirstpassError(f"images={uri!r}: there is no such file", "give the file that lists the images")

    def list(self, uri):
        for line in self._file(uri).read_text().splitlines():
            path = Path(line.strip())
            if line.strip() and path.exists():
                stat = path.stat()
                yield ImageRef(f"list:{path}", stat.st_size, f"{stat.st_size}-{stat.st_mtime_ns}")

    def fetch(self, ref):
        return self._file(ref.uri).read_bytes()

    def reaches_pods(self):
        return False  # the file lies on this machine

    def _file(self, uri):
        return Path(uri.removeprefix("list:"))


SOURCE = ListSource()
