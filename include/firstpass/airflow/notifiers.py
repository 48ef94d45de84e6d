"""The built-in notifiers: e-mail and a webhook, through Airflow's own, with connections that the settings name.

Nothing goes through Airflow's templates, because a run's id may be anything.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from firstpass.contracts.notification import Notification
from firstpass.settings import settings

_SECONDS = 20  # that a webhook may take to answer


class EmailNotifier:
    """To the addresses in FIRSTPASS_NOTIFY_EMAIL."""

    def configured(self) -> bool:
        """Whether the settings name an address."""
        return bool(settings().notify_email)

    def send(self, notification: Notification) -> None:
        """One e-mail to all of them. Raises what the provider raises."""
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        to = [address.strip() for address in settings().notify_email.split(",") if address.strip()]
        SmtpNotifier(
            to=to,
            subject=notification.title,
            html_content=notification.html,
            smtp_conn_id=settings().notify_email_conn_id,
        ).notify({})


class WebhookNotifier:
    """To the HTTP connection in FIRSTPASS_NOTIFY_WEBHOOK_CONN_ID, as JSON."""

    def configured(self) -> bool:
        """Whether the settings name a connection."""
        return bool(settings().notify_webhook_conn_id)

    def send(self, notification: Notification) -> None:
        """One POST. Raises what the provider raises."""
        from airflow.providers.http.notifications.http import HttpNotifier
        from airflow.sdk import BaseHook
        from airflow.sdk.log import mask_secret

        connection = settings().notify_webhook_conn_id
        # Whoever knows a chat service's address may write there, and errors quote addresses.
        mask_secret(urlsplit(BaseHook.get_connection(connection).host or "").path.strip("/"))
        options = {"timeout": _SECONDS}
        HttpNotifier(http_conn_id=connection, json=notification.payload, extra_options=options).notify({})


EMAIL = EmailNotifier()
WEBHOOK = WebhookNotifier()
