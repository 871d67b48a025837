"""The ceiling: bare Sanic that answers every operation with the same body, and asks nobody.

Settings, from the environment: PORT, and LINES, how many items the body reports.
"""

import os

from sanic import HTTPResponse, Request, Sanic

from store_api.reports.encoding import report_json
from store_api.stock import Report
from store_api.web.serving import App


def create_app(lines: int) -> App:
    """Build the server; its body is a report of so many lines."""
    app: App = Sanic("bare_sanic", configure_logging=False)
    body = report_json(Report("hot", {f"item-{number}": 1_000_000 for number in range(lines)}))

    async def answer(request: Request, store_id: str) -> HTTPResponse:
        return HTTPResponse(body, content_type="application/json")

    app.add_route(answer, "/stores/<store_id:str>", methods=["POST"], name="operate")
    app.add_route(answer, "/stores/<store_id:str>/group_op", methods=["POST"], name="group")
    return app


if __name__ == "__main__":
    create_app(int(os.environ["LINES"])).run(
        host="127.0.0.1", port=int(os.environ["PORT"]), single_process=True, access_log=False, motd=False
    )
