#!/usr/bin/env bash
# Install the system packages that the tests and benches need; does nothing, and needs no root, when all are there.
set -euo pipefail

# command -> Debian package
declare -A needed=(
  [g++]=g++
)

missing=()
for command in "${!needed[@]}"; do
  command -v "$command" >/dev/null || missing+=("${needed[$command]}")
done

if ((${#missing[@]} == 0)); then
  echo "test-services: everything is there"
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "test-services: missing ${missing[*]}; install them with this system's package manager" >&2
  exit 1
fi
as_root=()
if ((EUID != 0)); then
  as_root=(sudo)
  command -v sudo >/dev/null || { echo "test-services: missing ${missing[*]}; run as root: apt-get install ${missing[*]}" >&2; exit 1; }
fi
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
