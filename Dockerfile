# One image for the API, the bot (python -m bot) and the replica set's init (python mongo-replica-init).
# Nothing in it is written to at run time but /tmp, for spreadsheets while they are built.

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /build
COPY requirements/image.lock ./
RUN python -m venv --without-pip /opt/store_api \
    && python -m pip --python /opt/store_api/bin/python install --no-cache-dir --require-hashes -r image.lock
# .dockerignore lets in only what the image holds.
COPY . /app/
RUN python -m compileall -q /app

FROM python:3.11.14-slim-bookworm
# 999 is MongoDB's user in its own image: it alone may read the keyFile and the first token, and the service only
# what it needs. The bot's part is a volume of its own.
RUN groupadd --gid 10001 store_api \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin store_api \
    && install -d -o 999 -g 10001 -m 0750 /secrets /secrets/bot
COPY --from=build /opt/store_api /opt/store_api
COPY --from=build /app /app
ENV PATH=/opt/store_api/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    HOST=:: \
    PORT=8000
WORKDIR /app
# AUTH is not said here: listening on every address, the service does not start until somebody has decided.
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 CMD ["python", "-m", "store_api.healthcheck", "live"]
CMD ["python", "-m", "store_api"]
