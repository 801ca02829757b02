#!/bin/sh
dpkg-query --show
