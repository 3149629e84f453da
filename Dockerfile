# The page for strangers, as a container. How it is run: docs/deploy.md
FROM python:3.12-slim-bookworm AS build
WORKDIR /app
COPY requirements.lock ./
# Wheels only, so that no compiler is needed, and only those whose sums are in the lock.
RUN ["python", "-m", "venv", "/opt/venv"]
RUN ["/opt/venv/bin/python", "-m", "pip", "install", "--no-cache-dir", "--require-hashes", "--only-binary", ":all:", "-r", "requirements.lock"]
COPY debate_app.py models.yaml ./
COPY personas personas
COPY rebuttal rebuttal
# The built-in model's weights, whose sum is in models.yaml.
RUN REBUTTAL_CACHE=/opt/fetched /opt/venv/bin/python -m rebuttal pull SmolLM2 \
    && mv /opt/fetched/weights/*/*.gguf /opt/built-in.gguf \
    && /opt/venv/bin/python -m compileall -q rebuttal debate_app.py

FROM python:3.12-slim-bookworm
# xllamacpp uses OpenMP, which the slim image lacks.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin rebuttal \
    && install -d -o rebuttal -g rebuttal -m 700 /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/built-in.gguf /opt/built-in.gguf
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    REBUTTAL_PROFILE=public \
    REBUTTAL_HOST=0.0.0.0 \
    REBUTTAL_PORT=7860 \
    REBUTTAL_DATA=/data \
    REBUTTAL_CACHE=/data/cache \
    REBUTTAL_WEIGHTS=/opt/built-in.gguf \
    REBUTTAL_OFFLINE=true
USER 10001:10001
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "debate_app.py"]
