/** What `disinto init --with-proxy` writes: a service that uses FORGE_TOKEN for the agents. */

/** The image of the proxy: nginx, started by the shim of the agent image. */
const DOCKERFILE = `# nginx under disinto's entrypoint: it alone gets FORGE_TOKEN.
ARG AGENT_IMAGE=disinto-agent
FROM \${AGENT_IMAGE}
RUN apt-get update \\
 && apt-get install --yes --no-install-recommends nginx-light \\
 && rm -rf /var/lib/apt/lists/*
COPY nginx.conf /etc/nginx/nginx.conf
COPY --chmod=0755 start /usr/local/bin/forge-proxy
CMD ["/usr/local/bin/forge-proxy"]
`

/** git and most forges take a token as the password of HTTP's basic authentication (RFC 7617). */
const START = `#!/bin/sh
# /tmp is memory. printf is a part of the shell: no value is among the words of a program.
set -eu
umask 077
basic=$(printf '%s:%s' "\${FORGE_USER:-token}" "$FORGE_TOKEN" | base64 -w 0)
printf 'proxy_set_header Authorization "Basic %s";\\nproxy_pass %s;\\n' "$basic" "$FORGE_URL" > /tmp/forge.conf
unset basic FORGE_TOKEN
exec nginx -e /dev/stderr
`

/**
 * What is let through. Compared is the request's target as it was sent, not what it may be decoded to: an encoded slash
 * would be another path to the forge than to us. A whole request is read before the forge sees any of it.
 */
const NGINX = String.raw`# Who may do what at the forge. What no line of "map" lets through is refused.
# Whoever can write this file can send the token elsewhere: keep it out of the agents' reach.
daemon off;
pid /tmp/nginx.pid;
error_log /dev/stderr warn;
events {}
http {
  access_log off;
  server_tokens off;
  client_max_body_size 512m;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;

  # Method and target as they were sent: nothing encoded, no "..", no other query.
  map "$request_method $request_uri" $allowed {
    default 0;
    # git clone, fetch and push
    "~^GET /[\w-][\w.-]*/[\w-][\w.-]*/info/refs\?service=git-(upload|receive)-pack$" 1;
    "~^POST /[\w-][\w.-]*/[\w-][\w.-]*/git-(upload|receive)-pack$" 1;
    # Issues and pull requests by the API of Gitea and Forgejo: read, open, comment
    "~^(GET|POST) /api/v1/repos/[\w-][\w.-]*/[\w-][\w.-]*/(issues|pulls)(/\d+(/comments)?)?(\?((page|limit|state|type)=\w*&?)*)?$" 1;
  }

  server {
    listen 80 default_server;
    return 421;
  }
  server {
    listen 80;
    server_name forge;
    if ($allowed = 0) {
      return 403;
    }
    location / {
      # Of the agents' headers these alone; the token and the address are in forge.conf.
      proxy_pass_request_headers off;
      proxy_set_header Accept $http_accept;
      proxy_set_header Content-Type $content_type;
      proxy_set_header Content-Encoding $http_content_encoding;
      proxy_set_header Git-Protocol $http_git_protocol;
      proxy_set_header User-Agent $http_user_agent;
      proxy_hide_header Set-Cookie;
      # The forge answers; where else to look it does not say: such a path has not been compared with "map".
      proxy_ignore_headers X-Accel-Redirect X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset X-Accel-Expires;
      proxy_http_version 1.1;
      proxy_ssl_server_name on;
      proxy_ssl_verify on;
      proxy_ssl_verify_depth 4;
      proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
      # Where the forge sends elsewhere, nobody follows.
      proxy_redirect off;
      proxy_intercept_errors on;
      error_page 301 302 303 307 308 =502 @elsewhere;
      include /tmp/forge.conf;
    }
    location @elsewhere {
      internal;
      return 502;
    }
  }
}
`

/** The service of the proxy. */
export const PROXY = 'forge'

/** The files of the proxy, by their paths in the project. */
export const PROXY_FILES: ReadonlyMap<string, { readonly text: string; readonly mode: number }> = new Map([
  ['proxy/Dockerfile', { text: DOCKERFILE, mode: 0o644 }],
  ['proxy/start', { text: START, mode: 0o755 }],
  ['proxy/nginx.conf', { text: NGINX, mode: 0o644 }],
])

/** The service of the proxy, and the networks, in docker-compose.yml. */
export const PROXY_SERVICE = `
  # Uses FORGE_TOKEN for the agents, who can't read it: docs/proxy.md. It alone is granted it:
  #   disinto secrets add FORGE_TOKEN && disinto secrets grant forge FORGE_TOKEN
  forge:
    image: \${PROXY_IMAGE:-disinto-forge-proxy}
    build:
      context: proxy
      args:
        AGENT_IMAGE: \${AGENT_IMAGE:-disinto-agent}
    restart: unless-stopped
    init: true
    read_only: true
    tmpfs: ["/tmp:size=1g"]
    security_opt:
      - no-new-privileges
    environment:
      DISINTO_REQUIRE: FORGE_TOKEN
      # Where requests go, and the user that the token is of, where the forge asks for one.
      FORGE_URL: https://forge.example.org
      FORGE_USER: token
    networks: [inside, outside]

networks:
  # The agents' network leads nowhere but to the services in it, and not to this machine either: its bridge has no
  # address, at which whatever listens here on all addresses would answer.
  inside:
    internal: true
    driver_opts:
      com.docker.network.bridge.inhibit_ipv4: "true"
  outside: {}
`

/** What the agents have besides: their network, and git sent to the proxy whatever address is asked for. */
export const PROXY_FOR_AGENTS = {
  networks: '    networks: [inside]\n',
  environment: `      GIT_CONFIG_COUNT: "1"
      GIT_CONFIG_KEY_0: url.http://forge/.insteadOf
      GIT_CONFIG_VALUE_0: https://forge.example.org/
`,
}
