"""Every message of `bedrock.runtime.v1`, by its own name, and the stubs of both services.

The reference documentation is in the messages' own docstrings and in the repository's `proto/`.
"""

from ._proto.bedrock.runtime.v1.bedrock_runtime_service_pb2_grpc import (
    BedrockRuntimeServiceStub as BedrockRuntimeServiceStub,
)
from ._proto.runtime_types import *  # noqa: F403
