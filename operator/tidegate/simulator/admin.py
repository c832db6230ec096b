"""The administration of simulated engines, on a port of its own: look at them, break them, forget them.

==========================  ==================================================================================
``GET /engines``            every engine that was spoken to, with what it does and what is wrong with it
``PUT /faults/ADDRESS``     break the engines at an address; the body is a JSON object of what is wrong
``DELETE /faults/ADDRESS``  mend them
``POST /reset/ADDRESS``     forget them, as if the pods were killed: requests are cut off, counters start at 0,
                            and the start-up time counts again from the next contact
==========================  ==================================================================================

ADDRESS is the local address that clients connect to (a pod's), or ``all``: every one, also of engines to come.
Faults are ``{"slow": 3.0}``, ``{"hang": true}``, ``{"error500": true}`` and ``{"metrics": KIND}`` with KIND one of
``truncated``, ``notText``, ``huge``, ``neverEnding``, ``nan``, ``missing``, ``error500``. Several may be given at once.
"""

import ipaddress
import json

from aiohttp import web

from .faults import Faults
from .fleet import ALL, Fleet


def admin_application(fleet: Fleet) -> web.Application:
    """The aiohttp application that administers a fleet."""

    async def engines(_: web.Request) -> web.Response:
        rows = []
        for (address, port), engine in fleet:
            replica, faults = engine.catch_up(), fleet.faults(address)
            rows.append(
                {
                    "address": address,
                    "port": port,
                    "modelName": engine.model_name,
                    "ready": engine.ready,
                    "waiting": replica.waiting,
                    "running": replica.running,
                    "kvUsage": round(replica.kv_usage, 4),
                    "received": replica.measures.received,
                    "finished": replica.measures.finished,
                    "aborted": replica.measures.aborted,
                    "faults": {
                        "slow": faults.slow,
                        "hang": faults.hang,
                        "error500": faults.error500,
                        "metrics": faults.metrics,
                    },
                }
            )
        return web.json_response({"engines": rows})

    async def set_faults(request: web.Request) -> web.Response:
        address = _address(request)
        try:
            faults = Faults.parse(await request.json())
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise web.HTTPBadRequest(text=f"the body is no JSON: {error}\n") from error
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from error
        fleet.set_faults(address, faults)
        return web.Response(text=f"{address}: {faults}\n")

    async def clear_faults(request: web.Request) -> web.Response:
        address = _address(request)
        fleet.set_faults(address, Faults())
        return web.Response(text=f"{address}: {Faults()}\n")

    async def reset(request: web.Request) -> web.Response:
        return web.Response(text=f"{fleet.reset(_address(request))} forgotten\n")

    app = web.Application()
    app.router.add_get("/engines", engines)
    app.router.add_put("/faults/{address}", set_faults)
    app.router.add_delete("/faults/{address}", clear_faults)
    app.router.add_post("/reset/{address}", reset)
    return app


def _address(request: web.Request) -> str:
    address = request.match_info["address"]
    if address != ALL:
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            text = f"address is {address!r}; give an IP address or {ALL}\n"
            raise web.HTTPBadRequest(text=text) from error
    return address
