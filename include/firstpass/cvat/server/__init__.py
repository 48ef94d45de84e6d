"""The CVAT server: requests, the connection, what lies in its tasks."""
