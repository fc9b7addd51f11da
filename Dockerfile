FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY sdks/python sdks/python
COPY server server
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim-bookworm
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl \
    && rm -r /wheels \
    && useradd --system --uid 10001 --home-dir /data --create-home roomd
# TLS ends at the proxy in front, or is given by ROOMD_TLS_CERTIFICATE and ROOMD_TLS_KEY; the
# health check trusts that certificate. With ROOMD_TLS_CLIENT_CA it shows ROOMD_CLIENT_CERTIFICATE
# (and ROOMD_CLIENT_KEY). The container does not start without ROOMD_API_KEY.
ENV ROOMD_ALLOW_PLAINTEXT=true
WORKDIR /data
VOLUME /data
EXPOSE 7777
USER 10001
HEALTHCHECK --interval=30s --timeout=5s CMD ["roomd", "doctor", "--address", "127.0.0.1:7777"]
ENTRYPOINT ["roomd"]
CMD ["serve", "--store", "sqlite:////data/roomd.db", "--listen", "0.0.0.0:7777"]
