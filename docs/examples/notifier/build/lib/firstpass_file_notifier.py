"""Notifications as lines of a file: FIRSTPASS_FILE_PATH names it."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from firstpass.plugins import PluginSettings


class FileSettings(PluginSettings):
    model_config = SettingsConfigDict(env_prefix="FIRSTPASS_FILE_")

    path: str = ""


class FileNotifier:
    settings = FileSettings

    def configured(self):
        return bool(FileSettings.load().path)

    def send(self, notification):
        with Path(FileSettings.load().path).open("a", encoding="utf-8") as file:
            file.write(f"{notification.event}: {notification.title} {notification.url}\n")


NOTIFIER = FileNotifier()
