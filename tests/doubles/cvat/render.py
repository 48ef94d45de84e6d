"""The double's objects as CVAT's API shows them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from doubles.cvat.state import Job, Label, Project, Task

DATE = "2026-01-01T00:00:00.000000Z"


def about(version: str) -> dict[str, Any]:
    return {
        "name": "Computer Vision Annotation Tool",
        "description": "A double",
        "version": version,
        "logo_url": "/logo",
        "subtitle": "",
    }


def user(number: int) -> dict[str, Any]:
    return {"id": number, "username": f"user{number}", "first_name": "", "last_name": "", "url": "http://cvat/u"}


def access_token(owner: int, read_only: bool) -> dict[str, Any]:
    return {
        "id": 1, "name": "night", "created_date": "2026-01-01T00:00:00Z", "updated_date": "2026-01-01T00:00:00Z",
        "expiry_date": "2027-01-01T00:00:00Z", "last_used_date": None, "read_only": read_only, "owner": user(owner),
    }  # fmt: skip


def page(url: str, query: dict[str, str], rows: list[Any]) -> dict[str, Any]:
    """Ten a page unless `page_size` asks for more, five hundred at most."""
    size = min(int(query.get("page_size", 10)), 500)
    number = int(query.get("page", 1))
    more = number * size < len(rows)
    link = f"{url}?{urlencode({**query, 'page': number + 1})}"
    return {
        "count": len(rows),
        "next": link if more else None,
        "previous": None if number == 1 else f"{url}?{urlencode({**query, 'page': number - 1})}",
        "results": rows[(number - 1) * size : number * size],
    }


def project(base: str, item: Project, tasks: list[Task]) -> dict[str, Any]:
    return {
        "url": f"{base}/api/projects/{item.id}",
        "id": item.id,
        "name": item.name,
        "owner": user(item.owner),
        "assignee": None,
        "guide_id": None,
        "bug_tracker": "",
        "task_subsets": [],
        "created_date": DATE,
        "updated_date": DATE,
        "status": "annotation",
        "dimension": "2d",
        "organization": None,
        "organization_id": None,
        "target_storage": None,
        "source_storage": None,
        "tasks": {"count": len(tasks), "url": f"{base}/api/tasks?project_id={item.id}"},
        "labels": {"url": f"{base}/api/labels?project_id={item.id}"},
        "assignee_updated_date": None,
    }


def task(base: str, item: Task) -> dict[str, Any]:
    chunk_type = "video" if item.mode == "interpolation" else "imageset"
    return {
        "url": f"{base}/api/tasks/{item.id}",
        "id": item.id,
        "name": item.name,
        "project_id": item.project.id if item.project else None,
        "project_name": item.project.name if item.project else None,
        "owner": user(item.owner),
        "assignee": None,
        "bug_tracker": "",
        "created_date": DATE,
        "updated_date": f"2026-01-01T00:00:{item.revision // 1000 % 60:02d}.{item.revision % 1000:03d}000Z",
        "overlap": item.overlap,
        "segment_size": item.segment_size or item.size,
        "status": item.status,
        "data_chunk_size": item.chunk_size if item.frames is not None else None,
        "data_original_chunk_type": chunk_type,
        "data_compressed_chunk_type": chunk_type,
        "data_cloud_storage_id": None,
        "guide_id": None,
        "size": item.size,
        "image_quality": item.image_quality,
        "data": item.id if item.frames is not None else None,
        "dimension": item.dimension,
        "mode": item.mode,
        "media_type": "point_cloud" if item.dimension == "3d" else "image",
        "subset": "",
        "organization_id": None,
        "organization": None,
        "target_storage": None,
        "source_storage": None,
        "jobs": {"count": len(item.jobs), "completed": 0, "validation": 0, "url": f"{base}/api/jobs?task_id={item.id}"},
        "labels": {"url": f"{base}/api/labels?task_id={item.id}"},
        "assignee_updated_date": None,
        "validation_mode": None,
        "consensus_enabled": False,
    }


def label(item: Label, of_project: Project | None, of_task: Task | None) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "color": "#33ddff",
        "attributes": item.attributes,
        "type": item.type,
        "sublabels": item.sublabels,
        "project_id": of_project.id if of_project else None,
        "task_id": of_task.id if of_task else None,
        "parent_id": None,
        "has_parent": False,
    }


def job(base: str, of: Task, item: Job) -> dict[str, Any]:
    shared = task(base, of)
    keys = ("project_id", "project_name", "guide_id", "dimension", "mode", "media_type", "bug_tracker", "labels",
            "data_chunk_size", "data_compressed_chunk_type", "data_original_chunk_type", "created_date", "updated_date",
            "organization", "target_storage", "source_storage", "assignee", "assignee_updated_date")  # fmt: skip
    return {
        **{key: shared[key] for key in keys},
        "url": f"{base}/api/jobs/{item.id}",
        "id": item.id,
        "task_id": of.id,
        "task_name": of.name,
        "status": "completed" if item.stage == "acceptance" else item.stage,
        "stage": item.stage,
        "state": item.state,
        "frame_count": item.stop - item.start + 1,
        "start_frame": item.start,
        "stop_frame": item.stop,
        "issues": {"count": 0, "url": f"{base}/api/issues?job_id={item.id}"},
        "type": item.type,
        "parent_job_id": None,
        "consensus_replicas": item.consensus_replicas,
        "replicas_count": item.consensus_replicas,
    }


def meta(item: Task) -> dict[str, Any]:
    return {
        "chunks_updated_date": DATE,
        "chunk_size": item.chunk_size,
        "size": item.size,
        "image_quality": item.image_quality,
        "start_frame": item.start_frame,
        "stop_frame": item.start_frame + item.size - 1,
        "frame_filter": "",
        "frames": [
            {
                "width": frame.size[0],
                "height": frame.size[1],
                "name": frame.name,
                "related_files": 0,
                "has_related_context": False,
            }
            for frame in item.frames or ()
        ],
        "deleted_frames": sorted(item.deleted_frames),
        "included_frames": None,
        "storage": "local",
        "cloud_storage_id": None,
        "chapters": None,
    }


def finished_request(number: str) -> dict[str, Any]:
    return {
        "status": "finished",
        "message": "",
        "id": number,
        "operation": {
            "type": "create",
            "target": "task",
            "project_id": None,
            "task_id": None,
            "job_id": None,
            "org_id": None,
            "format": None,
            "function_id": None,
        },
        "progress": 1.0,
        "created_date": DATE,
        "started_date": DATE,
        "finished_date": DATE,
        "expiry_date": None,
        "owner": {"id": 1, "username": "user1"},
        "result_url": None,
        "result_id": None,
    }
