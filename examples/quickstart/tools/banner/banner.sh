#!/bin/sh
# Prints its arguments in a frame.
if [ "$1" = --help ]; then
  echo "usage: banner TEXT"
  exit
fi
line=$(echo "$*" | sed 's/./-/g')
printf '+-%s-+\n| %s |\n+-%s-+\n' "$line" "$*" "$line"
