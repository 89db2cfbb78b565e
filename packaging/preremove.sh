#!/bin/sh
set -e
if [ -d /run/systemd/system ] && [ "$1" = remove ]; then
    systemctl stop posvid.service posvid-sync.timer || true
    systemctl disable posvid.service posvid-sync.timer || true
fi
