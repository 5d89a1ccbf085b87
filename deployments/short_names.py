"""A Prefect plugin: `prefect deployment run kitti-finetune`, as typed, in the project's folder.

Prefect asks for FLOW/DEPLOYMENT and knows the server by a setting. In a folder whose ``prefect.toml`` turns plugins on,
this one looks up a name without a slash among all deployments, and points Prefect at the server ``kittidet up`` started
there. Anything it does not expect is left to Prefect.
"""

import functools
import os
from collections.abc import Awaitable, Callable
from typing import Any

from prefect.plugins import HookContext, register_hook

from deployments.project import find_project, read_api_url

PREFECT_PLUGIN_API_REQUIRES = ">=0.1,<1"
_MARK = "_kittidet_short_names"


@register_hook
def setup_environment(*, ctx: HookContext) -> None:
    """Use the local server's address unless one is given, and accept deployment names without their flow."""
    url = read_api_url(find_project())
    if url is not None:
        os.environ.setdefault("PREFECT_API_URL", url)
    try:
        from prefect.client.orchestration._deployments.client import (  # noqa: PLC0415  no public hook exists
            DeploymentAsyncClient,
        )

        accept_short_names(DeploymentAsyncClient)
    except (ImportError, AttributeError) as error:
        ctx.logger_factory(__name__).debug("short deployment names are off: %s", error)


def accept_short_names(client_class: Any) -> None:
    """Make ``read_deployment_by_name`` of a client class find a deployment by its own name where that is unique.

    A name with a slash, a name that matches no deployment or several, and any lookup error go to the original.
    """
    original: Callable[..., Awaitable[Any]] = client_class.read_deployment_by_name
    if getattr(original, _MARK, False):
        return

    @functools.wraps(original)
    async def read_deployment_by_name(self: Any, name: str) -> Any:
        if "/" not in name and (found := await _find_by_own_name(self, name)) is not None:
            return found
        return await original(self, name)

    setattr(read_deployment_by_name, _MARK, True)
    client_class.read_deployment_by_name = read_deployment_by_name


async def _find_by_own_name(client: Any, name: str) -> Any:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName  # noqa: PLC0415

    try:
        found = await client.read_deployments(
            deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[name])), limit=2
        )
    except Exception:  # noqa: BLE001  a shortcut must never be why a command fails: the original says what is wrong
        return None
    return found[0] if len(found) == 1 else None
