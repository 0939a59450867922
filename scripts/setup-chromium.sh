#!/usr/bin/env bash
# Debian's chromium, in which the tests look at the pages that `sartor explain --html` writes. Where it cannot be installed this says
# so and succeeds: the tests then skip the browser, visibly.
set -euo pipefail
if ! command -v chromium >/dev/null; then
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium || true
  fi
fi
command -v chromium || echo "skip: there is no chromium and it could not be installed (needs Debian's apt-get and root)"
