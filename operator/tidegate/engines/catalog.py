"""Finds the table of a service's engine."""

from collections.abc import Mapping
from dataclasses import replace

from tidegate.api.engine import EngineType, ServingEngine
from tidegate.engines.custom import custom_table
from tidegate.engines.infinity import INFINITY
from tidegate.engines.llama_cpp import LLAMA_CPP
from tidegate.engines.lmdeploy import LMDEPLOY
from tidegate.engines.ollama import OLLAMA
from tidegate.engines.sglang import SGLANG
from tidegate.engines.table import EngineTable
from tidegate.engines.tei import TEI
from tidegate.engines.tensorrt_llm import TENSORRT_LLM
from tidegate.engines.tgi import TGI
from tidegate.engines.triton import TRITON, TRITON_REQUESTS
from tidegate.engines.vllm import VLLM

TABLES: Mapping[EngineType, EngineTable] = {
    table.type: table for table in (VLLM, SGLANG, TGI, TENSORRT_LLM, TRITON, LMDEPLOY, LLAMA_CPP, TEI, INFINITY, OLLAMA)
}
"""The engines that are known."""

COUNTING_REQUESTS: Mapping[EngineType, EngineTable] = {table.type: table for table in (TRITON_REQUESTS,)}
"""Those that have other metrics where their work is to be counted in requests."""


def engine_table(engine: ServingEngine) -> EngineTable:
    """Find the table of an engine, with the ports and the path that its spec gives instead of the usual ones.

    Args:
        engine: `spec.engine`, of a service that Tidegate runs or of a target.

    Raises:
        ValueError: a custom engine lacks its port or its metrics' names.
    """
    if engine.type is EngineType.CUSTOM:
        table = _custom(engine)
    else:
        tables = COUNTING_REQUESTS if engine.metrics.work_unit == "requests" else TABLES
        known = tables.get(engine.type) or TABLES[engine.type]
        shares_port = known.metrics_port == known.port
        port = engine.port or known.port
        table = replace(known, port=port, metrics_port=port if shares_port else known.metrics_port)
    return replace(
        table,
        metrics_port=engine.metrics.port or table.metrics_port,
        metrics_path=engine.metrics.path or table.metrics_path,
    )


def _custom(engine: ServingEngine) -> EngineTable:
    if engine.port is None:
        raise ValueError("engine.port is required when engine.type is Custom: no default is known")
    if engine.metrics.names is None:
        raise ValueError("engine.metrics.names is required when engine.type is Custom: name the engine's metrics")
    names = engine.metrics.names.model_dump(by_alias=False, exclude_none=True)
    return custom_table(names, port=engine.port, work_unit=engine.metrics.work_unit)
