#!/usr/bin/env bash
# Installs Debian's software Vulkan driver, Chromium and Node's npm for the WebGPU and page tests, when they are missing and we are root.
set -euo pipefail
missing=()
for package in mesa-vulkan-drivers libvulkan1 chromium; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
command -v npm >/dev/null || missing+=(nodejs npm)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed (the tests that need them are skipped): ${missing[*]}" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
