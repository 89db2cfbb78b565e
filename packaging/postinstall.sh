#!/bin/sh
set -e
if [ -d /run/systemd/system ] || command -v systemd-sysusers >/dev/null 2>&1; then
    systemd-sysusers /usr/lib/sysusers.d/posvid*.conf || true
    systemd-tmpfiles --create /usr/lib/tmpfiles.d/posvid*.conf || true
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || true
fi
