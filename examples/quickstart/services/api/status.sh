#!/bin/sh
printf 'Content-Type: application/json\r\n\r\n{"status": "ok", "uptime": "%s"}\n' "$(cut -d ' ' -f 1 /proc/uptime)"
